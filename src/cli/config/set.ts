/** `runnel config set` and `unset`: change configs one by one; what is not named stays. All or none of them change. */
import type { Call } from "../call.ts";
import type { Run } from "../command.ts";
import { connected } from "../connected.ts";
import { changeConfigs } from "./change.ts";
import { mustBeThere, resourceOf, toldOf } from "./resource.ts";

export const setConfigs: Run = (call) => {
  const configs = new Map<string, string | null>();
  for (const text of call.words.slice(2)) {
    const at = text.indexOf("=");
    if (at < 1) throw call.misused(`${text || '""'}: needs CONFIG=VALUE`);
    const name = text.slice(0, at);
    if (configs.has(name)) throw call.misused(`${name} is named twice`);
    configs.set(name, text.slice(at + 1));
  }
  return alter(call, configs);
};

export const unsetConfigs: Run = (call) => {
  const names = call.words.slice(2),
    wrong = names.find((name) => name === "" || name.includes("="));
  if (wrong !== undefined) throw call.misused(`${wrong || '""'}: needs the name of a config`);
  return alter(call, new Map(names.map((name) => [name, null])));
};

function alter(call: Call, configs: ReadonlyMap<string, string | null>): Promise<number> {
  const resource = resourceOf(call), validateOnly = call.has("--dry-run");
  return connected(call, async ({ cluster, out }) => {
    await mustBeThere(cluster, resource);
    await changeConfigs(cluster, resource, Object.fromEntries(configs), { validateOnly });
    for (const [name, value] of configs) {
      const change = value === null ? "unset" : `= ${value === "" ? '""' : value}`;
      out.told(`${toldOf(resource)}: ${name} ${change}${validateOnly ? " would be fine" : ""}`, {
        ...resource,
        config: name,
        value,
        isDry: validateOnly,
      });
    }
    return 0;
  });
}

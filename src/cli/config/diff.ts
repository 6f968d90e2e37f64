/** `runnel config diff`: where configs of two differ, by what they go by, whoever has set it. Exit code 2 where they do. */
import { Admin, type ConfigEntry } from "../../client/admin.ts";
import { Cluster } from "../../client/cluster.ts";
import type { Run } from "../command.ts";
import { connected } from "../connected.ts";
import type { Cell } from "../output.ts";
import { firstAnswer } from "../first_answer.ts";
import { addressesOf, configOf, reachedBy } from "../reach.ts";
import { mustBeThere, resourceOf, toldOf } from "./resource.ts";

export const diffConfigs: Run = (call) => {
  const [, name, other] = call.words, elsewhere = call.text("--other-bootstrap");
  if (elsewhere === null && (other === "" || other === name)) {
    throw call.misused("needs OTHER, or --other-bootstrap");
  }
  const first = resourceOf(call), second = resourceOf(call, other || name);
  return connected(call, async ({ cluster, out, bootstrap }) => {
    const { security } = reachedBy(call, await configOf(call.options));
    const there = elsewhere === null ? null : new Cluster({
      bootstrap: addressesOf(elsewhere),
      ...security,
      callTimeoutMs: 10_000,
    });
    try {
      if (there !== null) await firstAnswer(there, elsewhere!);
      await mustBeThere(cluster, first);
      await mustBeThere(there ?? cluster, second);
      const [one, two] = await Promise.all([
        new Admin(cluster).describeConfigs(first),
        new Admin(there ?? cluster).describeConfigs(second),
      ]);
      const rows = differences(one, two);
      if (rows.length > 0 || out.isJson) {
        if (!out.isJson) {
          out.line(`First: ${toldOf(first)} at ${bootstrap}`);
          out.line(`Second: ${toldOf(second)} at ${elsewhere ?? bootstrap}`);
        }
        out.table(["config", "first", "second"], rows);
      } else out.line("There is no difference.");
      return rows.length === 0 ? 0 : 2;
    } finally {
      there?.close();
    }
  });
};

/**
 * The config with both values; null where it has none, or the broker does not know it. Of values that are hidden nothing
 * is known, so they count as alike.
 */
function differences(one: readonly ConfigEntry[], two: readonly ConfigEntry[]): Cell[][] {
  const first = byName(one), second = byName(two);
  return [...new Set([...first.keys(), ...second.keys()])].sort().flatMap((config) => {
    const a = first.get(config), b = second.get(config);
    if (a?.isSensitive || b?.isSensitive) return [];
    const values = [a?.value ?? null, b?.value ?? null];
    return values[0] === values[1] ? [] : [[config, ...values]];
  });
}

function byName(entries: readonly ConfigEntry[]): Map<string, ConfigEntry> {
  return new Map(entries.map((entry) => [entry.name, entry]));
}

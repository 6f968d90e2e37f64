/** `runnel config get`: configs with their values and who has set them. */
import { Admin, type ConfigSource } from "../../client/admin.ts";
import { ConfigError } from "../../config/load.ts";
import { closest } from "../../config/near_miss.ts";
import type { Run } from "../command.ts";
import { connected } from "../connected.ts";
import { mustBeThere, resourceOf, toldOf } from "./resource.ts";

export const getConfigs: Run = (call) => {
  const resource = resourceOf(call), names = call.words.slice(2);
  return connected(call, async ({ cluster, out }) => {
    await mustBeThere(cluster, resource);
    const entries = await new Admin(cluster).describeConfigs(resource);
    const unknown = names.find((name) => entries.every((entry) => entry.name !== name));
    if (unknown !== undefined) {
      const near = closest(unknown, entries.map(({ name }) => name));
      throw new ConfigError(
        // Of the default of all brokers only what is set is told.
        resource.name === ""
          ? `${unknown} is not set for all brokers`
          : `${toldOf(resource)} has no config ${unknown}${
            near === null ? "" : `: did you mean ${near}?`
          }`,
      );
    }
    // What a broker's file says is its own too; a topic only goes by it.
    const isOwn = (source: ConfigSource) =>
      resource.type === "broker" ? source !== "default" : source === resource.type;
    const shown = entries.filter(({ name, source }) =>
      names.length > 0 ? names.includes(name) : call.has("--all") || isOwn(source)
    ).sort((a, b) => a.name < b.name ? -1 : 1);
    if (out.isJson) {
      for (const { name, value, source, isReadOnly, isSensitive } of shown) {
        out.json({ config: name, value, source, isReadOnly, isSensitive });
      }
      return 0;
    }
    if (shown.length === 0 && resource.name !== "") {
      console.error(`${toldOf(resource)} sets none itself; --all shows those it goes by`);
    }
    out.table(
      ["config", "value", "set by"],
      shown.map(({ name, value, source, isSensitive }) => [
        name,
        isSensitive ? "(hidden)" : value === "" ? '""' : value,
        source === "default" ? null : source,
      ]),
    );
    return 0;
  });
};

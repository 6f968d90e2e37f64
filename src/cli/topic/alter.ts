/** `runnel topic alter`: sets and unsets configs, all or none. */
import type { Run } from "../command.ts";
import { changeConfigs } from "../config/change.ts";
import { connected } from "../connected.ts";
import { existingTopic } from "../existing_topic.ts";
import { configsOf } from "./configs.ts";

export const alterTopic: Run = (call) => {
  const configs = configsOf(call), [name] = call.words;
  if (Object.keys(configs).length === 0) {
    throw call.misused("needs --config NAME=VALUE or --unset NAME");
  }
  return connected(call, async ({ cluster, out }) => {
    await existingTopic(cluster, name);
    await changeConfigs(cluster, { type: "topic", name }, configs);
    for (const [config, value] of Object.entries(configs)) {
      out.told(`${name}: ${config} ${value === null ? "unset" : `= ${value}`}`, {
        topic: name,
        config,
        value,
      });
    }
    return 0;
  });
};

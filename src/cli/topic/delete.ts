/** `runnel topic delete`: topics, with all their records. */
import { Admin } from "../../client/admin.ts";
import type { Cluster } from "../../client/cluster.ts";
import { ConfigError } from "../../config/load.ts";
import type { Run } from "../command.ts";
import { confirmed } from "../confirm.ts";
import { connected } from "../connected.ts";
import { existingTopic } from "../existing_topic.ts";

export const deleteTopics: Run = (call) =>
  connected(call, async ({ cluster, out, bootstrap }) => {
    const names = [...new Set(call.words)];
    const question = `Delete ${names.join(", ")} at ${bootstrap} with all records?`;
    if (!confirmed(call, question)) return 1;
    const admin = new Admin(cluster);
    for (const name of names) {
      if (await isThere(cluster, name, call.has("--if-present"))) {
        await admin.deleteTopics([name]);
        out.told(`${name}: deleted`, { topic: name, result: "deleted" });
      } else out.told(`${name}: is not there`, { topic: name, result: "is not there" });
    }
    return 0;
  });

/** Throws ConfigError for one that is not there, where that is not fine. */
async function isThere(cluster: Cluster, name: string, mayBeAbsent: boolean): Promise<boolean> {
  try {
    await existingTopic(cluster, name);
    return true;
  } catch (error) {
    if (!(error instanceof ConfigError && mayBeAbsent)) throw error;
    return false;
  }
}

/** `runnel topic delete`: topics, with all their records. */
import { Admin } from "../../client/admin.ts";
import { KafkaError } from "../../client/errors.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Run } from "../command.ts";
import { confirmed } from "../confirm.ts";
import { connected } from "../connected.ts";

export const deleteTopics: Run = (call) =>
  connected(call, async ({ cluster, out, bootstrap }) => {
    const names = [...new Set(call.words)];
    const question = `Delete ${names.join(", ")} at ${bootstrap} with all records?`;
    if (!confirmed(call, question)) return 1;
    const admin = new Admin(cluster);
    for (const name of names) {
      try {
        await admin.deleteTopics([name]);
        out.line(`${name}: deleted`);
      } catch (error) {
        const isAbsent = error instanceof KafkaError &&
          error.code === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
        if (!isAbsent || !call.has("--if-present")) throw error;
        out.line(`${name}: is not there`);
      }
    }
    return 0;
  });

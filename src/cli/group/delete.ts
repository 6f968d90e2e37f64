/** `runnel group delete`: groups that nobody is a member of, or with --topic only what one has committed there. */
import { KafkaError } from "../../client/errors.ts";
import { deleteGroup, deleteOffsets } from "../../client/group_changes.ts";
import { committedOffsets } from "../../client/groups.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Call } from "../call.ts";
import type { Run } from "../command.ts";
import { confirmed } from "../confirm.ts";
import { type Connected, connected } from "../connected.ts";
import { printable } from "../table.ts";
import { partitionName } from "./findings.ts";
import { type ChosenTopic, chosenTopics } from "./partitions.ts";

export const deleteGroups: Run = (call) => {
  const names = [...new Set(call.words)], topics = chosenTopics(call);
  if (topics.length > 0 && names.length > 1) {
    throw call.misused("--topic is for one group at a time");
  }
  return connected(call, async (connection) => {
    if (topics.length > 0) return await forget(call, connection, { groupId: names[0], topics });
    const { cluster, out, bootstrap } = connection;
    const question = `Delete ${names.join(", ")} at ${bootstrap} with what is committed?`;
    if (!confirmed(call, question)) return 1;
    for (const name of names) {
      try {
        await deleteGroup(cluster, name);
        out.told(`${name}: deleted`, { group: name, result: "deleted" });
      } catch (error) {
        const isAbsent = error instanceof KafkaError &&
          error.code === ErrorCode.GROUP_ID_NOT_FOUND;
        if (!isAbsent || !call.has("--if-present")) throw error;
        out.told(`${name}: is not there`, { group: name, result: "is not there" });
      }
    }
    return 0;
  });
};

async function forget(
  call: Call,
  { cluster, out, bootstrap }: Connected,
  { groupId, topics }: { readonly groupId: string; readonly topics: readonly ChosenTopic[] },
): Promise<number> {
  const found = (await committedOffsets(cluster, groupId)).filter((one) =>
    topics.some(({ topic, partitions }) =>
      topic === one.topic && (partitions?.has(one.partition) ?? true)
    )
  );
  if (found.length === 0) {
    const line = `${groupId}: nothing is committed there`;
    if (call.has("--if-present")) {
      out.told(line, { group: groupId, result: "nothing is committed there" });
    } else console.error(`runnel: ${printable(line)}`);
    return call.has("--if-present") ? 0 : 1;
  }
  const names = found.map(partitionName).join(", ");
  if (!confirmed(call, `Forget what ${groupId} has committed of ${names} at ${bootstrap}?`)) {
    return 1;
  }
  await deleteOffsets(cluster, groupId, found);
  for (const { topic, partition, offset } of found) {
    out.told(`${groupId}: ${topic}-${partition} forgotten, was ${offset}`, {
      group: groupId,
      topic,
      partition,
      offset,
      result: "forgotten",
    });
  }
  return 0;
}

/** `runnel topic trim`: deletes the oldest records of some partitions, or all (DeleteRecords). */
import { Admin } from "../../client/admin.ts";
import type { TopicPartition } from "../../client/list_offsets.ts";
import { ConfigError } from "../../config/load.ts";
import type { Call } from "../call.ts";
import type { Run } from "../command.ts";
import { confirmed } from "../confirm.ts";
import { counted } from "../counted.ts";
import { connected } from "../connected.ts";
import { existingTopic } from "../existing_topic.ts";

export const trimTopic: Run = (call) => {
  const [topic] = call.words, chosen = call.texts("--partition").map(Number);
  const before = call.whole("--before"), olderThanMs = call.durationMs("--older-than");
  const ways = [before !== null, olderThanMs !== null, call.has("--all")].filter(Boolean).length;
  if (ways !== 1) throw call.misused("needs one of --before, --older-than and --all");
  if (chosen.some((partition) => !(Number.isInteger(partition) && partition >= 0))) {
    throw call.misused(`--partition ${call.texts("--partition").join(", ")}: needs whole numbers`);
  }
  return connected(call, async ({ cluster, out }) => {
    const admin = new Admin(cluster);
    const indexes = (await existingTopic(cluster, topic)).partitions.map(({ index }) => index);
    const missing = chosen.find((partition) => !indexes.includes(partition));
    if (missing !== undefined) {
      throw new ConfigError(`${topic} has no partition ${missing}: it has ${indexes.length}`);
    }
    const partitions = chosen.length === 0 ? indexes : [...new Set(chosen)];
    const ends = await cutsOf(admin, { topic, partitions, before, olderThanMs });
    const question = `Delete ${wordsOf(call)} of ${
      counted(partitions.length, "partition")
    } of ${topic}?`;
    if (!confirmed(call, question)) return 1;
    for (const { partition, offset } of ends) {
      const start = await admin.deleteRecords({ topic, partition, offset });
      out.told(`${topic}-${partition}: begins at ${start}`, { topic, partition, start });
    }
    return 0;
  });
};

/** The first offset that stays, by partition; -1 stands for the end. */
async function cutsOf(
  admin: Admin,
  { topic, partitions, before, olderThanMs }: {
    readonly topic: string;
    readonly partitions: readonly number[];
    readonly before: number | null;
    readonly olderThanMs: number | null;
  },
): Promise<readonly (TopicPartition & { readonly offset: number })[]> {
  if (olderThanMs === null) {
    return partitions.map((partition) => ({ topic, partition, offset: before ?? -1 }));
  }
  // The ends come first: what is appended meanwhile is younger, and stays where all before it goes.
  const ends = await admin.listOffsets(
    partitions.map((partition) => ({ topic, partition, at: "latest" })),
  );
  const at = Date.now() - olderThanMs;
  const found = await admin.listOffsets(
    partitions.map((partition) => ({ topic, partition, at })),
  );
  return found.map(({ partition, offset }, row) => ({
    topic,
    partition,
    offset: offset < 0 ? ends[row].offset : offset,
  }));
}

function wordsOf(call: Call): string {
  if (call.has("--all")) return "all records";
  const before = call.text("--before");
  return before === null
    ? `records older than ${call.text("--older-than")}`
    : `the records before offset ${before}`;
}

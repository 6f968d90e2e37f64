/**
 * Counts the words of a topic into another, each line once, whatever fails: the counts and how far they go are written in
 * one transaction, so that both are there or neither. It reads its own counts when it begins, and goes on from there.
 *
 * Both topics have to be there, each of one partition; of one that is not it is told after a minute, as a consumer waits for it.
 *
 *     runnel topic create lines
 *     runnel topic create counts --config cleanup.policy=compact
 *     deno run --allow-net --allow-env examples/word_count.ts 127.0.0.1:9092 lines counts
 */
import process from "node:process";
import { Consumer, TransactionalProducer } from "runnel";

export interface WordCountOptions {
  readonly bootstrap: string;
  /** Its lines are read from partition 0. */
  readonly from: string;
  /** A compacted topic of one partition: word → count, and the offset of the next line under POSITION. */
  readonly to: string;
}

/** Counts what is there now; what it came to. */
export async function countWords({ bootstrap, from, to }: WordCountOptions) {
  const producer = new TransactionalProducer({ bootstrap }, { transactionalId: `count-${to}` });
  const consumer = new Consumer({ bootstrap }, {
    autoOffsetReset: "earliest",
    isolation: "readCommitted",
  });
  try {
    await producer.init(); // another one that still runs can commit no more
    const counts = new Map<string, number>();
    for await (const { key, value } of allOf(consumer, to)) {
      counts.set(text.decode(key!), Number(text.decode(value!)));
    }
    const lines = allOf(consumer, from, counts.get(POSITION) ?? 0);
    for await (const { offset, value } of lines) {
      const changed = new Set<string>([POSITION]);
      for (const word of text.decode(value!).toLowerCase().match(/\p{L}+/gu) ?? []) {
        counts.set(word, (counts.get(word) ?? 0) + 1);
        changed.add(word);
      }
      counts.set(POSITION, offset + 1);
      producer.begin();
      for (const key of changed) {
        producer.send({ topic: to, partition: 0, key, value: `${counts.get(key)}` })
          .catch(() => {}); // commit() tells
      }
      await producer.commit();
    }
    counts.delete(POSITION);
    return counts;
  } finally {
    await consumer.close();
    await producer.close();
  }
}

const POSITION = "#position"; // no word
const text = new TextDecoder();

/** What is in partition 0 of a topic now, from an offset on. */
async function* allOf(consumer: Consumer, topic: string, from = 0) {
  const partition = { topic, partition: 0 };
  const [end] = await consumer.endOffsets([partition]);
  consumer.assign([partition]);
  consumer.seek(partition, from);
  while (!consumer.hasReached(partition, end)) yield* await consumer.poll(1000);
}

if (process.argv[1]?.endsWith("word_count.ts")) {
  const [bootstrap = "127.0.0.1:9092", from = "lines", to = "counts"] = process.argv.slice(2);
  for (const [word, count] of await countWords({ bootstrap, from, to })) console.log(word, count);
}

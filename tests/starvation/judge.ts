/** What of the promises does not hold, in words. */
import type { Connection } from "../../src/client/connection.ts";
import { Fetch } from "../../src/protocol/messages/fetch.ts";
import { ListOffsets } from "../../src/protocol/messages/list_offsets.ts";
import { Metadata } from "../../src/protocol/messages/metadata.ts";
import { OffsetFetch } from "../../src/protocol/messages/offset_fetch.ts";
import * as batch from "../../src/protocol/records/batch.ts";
import { readRecords } from "../../src/protocol/records/record.ts";
import type { Promises } from "./service.ts";

export async function broken(connection: Connection, promises: Promises): Promise<string[]> {
  const wrong: string[] = [];
  const found = await valuesOf(connection, "base");
  for (const [offset, value] of promises.values) {
    if (found.get(offset) !== value) {
      wrong.push(`base ${offset} is ${found.get(offset)}, was ${value}`);
    }
  }
  const committed = await committedOffset(connection);
  if (committed < promises.committed) {
    wrong.push(`committed is ${committed}, was ${promises.committed}`);
  }
  const start = await startOf(connection, "trim");
  if (start < promises.trimmedTo) {
    wrong.push(`trim begins at ${start}, was deleted to ${promises.trimmedTo}`);
  }
  const { topics } = await connection.request(Metadata, 8, { topics: null });
  const there = new Set(topics.map(({ name }) => name));
  for (const name of promises.created) {
    if (!there.has(name)) wrong.push(`${name} was created, and is not there`);
  }
  for (const name of promises.deleted) {
    if (there.has(name)) wrong.push(`${name} was deleted, and is there`);
  }
  return wrong;
}

async function valuesOf(connection: Connection, topic: string): Promise<Map<number, string>> {
  const values = new Map<number, string>();
  for (let from = 0;;) {
    const { responses } = await connection.request(Fetch, 11, {
      replicaId: -1,
      maxWaitMs: 0,
      minBytes: 0,
      maxBytes: 8 << 20,
      topics: [{
        topic,
        partitions: [{ partition: 0, fetchOffset: from, partitionMaxBytes: 8 << 20 }],
      }],
    });
    const { records, errorCode } = responses[0].partitions[0];
    if (errorCode !== 0) {
      throw new Error(`fetching ${topic} from ${from} was answered ${errorCode}`);
    }
    const before = from;
    for (const at of records === null ? [] : batch.batches(records)) {
      for (const { offset, value } of readRecords(records!, at)) {
        values.set(Number(offset), new TextDecoder().decode(value!));
        from = Number(offset) + 1;
      }
    }
    if (from === before) return values;
  }
}

async function committedOffset(connection: Connection): Promise<number> {
  const { topics } = await connection.request(OffsetFetch, 5, {
    groupId: "g",
    topics: [{ name: "base", partitionIndexes: [0] }],
  });
  return Number(topics[0].partitions[0].committedOffset);
}

async function startOf(connection: Connection, topic: string): Promise<number> {
  const { topics } = await connection.request(ListOffsets, 5, {
    replicaId: -1,
    isolationLevel: 0,
    topics: [{ name: topic, partitions: [{ partitionIndex: 0, timestamp: -2 }] }],
  });
  return Number(topics[0].partitions[0].offset);
}

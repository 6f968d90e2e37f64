/** Proves that who reads a partition fetch by fetch, as follows and downloads do, leaves others their turn in between. */
import { assert } from "@std/assert";
import type { Requests } from "../client/asking.ts";
import { buildBatch } from "../protocol/records/build.ts";
import { Effort, PartitionReader } from "./partition_reader.ts";

/** Answers every Fetch at once with one batch: it takes no turn of the event loop. */
function atOnce(): Requests {
  const value = new Uint8Array(1000);
  const answer = (offset: number) => {
    const records = buildBatch({ records: [{ timestampMs: 0, key: null, value }] });
    new DataView(records.buffer, records.byteOffset).setBigInt64(0, BigInt(offset));
    const partition = { errorCode: 0, records, highWatermark: 2 ** 40, lastStableOffset: 2 ** 40 };
    return { errorCode: 0, responses: [{ partitions: [partition] }] };
  };
  return {
    versionFor: () => 12,
    request: (
      _: unknown,
      __: unknown,
      body: { topics: { partitions: { fetchOffset: number }[] }[] },
    ) => Promise.resolve(answer(body.topics[0].partitions[0].fetchOffset)),
  } as unknown as Requests;
}

/** Others come to their turn every few milliseconds: so often it is no chance. */
const TURNS = 100, MAX_MS = 30_000;

for (const isCommitted of [true, false]) {
  Deno.test(`reading on and on, a new effort each time, leaves others their turn (committed: ${isCommitted})`, async () => {
    const requests = atOnce(), { signal } = new AbortController(), onProblem = () => {};
    let turns = 0, from = 0;
    const timer = setInterval(() => turns++, 0), beganMs = performance.now();
    while (turns < TURNS && performance.now() - beganMs < MAX_MS) {
      const effort = new Effort(signal);
      const reader = new PartitionReader({ requests, topic: "t", isCommitted, effort, onProblem });
      ({ nextOffset: from } = await reader.read(0, { from }, () => true));
    }
    clearInterval(timer);
    assert(turns >= TURNS, `${turns} turns in ${from} reads`);
  });
}

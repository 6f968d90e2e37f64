/** Proves that a download whose filter finds nothing ends when its user may not have it any more. */
import { assertRejects } from "@std/assert";
import { AnswerCut } from "../metrics/http_pages.ts";
import { buildBatch } from "../protocol/records/build.ts";
import { downloadRoutes } from "./download.ts";
import type { Call } from "./route.ts";
import { Saves } from "./saves.ts";

const END = 2 ** 40;

/** One partition that goes on and on; `onFetch` is told of each fetch. */
function endless(onFetch: () => void): Call["requests"] {
  const partitions = [{ partitionIndex: 0, errorCode: 0 }];
  const answers: Record<string, (body: never) => unknown> = {
    Metadata: () => ({ errorCode: 0, topics: [{ errorCode: 0, name: "t", partitions }] }),
    ListOffsets: ({ topics: [asked] }: { topics: { partitions: { timestamp: number }[] }[] }) => {
      const offset = asked.partitions[0].timestamp === -1 ? END : 0;
      return { topics: [{ name: "t", partitions: [{ ...partitions[0], offset }] }] };
    },
    Fetch: ({ topics: [asked] }: { topics: { partitions: { fetchOffset: number }[] }[] }) => {
      onFetch();
      const records = buildBatch({ records: [{ timestampMs: 0, value: new Uint8Array(10) }] });
      const offset = BigInt(asked.partitions[0].fetchOffset);
      new DataView(records.buffer, records.byteOffset).setBigInt64(0, offset);
      const partition = { errorCode: 0, records, highWatermark: END, lastStableOffset: END };
      return { errorCode: 0, responses: [{ partitions: [partition] }] };
    },
  };
  return {
    versionFor: () => 12,
    request: ({ name }: { name: string }, _: number, body: never) =>
      Promise.resolve(answers[name](body)),
  } as unknown as Call["requests"];
}

Deno.test("a download that finds nothing ends when its user may not have it any more", async () => {
  const late = new AbortController(), timer = setTimeout(() => late.abort(), 10_000);
  let fetches = 0;
  const call = {
    requests: endless(() => fetches++),
    params: { topic: "t" },
    query: { text: "never" },
    signal: late.signal,
    house: { turns: { take: (work: () => unknown) => work() }, saves: new Saves() },
    mayGoOn: () => fetches < 10,
  } as unknown as Call;
  const response = await downloadRoutes[0].handle(call) as Response;
  await assertRejects(() => response.text(), AnswerCut, "may not see it any more");
  clearTimeout(timer);
});

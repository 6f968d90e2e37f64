/**
 * Proves that `consume --json | produce --json` gives the records that were there, byte for byte: random ones, of bytes
 * that are no text, timestamps that no number holds, nulls and what is empty, headers of one name. Source and copy are
 * read apart from the code that reads records here.
 */
import { assertEquals } from "@std/assert";
import { exactBatch, type ExactRecord, exactRecords } from "../../src/testing/exact_records.ts";
import { SeededRandom } from "../../src/testing/seeded_random.ts";
import { fetchOne, produce } from "../broker/calls.ts";
import { TestBroker } from "../broker/harness.ts";
import { runnel } from "./program.ts";

/** Two powers where numbers and int64s end, with their neighbours, and times that are ones. */
const TIMES = [
  ...[53n, 63n].flatMap((bits) => [-2n, -1n, 0n, 1n, 2n].map((more) => (1n << bits) + more)),
  ...[53n, 63n].flatMap((bits) => [-2n, -1n, 0n, 1n, 2n].map((more) => more - (1n << bits))),
  ...[-2n, -1n, 0n, 1n, 1_700_000_000_000n],
].map((time) => BigInt.asIntN(64, time));

const TEXTS = [
  "",
  "a",
  'a\u0000\t\n\r"\\',
  "\ufeffBOM",
  "\ufffd",
  "\u2028\u202e\x1b[31m\x9b",
  "😀",
];

const SEED = Number(Deno.env.get("SEED") ?? 26);

Deno.test(`records come through consume --json and produce --json byte for byte (SEED=${SEED})`, async () => {
  await using broker = await TestBroker.start();
  const at = ["--bootstrap", `127.0.0.1:${broker.port}`], connection = await broker.connect();
  const configs = {
    "retention.ms": "-1",
    "message.timestamp.after.max.ms": "9223372036854775807",
    "message.timestamp.before.max.ms": "9223372036854775807",
  };
  for (const topic of ["from", "to"]) await broker.createTopic(topic, { configs });
  const random = new SeededRandom(SEED), written: ExactRecord[] = [];
  for (let i = 0; i < 300; i++) {
    const some = Array.from({ length: i % 4 === 0 ? 3 : 1 }, () => randomRecord(random));
    // A base of its own, too: what is beyond 2^53 is the sum, or one of its parts.
    const own = some[0].timestampMs;
    const baseMs = i % 3 === 0 && own - 5n >= -(1n << 63n) ? own - 5n : own;
    const answer = await produce(connection, { topic: "from", records: exactBatch(some, baseMs) });
    // What this broker refuses of a batch (times further apart than numbers go) was not written.
    if (answer.errorCode === 0) written.push(...some);
    else assertEquals(some.length, 3, `${answer.errorMessage}: ${some[0].timestampMs}`);
  }
  assertEquals(await read(broker, "from"), written);
  const json = await runnel(["consume", "from", "--json", ...at]);
  assertEquals([json.code, json.error], [0, ""]);
  const sent = await runnel(["produce", "to", "--json", ...at], json.out);
  assertEquals([sent.code, sent.error], [0, ""]);
  const copied = await read(broker, "to");
  assertEquals(copied.length, written.length);
  for (const [i, one] of written.entries()) assertEquals(copied[i], one, `record ${i}`);
});

async function read(broker: TestBroker, topic: string): Promise<ExactRecord[]> {
  const connection = await broker.connect(), found: ExactRecord[] = [];
  for (;;) {
    // A fetch gives whole batches: it begins with the first that was not read.
    const { records, highWatermark } = await fetchOne(connection, topic, found.length);
    found.push(...exactRecords(records ?? new Uint8Array()));
    if (found.length >= highWatermark) return found;
  }
}

function randomRecord(random: SeededRandom): ExactRecord {
  const headers = Array.from({ length: random.below(4) }, () => {
    const key = randomBytes(random) ?? new Uint8Array();
    return [key, randomBytes(random)] as const;
  });
  // Some headers have the name of another.
  if (headers.length > 1 && random.oneIn(2)) headers.push([headers[0][0], randomBytes(random)]);
  return {
    timestampMs: random.pick(TIMES),
    key: randomBytes(random),
    value: randomBytes(random),
    headers,
  };
}

/** Null, text, or bytes of which hardly any are text. */
function randomBytes(random: SeededRandom): Uint8Array | null {
  switch (random.below(3)) {
    case 0:
      return null;
    case 1:
      return new TextEncoder().encode(random.pick(TEXTS));
    default:
      return Uint8Array.from({ length: random.below(9) }, () => random.below(256));
  }
}

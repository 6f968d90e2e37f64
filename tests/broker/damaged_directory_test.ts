/**
 * Proves that no file of a directory is believed before the log, and that nothing a broker did not mark deleted itself
 * is ever removed: a directory is damaged in one place, after a clean stop and after kill -9, and a broker started on
 * it. Whatever it finds, the answer is one of
 *
 * | outcome | means |
 * |---|---|
 * | served | every record, and the next offset is the right one |
 * | healed | the same, and a warning says what was wrong |
 * | offline | 56, with the reason in the log, and the files stay as they are |
 *
 * and never other data, a lower offset, or silence.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { configureLog } from "../../src/log.ts";
import { DeleteRecords } from "../../src/protocol/messages/delete_records.ts";
import { DeleteTopics } from "../../src/protocol/messages/delete_topics.ts";
import { FindCoordinator } from "../../src/protocol/messages/find_coordinator.ts";
import { OffsetCommit } from "../../src/protocol/messages/offset_commit.ts";
import { OffsetFetch } from "../../src/protocol/messages/offset_fetch.ts";
import { ErrorCode } from "../../src/protocol/errors.ts";
import {
  append,
  batchOf,
  EARLIEST,
  fetchOne,
  LATEST,
  listOffset,
  produce,
  readAll,
} from "./calls.ts";
import { pause, TestBroker, withDirectory } from "./harness.ts";
import type { Connection } from "../../src/client/connection.ts";

const COUNT = 60;
const VALUES = Array.from({ length: COUNT }, (_, i) => `${i}:${"x".repeat(50)}`);
const STOPS = ["a clean stop", "kill -9"] as const;
type Stop = typeof STOPS[number];
type Outcome = "served" | "healed" | "offline";

// ---- Directories

/** A directory with topic t (several segments, start at 0) and keep (one record), stopped in this way. */
async function directory(path: string, stop: Stop): Promise<string> {
  const running = `${path}/running`, left = `${path}/left`;
  await using broker = await TestBroker.start({ path: running });
  await broker.createTopic("t", { configs: { "internal.segment.bytes": "1000" } });
  await broker.createTopic("keep");
  await broker.createTopic("other");
  const connection = await broker.connect();
  await append(connection, "other", ["another"]);
  for (const value of VALUES) await append(connection, "t", [value]);
  await append(connection, "keep", ["kept"]);
  await checkpointed(connection, running, "t 0 ");
  if (stop === "kill -9") {
    await copyTo(running, left);
    return left;
  }
  await broker.stop();
  return running;
}

/** Waits until the broker has written down that a log was synced; DeleteRecords makes it write. */
async function checkpointed(connection: Connection, path: string, line: string): Promise<void> {
  const topics = [{ name: "keep", partitions: [{ partitionIndex: 0, offset: 0 }] }];
  for (let i = 0; i < 100; i++) {
    await connection.request(DeleteRecords, 2, { topics, timeoutMs: 1000 });
    const file = `${path}/recovery-point-offset-checkpoint`;
    const text = await Deno.readTextFile(file).catch(() => "");
    if (new RegExp(`^${line}[1-9]`, "m").test(text)) return;
    await pause(50);
  }
  throw new Error(`${path}: no recovery point of ${line} was written`);
}

/** As a crash leaves it: files before folders, newer segments before older ones. */
async function copyTo(path: string, to: string): Promise<void> {
  await Deno.mkdir(to);
  const order = (entry: Deno.DirEntry) => `${entry.isDirectory ? 0 : 1}${entry.name}`;
  const entries = [...Deno.readDirSync(path)].sort((a, b) => order(a) < order(b) ? 1 : -1);
  for (const { name, isDirectory } of entries) {
    if (isDirectory) await copyTo(`${path}/${name}`, `${to}/${name}`);
    else await Deno.copyFile(`${path}/${name}`, `${to}/${name}`).catch(() => {});
  }
}

function namesIn(path: string, pattern = /./): string[] {
  return [...Deno.readDirSync(path)].map(({ name }) => name).filter((name) => pattern.test(name))
    .sort();
}

const segments = (path: string, folder = "t-0") => namesIn(`${path}/${folder}`, /^\d{20}\.log$/);
const lastSegment = (path: string) => {
  const names = segments(path);
  const name = names.findLast((one) => Deno.statSync(`${path}/t-0/${one}`).size > 0)!;
  return `${path}/t-0/${name}`;
};

// ---- What a broker makes of them

interface Found {
  readonly outcome: Outcome | string;
  readonly warnings: readonly string[];
}

/** Runs `body` with what the broker logs as warnings or worse. */
async function withLog<T>(body: (lines: string[]) => Promise<T>): Promise<T> {
  const lines: string[] = [];
  configureLog(
    { level: "warn", format: "text", maxClientEvents: 1000 },
    (line) => void lines.push(line),
  );
  try {
    return await body(lines);
  } finally {
    configureLog({ level: "error", format: "text", maxClientEvents: 10 }, () => {});
  }
}

/** Waits while a partition is being looked at (6). */
async function settled(connection: Connection, topic: string, offset: number): Promise<number> {
  for (let i = 0; i < 200; i++) {
    const { errorCode } = await fetchOne(connection, topic, offset);
    if (errorCode !== ErrorCode.NOT_LEADER_OR_FOLLOWER) return errorCode;
    await pause(25);
  }
  return ErrorCode.NOT_LEADER_OR_FOLLOWER;
}

function judge(path: string, start = 0): Promise<Found> {
  return withLog(async (warnings) => {
    await using broker = await TestBroker.start({ path });
    const connection = await broker.connect();
    assertEquals(await settled(connection, "keep", 0), 0, "the other topic serves");
    assertEquals(await readAll(connection, "keep"), ["kept"]);
    const errorCode = await settled(connection, "t", start);
    if (errorCode === ErrorCode.KAFKA_STORAGE_ERROR) {
      const refused = await produce(connection, { topic: "t", records: batchOf(["no"]) });
      assertEquals(refused.errorCode, ErrorCode.KAFKA_STORAGE_ERROR);
      assert(warnings.some((line) => line.includes("t-0")), `no word of it: ${warnings}`);
      return { outcome: "offline", warnings };
    }
    if (errorCode !== 0) return { outcome: `error ${errorCode}`, warnings };
    const earliest = await listOffset(connection, "t", EARLIEST);
    if (earliest.offset !== start) return { outcome: `starts at ${earliest.offset}`, warnings };
    const values = await readAll(connection, "t", 0, start);
    const wrong = values.findIndex((value, i) => value !== VALUES[start + i]);
    if (wrong >= 0) return { outcome: `wrong at ${start + wrong}: ${values[wrong]}`, warnings };
    if (values.length !== COUNT - start) return { outcome: `${values.length} records`, warnings };
    const offset = await append(connection, "t", ["more"]);
    if (offset !== COUNT) return { outcome: `appended at ${offset}`, warnings };
    assertEquals(await readAll(connection, "t", 0, COUNT), ["more"]);
    return { outcome: warnings.length > 0 ? "healed" : "served", warnings };
  });
}

/** Every segment of t-0 with its content, to see that nothing is gone. */
function batchesIn(path: string): string[] {
  if (!exists(`${path}/t-0`)) return [];
  return segments(path).map((name) => `${name} ${hash(Deno.readFileSync(`${path}/t-0/${name}`))}`);
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}

function hash(bytes: Uint8Array): number {
  let h = 0;
  for (const byte of bytes) h = Math.imul(h, 31) + byte | 0;
  return h;
}

// ---- One damage each

interface Damage {
  readonly what: string;
  readonly harm: (path: string) => Promise<unknown> | unknown;
  /** What may come of it. */
  readonly outcomes: Partial<Record<Stop, readonly Outcome[]>>;
  /** Of the topic, when it has been moved up. */
  readonly start?: number;
}

const both = (...outcomes: Outcome[]): Damage["outcomes"] => ({
  "a clean stop": outcomes,
  "kill -9": outcomes,
});

const edit = async (file: string, change: (text: string) => string) => {
  const before = await Deno.readTextFile(file), after = change(before);
  assert(before !== after, `${file} has nothing to damage: ${before}`);
  await Deno.writeTextFile(file, after);
};

const cut = async (file: string, bytes: number) => {
  await Deno.truncate(file, (await Deno.stat(file)).size - bytes);
};

const garbage = (bytes: number) => Uint8Array.from({ length: bytes }, (_, i) => i * 7 + 3 & 255);

const swap = async (one: string, other: string) => {
  await Deno.rename(one, `${one}.swapping`);
  await Deno.rename(other, one);
  await Deno.rename(`${one}.swapping`, other);
};

const flip = async (file: string, at: number) => {
  const bytes = await Deno.readFile(file);
  bytes[at < 0 ? bytes.length + at : at] ^= 4;
  await Deno.writeFile(file, bytes);
};

/** After kill -9 the journal has what was there, and it is put back where nothing speaks against it. */
const JOURNALED: Partial<Record<Stop, readonly Outcome[]>> = {
  "a clean stop": ["offline"],
  "kill -9": ["offline", "healed"],
};

const DAMAGES: Damage[] = [
  { what: "nothing", harm: () => {}, outcomes: both("served") },
  {
    what: "the log's folder removed",
    harm: (path) => Deno.remove(`${path}/t-0`, { recursive: true }),
    outcomes: both("offline"),
  },
  {
    what: "the last segment cut by 17 bytes",
    harm: (path) => cut(lastSegment(path), 17),
    outcomes: { "a clean stop": ["offline"], "kill -9": ["offline", "healed", "served"] },
  },
  {
    what: "the last segment emptied",
    harm: (path) => Deno.truncate(lastSegment(path), 0),
    outcomes: { "a clean stop": ["offline"], "kill -9": ["offline", "healed", "served"] },
  },
  {
    what: "a byte of the last batch changed",
    harm: (path) => flip(lastSegment(path), -3),
    outcomes: { "a clean stop": ["offline"], "kill -9": ["offline", "healed", "served"] },
  },
  {
    what: "garbage behind the last batch",
    harm: (path) => Deno.writeFile(lastSegment(path), garbage(700), { append: true }),
    outcomes: { "a clean stop": ["healed"], "kill -9": ["healed", "served"] },
  },
  {
    what: "a sealed segment cut by 17 bytes",
    harm: (path) => cut(`${path}/t-0/${segments(path)[1]}`, 17),
    outcomes: JOURNALED,
  },
  {
    what: "a middle segment removed",
    harm: (path) => Deno.remove(`${path}/t-0/${segments(path)[1]}`),
    outcomes: JOURNALED,
  },
  {
    what: "the first segment removed",
    harm: (path) => Deno.remove(`${path}/t-0/${segments(path)[0]}`),
    outcomes: JOURNALED,
  },
  {
    what: "every file of the log removed",
    harm: async (path) => {
      for (const name of namesIn(`${path}/t-0`)) await Deno.remove(`${path}/t-0/${name}`);
    },
    outcomes: both("offline"),
  },
  {
    what: "an empty segment ahead of the end",
    harm: (path) => Deno.writeFile(`${path}/t-0/00000000000000005000.log`, new Uint8Array(0)),
    outcomes: { "a clean stop": ["healed"], "kill -9": ["healed", "served"] },
  },
  {
    what: "a segment whose name is beyond 2^53",
    harm: (path) => Deno.writeFile(`${path}/t-0/09007199254740993000.log`, garbage(30)),
    outcomes: both("healed"),
  },
  {
    what: "a digit changed in the recovery points, upwards",
    harm: (path) =>
      edit(
        `${path}/recovery-point-offset-checkpoint`,
        (text) => text.replace(/^t 0 \d+$/m, "t 0 97"),
      ),
    outcomes: both("served", "healed"),
  },
  {
    what: "a digit changed in the recovery points, downwards",
    harm: (path) =>
      edit(
        `${path}/recovery-point-offset-checkpoint`,
        (text) => text.replace(/^t 0 \d+$/m, "t 0 10"),
      ),
    outcomes: both("served", "healed"),
  },
  {
    what: "a log start of 999",
    harm: (path) => Deno.writeTextFile(`${path}/log-start-offset-checkpoint`, "0\n1\nt 0 999\n"),
    outcomes: both("healed"),
  },
  {
    what: "a log start of 7",
    harm: (path) => Deno.writeTextFile(`${path}/log-start-offset-checkpoint`, "0\n1\nt 0 7\n"),
    outcomes: both("healed"),
  },
  {
    what: "checkpoints with numbers beyond 2^53",
    harm: async (path) => {
      for (const name of ["recovery-point-offset", "log-start-offset", "replication-offset"]) {
        await Deno.writeTextFile(`${path}/${name}-checkpoint`, "0\n1\nt 0 9007199254740993\n");
      }
    },
    outcomes: both("healed"),
  },
  {
    what: "Kafka's checkpoints removed",
    harm: async (path) => {
      for (const name of namesIn(path, /checkpoint$/)) {
        if (name !== "bootstrap.checkpoint") await Deno.remove(`${path}/${name}`);
      }
    },
    outcomes: both("served", "healed"),
  },
  {
    what: "the inventory removed",
    harm: (path) => Deno.remove(`${path}/runnel-inventory`),
    outcomes: both("served", "healed"),
  },
  {
    what: "the inventory emptied",
    harm: (path) => Deno.truncate(`${path}/runnel-inventory`, 0),
    outcomes: both("healed"),
  },
  {
    what: "the inventory cut by 17 bytes",
    harm: (path) => cut(`${path}/runnel-inventory`, 17),
    outcomes: both("healed"),
  },
  {
    what: "a bit of the inventory changed",
    harm: (path) => flip(`${path}/runnel-inventory`, 60),
    outcomes: both("healed"),
  },
  {
    what: "the inventory removed, and a log start of 999",
    harm: async (path) => {
      await Deno.remove(`${path}/runnel-inventory`);
      await Deno.writeTextFile(`${path}/log-start-offset-checkpoint`, "0\n1\nt 0 999\n");
    },
    outcomes: both("healed"),
  },
  {
    what: "the inventory and a middle segment removed",
    harm: async (path) => {
      await Deno.remove(`${path}/runnel-inventory`);
      await Deno.remove(`${path}/t-0/${segments(path)[1]}`);
    },
    outcomes: both("offline"),
  },
  {
    what: "the inventory removed and the last segment cut by 17 bytes",
    harm: async (path) => {
      await Deno.remove(`${path}/runnel-inventory`);
      await cut(lastSegment(path), 17);
    },
    outcomes: { "a clean stop": ["offline"], "kill -9": ["offline", "healed", "served"] },
  },
  {
    what: "the inventory and the log's folder removed",
    harm: async (path) => {
      await Deno.remove(`${path}/runnel-inventory`);
      await Deno.remove(`${path}/t-0`, { recursive: true });
    },
    outcomes: both("offline"),
  },
  {
    what: "partition.metadata removed",
    harm: (path) => Deno.remove(`${path}/t-0/partition.metadata`),
    outcomes: both("healed"),
  },
  {
    what: "partition.metadata emptied",
    harm: (path) => Deno.truncate(`${path}/t-0/partition.metadata`, 0),
    outcomes: both("healed"),
  },
  {
    what: "the topic id in partition.metadata changed",
    harm: (path) =>
      edit(`${path}/t-0/partition.metadata`, (text) => {
        const at = text.indexOf("topic_id: ") + 12;
        return text.slice(0, at) + (text[at] === "A" ? "B" : "A") + text.slice(at + 1);
      }),
    outcomes: both("healed", "offline"),
  },
  {
    what: "its last segment swapped with a neighbour's",
    harm: (path) => swap(lastSegment(path), `${path}/other-0/00000000000000000000.log`),
    outcomes: { "a clean stop": ["offline"], "kill -9": ["offline", "healed", "served"] },
  },
  {
    what: "its folder swapped with a neighbour's",
    harm: (path) => swap(`${path}/t-0`, `${path}/other-0`),
    outcomes: both("offline"),
  },
  {
    what: "its partition.metadata swapped with a neighbour's",
    harm: (path) => swap(`${path}/t-0/partition.metadata`, `${path}/other-0/partition.metadata`),
    outcomes: { "a clean stop": ["healed"], "kill -9": ["offline"] },
  },
  {
    what: "its newest snapshot changed by a bit",
    harm: (path) => flip(`${path}/t-0/${namesIn(`${path}/t-0`, /snapshot$/).at(-1)}`, 8),
    outcomes: both("served", "healed"),
  },
  {
    what: "a digit changed in the leader epochs",
    harm: (path) => Deno.writeTextFile(`${path}/t-0/leader-epoch-checkpoint`, "0\n1\n0 30\n"),
    outcomes: { "a clean stop": ["healed"], "kill -9": ["healed", "served"] },
  },
  {
    what: "the leader epochs removed",
    harm: (path) => Deno.remove(`${path}/t-0/leader-epoch-checkpoint`),
    outcomes: { "a clean stop": ["healed"], "kill -9": ["healed", "served"] },
  },
];

for (const stop of STOPS) {
  for (const { what, harm, outcomes, start = 0 } of DAMAGES) {
    const expected = outcomes[stop]!;
    Deno.test(`after ${stop}, with ${what}: ${expected.join(" or ")}`, () =>
      withDirectory(async (root) => {
        const path = await directory(root, stop);
        await harm(path);
        const before = batchesIn(path);
        for (let starts = 0; starts < 2; starts++) {
          const { outcome, warnings } = await judge(path, start);
          assert(
            (expected as readonly string[]).includes(outcome),
            `start ${starts}: ${outcome}, with ${JSON.stringify(warnings)}`,
          );
          if (outcome !== "offline") break; // a record was appended: another story
          assertEquals(batchesIn(path), before, "every byte stays");
        }
      }));
  }
}

// ---- Folders

Deno.test("folders that are no partition's are left alone, and unknown partitions are renamed aside", () =>
  withDirectory(async (root) => {
    const path = await directory(root, "a clean stop");
    await Deno.mkdir(`${path}/photos-2024`);
    await Deno.writeTextFile(`${path}/photos-2024/beach.jpg`, "sand");
    await Deno.mkdir(`${path}/empty-0`);
    await Deno.mkdir(`${path}/${"n".repeat(249)}-12`);
    await Deno.writeFile(`${path}/${"n".repeat(249)}-12/00000000000000000000.log`, garbage(50));
    await copyTo(`${path}/t-0`, `${path}/unknown-3`);
    const { outcome, warnings } = await judge(path);
    assertEquals(outcome, "healed");
    assertEquals(await Deno.readTextFile(`${path}/photos-2024/beach.jpg`), "sand");
    assertEquals(namesIn(path, /^empty-0$/).length, 1);
    const [stray] = namesIn(path, /^unknown-3\.[0-9a-f]{32}-stray$/);
    assertEquals(segments(path, stray).length, segments(path).length);
    const [long] = namesIn(path, /^n+-12\.[0-9a-f]{32}-stray$/);
    assertEquals(await Deno.readFile(`${path}/${long}/00000000000000000000.log`), garbage(50));
    assertEquals(warnings.filter((line) => line.includes(stray)).length, 1);
  }));

Deno.test("a topic with the longest name can be deleted, and its folder goes", () =>
  withDirectory(async (path) => {
    const name = "l".repeat(249);
    {
      await using broker = await TestBroker.start({ path });
      await broker.createTopic(name);
      const connection = await broker.connect();
      await append(connection, name, ["a"]);
      const request = { topics: [{ name }], timeoutMs: 1000 };
      const { responses } = await connection.request(DeleteTopics, 6, request);
      assertEquals(responses[0].errorCode, 0);
      assertEquals(namesIn(path, /^l+-0\.[0-9a-f]{32}-delete$/).length, 1);
    }
    await using broker = await TestBroker.start({ path });
    for (let i = 0; i < 1000 && namesIn(path, /^ll/).length > 0; i++) await pause(20);
    assertEquals(namesIn(path, /^ll/), []);
    await broker.serves();
  }));

Deno.test("a new topic does not take over a folder that was put there", () =>
  withDirectory(async (root) => {
    const path = await directory(root, "a clean stop");
    await using broker = await TestBroker.start({ path });
    await copyTo(`${path}/t-0`, `${path}/fresh-0`);
    await broker.createTopic("fresh");
    const connection = await broker.connect();
    assertEquals(await append(connection, "fresh", ["a"]), 0);
    assertEquals(await readAll(connection, "fresh"), ["a"]);
    const [stray] = namesIn(path, /^fresh-0\.[0-9a-f]{32}-stray$/);
    assertEquals(segments(path, stray).length, segments(path).length);
  }));

// ---- What is remembered belongs to the topic id

for (const inventory of ["kept", "removed"] as const) {
  Deno.test(`a topic made again inherits no log start (inventory ${inventory})`, () =>
    withDirectory(async (root) => {
      const running = `${root}/running`, path = `${root}/left`;
      {
        await using broker = await TestBroker.start({ path: running });
        const connection = await broker.connect();
        await broker.createTopic("t");
        for (let i = 0; i < 10; i++) {
          await append(connection, "t", Array.from({ length: 100 }, (_, k) => `old ${i} ${k}`));
        }
        const topics = [{ name: "t", partitions: [{ partitionIndex: 0, offset: 529 }] }];
        await connection.request(DeleteRecords, 2, { topics, timeoutMs: 1000 });
        assertEquals((await listOffset(connection, "t", EARLIEST)).offset, 529);
        const gone = { topics: [{ name: "t" }], timeoutMs: 1000 };
        await connection.request(DeleteTopics, 6, gone);
        for (const file of namesIn(running, /-checkpoint$/)) {
          const text = await Deno.readTextFile(`${running}/${file}`);
          assert(!/^t 0 /m.test(text), `${file} still speaks of it: ${text}`);
        }
        await broker.createTopic("t");
        for (let i = 0; i < 20; i++) {
          await append(connection, "t", Array.from({ length: 100 }, (_, k) => `${i * 100 + k}`));
        }
        await copyTo(running, path);
      }
      if (inventory === "removed") await Deno.remove(`${path}/runnel-inventory`);
      await using broker = await TestBroker.start({ path });
      const connection = await broker.connect();
      assertEquals(await settled(connection, "t", 0), 0);
      assertEquals((await listOffset(connection, "t", EARLIEST)).offset, 0);
      assertEquals((await listOffset(connection, "t", LATEST)).offset, 2000);
      const values = await readAll(connection, "t");
      assertEquals(values, Array.from({ length: 2000 }, (_, i) => `${i}`));
    }));
}

// ---- The offsets topic

for (const stop of STOPS) {
  Deno.test(`after ${stop}, with the offsets topic cut by 17 bytes, a committed offset is never an older one`, () =>
    withDirectory(async (root) => {
      const running = `${root}/running`, left = `${root}/left`;
      const group = { groupId: "g", generationIdOrMemberEpoch: -1, memberId: "" };
      const settings = { groups: { offsetsPartitions: 1 } };
      {
        await using broker = await TestBroker.start({ path: running, ...settings });
        await broker.createTopic("t");
        await broker.createTopic("keep");
        const connection = await broker.connect();
        const coordinator = { keyType: 0, coordinatorKeys: ["g"] };
        await connection.request(FindCoordinator, 4, coordinator); // makes the offsets topic
        for (const committedOffset of [36n, 136n]) {
          const partitions = [{ partitionIndex: 0, committedOffset, committedMetadata: "" }];
          let errorCode = -1;
          for (let i = 0; errorCode !== 0 && i < 1000; i++, await pause(20)) {
            const request = { ...group, topics: [{ name: "t", partitions }] };
            const { topics } = await connection.request(OffsetCommit, 8, request);
            errorCode = topics[0].partitions[0].errorCode;
          }
          assertEquals(errorCode, 0);
        }
        await append(connection, "keep", ["kept"]);
        if (stop === "kill -9") await copyTo(running, left);
      }
      const path = stop === "kill -9" ? left : running;
      await cut(`${path}/__consumer_offsets-0/00000000000000000000.log`, 17);
      const lines = await withLog(async (lines) => {
        await using broker = await TestBroker.start({ path, ...settings });
        const connection = await broker.connect();
        for (let i = 0; i < 20; i++, await pause(20)) {
          const topics = [{ name: "t", partitionIndexes: [0] }];
          const answer = await connection.request(OffsetFetch, 7, { groupId: "g", topics });
          const offset = answer.topics[0]?.partitions[0]?.committedOffset ?? -1n;
          if (answer.errorCode === 0) assertEquals(offset, 136n);
        }
        return lines;
      });
      if (stop === "a clean stop") {
        assert(lines.some((line) => line.includes("__consumer_offsets-0")), "no word of it");
      }
    }));
}

// ---- Retention

Deno.test("the new log start is written down before a segment is renamed away", () =>
  withDirectory(async (root) => {
    const path = await directory(root, "a clean stop");
    await using broker = await TestBroker.start({ path });
    const connection = await broker.connect();
    const topics = [{ name: "t", partitions: [{ partitionIndex: 0, offset: 30 }] }];
    await connection.request(DeleteRecords, 2, { topics, timeoutMs: 1000 });
    const text = await Deno.readTextFile(`${path}/log-start-offset-checkpoint`);
    assertStringIncludes(text, "t 0 30\n");
    assert(segments(path)[0] !== "00000000000000000000.log", "the segments before are gone");
    assertEquals(await readAll(connection, "t", 0, 30), VALUES.slice(30));
  }));

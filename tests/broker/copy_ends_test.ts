/**
 * Proves how `runnel copy` ends: by death at any of its writes, by another copy of its name, by Ctrl-C; and that the next
 * one goes on with each record once.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { copied, type CopyOptions } from "../../src/cli/copy/copy.ts";
import { Output } from "../../src/cli/output.ts";
import { Admin } from "../../src/client/admin.ts";
import { Cluster } from "../../src/client/cluster.ts";
import { commitOffsets } from "../../src/client/group_changes.ts";
import { Producer } from "../../src/client/producer.ts";
import { TransactionalProducer } from "../../src/client/transactional_producer.ts";
import { withSeed } from "../random.ts";
import { jsonLines, Signals } from "./command_line.ts";
import { KEPT, recordsOf, Two, valuesOf } from "./copies.ts";

const OPTIONS: CopyOptions = {
  selection: { names: ["t"], matches: null, renames: new Map(), prefix: "" },
  groups: null,
  isFollowing: false,
  isAppending: false,
  compression: null,
  replicas: null,
  name: null,
};

/**
 * A cluster whose process dies at its n-th write to a socket: the write may have arrived, nothing is heard or sent since.
 * The last `late` writes are on their way still when the next process looks how far this one came.
 */
function mortal(port: number, writes: number, late = 0): Cluster {
  let left = writes;
  const sockets = new Set<Deno.TcpConn>();
  const held: (() => Promise<unknown>)[] = [];
  const die = () => {
    left = 0;
    cluster.close();
    const arrive = async () => {
      for (const send of held) await send().catch(() => {});
      for (const socket of sockets) {
        try {
          socket.close();
        } catch {
          // The broker was slow to take something, or has ended it.
        }
      }
    };
    if (held.length === 0) arrive();
    else setTimeout(arrive, ARRIVES_AFTER_MS);
  };
  const cluster: Cluster = new Cluster({
    bootstrap: `127.0.0.1:${port}`,
    dial: async (address) => {
      if (left <= 0) throw new Error("dead");
      const socket = await Deno.connect(address);
      sockets.add(socket);
      return {
        read: (into) => socket.read(into),
        async write(bytes) {
          if (left <= 0) throw new Error("dead");
          if (left <= late) {
            const kept = bytes.slice();
            held.push(() => writeWhole(socket, kept));
            // It may wait for answers to these.
            if (held.length === 1) setTimeout(() => left > 0 && die(), 50);
            if (--left === 0) die();
            return bytes.length;
          }
          const written = await socket.write(bytes);
          if (--left === 0) die();
          return written;
        },
        close: () => void (late === 0 && socket.close()),
      };
    },
  });
  return cluster;
}

async function writeWhole(socket: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await socket.write(bytes.subarray(at));
}

const LATE = 6;
/**
 * It has its transactional id by then. The request for that, arriving late, would fence the copy that came since, as it has
 * to: that one says that another has begun.
 */
const BEGUN_BY = 30;
/** Behind the moment for which a copy watches whether more arrives. */
const ARRIVES_AFTER_MS = 400;

const SILENT = { write() {}, width: null };

/** What the dying say is not shown, but told by the one of whom nobody expected it. */
async function quietly<T>(work: () => Promise<T>): Promise<{ ended: T | Error; told: string }> {
  const { error } = console, lines: unknown[] = [];
  console.error = (line: unknown) => void lines.push(line);
  try {
    const ended = await work().catch((failure: Error) => failure);
    return { ended, told: lines.join("\n") };
  } finally {
    console.error = error;
  }
}

Deno.test("a copy that dies at any of its writes is finished by the next one: each record once", async () => {
  await using two = await Two.start();
  await two.from.createTopic("t", { partitions: 2, configs: KEPT });
  {
    // Batches of their own, with gaps between them, so that the log may end only where one of them does.
    await using producer = new TransactionalProducer(two.source, { transactionalId: "x" });
    await producer.init();
    for (let n = 0; n < 60; n++) {
      producer.begin();
      const value = new Uint8Array(66_000).fill(n);
      producer.send({ topic: "t", partition: n % 2, value, timestampMs: 1e12 + n });
      await producer.commit();
    }
  }
  const expected = [0, 1].map((partition) =>
    Array.from({ length: 30 }, (_, n) => n * 2 + partition).join()
  );
  const seen = async (topic: string) => {
    const both = [];
    for (const partition of [0, 1]) {
      const records = await recordsOf(two.target, topic, { partition });
      both.push(records.map(({ value }) => value![0]).join());
    }
    return both;
  };
  const moments: number[] = [];
  withSeed((random) => {
    for (let n = 0; n < 14; n++) moments.push(1 + random.below(n < 9 ? 110 : 40));
  });
  let died = 0;
  for (const [n, moment] of moments.entries()) {
    const selection = { ...OPTIONS.selection, prefix: `${n}.` },
      out = new Output({ isJson: true, sink: SILENT });
    const options = { ...OPTIONS, selection, name: `n${n}` };
    for (const writes of [moment, Math.max(1, moment >> 1), Infinity]) {
      const isLate = n % 2 === 0 && writes > BEGUN_BY && writes < Infinity;
      const target = mortal(two.to.port, writes, isLate ? LATE : 0);
      const source = new Cluster({ bootstrap: `127.0.0.1:${two.from.port}` });
      const { ended, told } = await quietly(() => copied({ source, target, out, options }));
      if (writes === Infinity) assertEquals(ended, 0, `after death at write ${moment}: ${told}`);
      else if (target.isClosed) died++;
      target.close();
      source.close();
    }
    assertEquals(await seen(`${n}.t`), expected, `after death at write ${moment}`);
    await new Admin(two.target).deleteTopics([`${n}.t`]);
  }
  assert(died > 16, `it died ${died} times only`);
});

Deno.test("of two copies with one name the later goes on, and the earlier ends and says so", async () => {
  await using two = await Two.start();
  await two.from.createTopic("t", { configs: KEPT });
  await two.send("t", ["a", "b"]);
  const first = two.copy("t", "--follow");
  const { source, target } = two;
  const out = new Output({ isJson: true, sink: SILENT });
  for (let tries = 0; tries < 200; tries++) {
    if ((await target.topics()).some(({ name }) => name === "t")) break;
    await target.pause(50);
  }
  while ((await recordsOf(target, "t")).length < 2) await target.pause(50);
  assertEquals(await copied({ source, target, out, options: OPTIONS }), 0);
  await two.send("t", ["c"]);
  const told = await first;
  assertEquals(told.code, 1);
  assertMatch(told.error, /Another copy named .* has begun/);
  assertEquals(valuesOf(await recordsOf(target, "t")), ["a", "b"]);
  assertEquals(await copied({ source, target, out, options: OPTIONS }), 0);
  assertEquals(valuesOf(await recordsOf(target, "t")), ["a", "b", "c"]);
});

Deno.test("copy --follow goes on with what comes, partitions too, and Ctrl-C ends it in order", async () => {
  await using two = await Two.start();
  const { source, target } = two;
  await two.from.createTopic("t", {
    configs: { ...KEPT, "message.timestamp.type": "LogAppendTime" },
  });
  await two.send("t", ["a"]);
  using signals = new Signals();
  const following = two.copy("t", "--follow", "--json");
  const there = async (partition: number, count: number) => {
    for (let tries = 0; tries < 400; tries++) {
      const records = await recordsOf(target, "t", { partition }).catch(() => []);
      if (records.length === count) return;
      await target.pause(50);
    }
    throw new Error(`t-${partition} did not come to ${count} records`);
  };
  await there(0, 1);
  await two.send("t", ["b", "c"]);
  await there(0, 3);
  await new Admin(source).createPartitions("t", 3);
  source.forget("t");
  await two.send("t", ["z"], 2);
  target.forget("t");
  for (let tries = 0; tries < 400 && (await target.topic("t")).partitions.length < 3; tries++) {
    await target.pause(50);
    target.forget("t");
  }
  await there(2, 1);
  await commitOffsets(source, "g", [{ topic: "t", partition: 0, offset: 2n }]);
  signals.send();
  const told = await following;
  assertEquals([told.code, told.error], [0, ""]);
  assertEquals(jsonLines(told).map(({ state, group }) => [group, state]), [
    [undefined, "copied"],
    ["g", "set"],
  ]);
  const [type] = await new Admin(target).describeConfigs({ type: "topic", name: "t" }, [
    "message.timestamp.type",
  ]);
  assertEquals(type.value, "LogAppendTime");
});

Deno.test("Ctrl-C ends a copy at a whole place and says that it goes on, which it does", async () => {
  await using two = await Two.start();
  const { source } = two;
  await two.from.createTopic("t", { configs: KEPT });
  await using producer = new Producer(source);
  for (let n = 0; n < 30; n++) {
    await producer.send({ topic: "t", value: new Uint8Array(900_000).fill(n), timestampMs: 1e12 });
  }
  let isAsked = false;
  using signals = new Signals();
  const target = new Cluster({
    bootstrap: `127.0.0.1:${two.to.port}`,
    dial: async (address) => {
      const socket = await Deno.connect(address);
      return {
        read: (into) => socket.read(into),
        async write(bytes) {
          if (bytes.length > 100_000) {
            if (!isAsked) signals.send(); // in the midst of its first window
            isAsked = true;
            await new Promise((resolve) => setTimeout(resolve, 20));
          }
          return await socket.write(bytes);
        },
        close: () => socket.close(),
      };
    },
  });
  const { error } = console, out = new Output({ isJson: true, sink: SILENT });
  let told = "";
  console.error = (text: string) => void (told += text);
  try {
    assertEquals(await copied({ source, target, out, options: OPTIONS }), 1);
  } finally {
    console.error = error;
  }
  assertMatch(told, /^runnel: Stopped at \d+ %: the same command goes on from there$/);
  const half = (await recordsOf(two.target, "t")).length;
  assert(half > 0 && half < 30, `${half} records were there`);
  assertEquals(await copied({ source, target, out, options: OPTIONS }), 0);
  const there = await recordsOf(two.target, "t");
  assertEquals(there.map(({ value }) => value![0]), Array.from({ length: 30 }, (_, n) => n));
  target.close();
});

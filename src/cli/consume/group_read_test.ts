/** Proves that a member that prints records outlives a broker that is away for longer than a call may take. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { Cluster } from "../../client/cluster.ts";
import { ConnectionError } from "../../client/errors.ts";
import { Producer } from "../../client/producer.ts";
import { TestBroker } from "../../../tests/broker/harness.ts";
import { GroupReading } from "./group_read.ts";

/** A cluster whose broker may be cut off. */
function severable(port: number, { callTimeoutMs = 200 } = {}) {
  const sockets = new Set<Deno.TcpConn>();
  let isAway = false;
  const dial = async (address: { hostname: string; port: number }) => {
    if (isAway) throw new Error("cut off");
    const socket = await Deno.connect(address);
    sockets.add(socket);
    return socket;
  };
  const cluster = new Cluster({ bootstrap: `127.0.0.1:${port}`, dial, callTimeoutMs });
  return {
    cluster,
    cut(away: boolean) {
      isAway = away;
      if (away) { for (const socket of sockets) socket.close(); }
      sockets.clear();
    },
  };
}

Deno.test("a member of a group goes on where it was when the broker is back, and prints nothing twice", async () => {
  await using broker = await TestBroker.start({ groups: { consumerHeartbeatIntervalMs: 100 } });
  await broker.createTopic("t");
  await using producer = new Producer({ bootstrap: `127.0.0.1:${broker.port}` });
  const { cluster, cut } = severable(broker.port);
  const printed: string[] = [];
  const reading = new GroupReading(cluster, {
    group: "g",
    topics: ["t"],
    isFollowing: true,
    isolation: "readCommitted",
    isStopped: () => printed.includes("last"),
  });
  const ended = (async () => {
    for await (const records of reading.batches()) {
      for (const record of records) {
        printed.push(new TextDecoder().decode(record.value!));
        reading.note(record);
      }
      reading.printed();
    }
  })();
  const until = async (value: string) => {
    while (!printed.includes(value)) await new Promise((resolve) => setTimeout(resolve, 10));
  };
  await producer.send({ topic: "t", value: "first" });
  await until("first");
  cut(true);
  await producer.send({ topic: "t", value: "second" });
  await new Promise((resolve) => setTimeout(resolve, 1000));
  cut(false);
  await until("second");
  await producer.send({ topic: "t", value: "last" });
  await ended;
  cluster.close();
  assertEquals(printed, ["first", "second", "last"]);
});

Deno.test("a broker that stays away ends a member that is to end", async () => {
  await using broker = await TestBroker.start({ groups: { consumerHeartbeatIntervalMs: 100 } });
  await broker.createTopic("t");
  const { cluster, cut } = severable(broker.port);
  const reading = new GroupReading(cluster, {
    group: "g",
    topics: ["t"],
    isFollowing: false,
    isolation: "readCommitted",
    isStopped: () => {
      cut(true);
      return false;
    },
    stalledMs: 500,
  });
  await assertRejects(() => Array.fromAsync(reading.batches()), ConnectionError);
  cluster.close();
});

Deno.test("who stops a member while the broker is away does not wait for it", async () => {
  await using broker = await TestBroker.start({ groups: { consumerHeartbeatIntervalMs: 100 } });
  await broker.createTopic("t");
  const { cluster, cut } = severable(broker.port, { callTimeoutMs: 60_000 });
  const stop = new AbortController(), beganMs = performance.now();
  const reading = new GroupReading(cluster, {
    group: "g",
    topics: ["t"],
    isFollowing: true,
    isolation: "readCommitted",
    isStopped: () => stop.signal.aborted,
    signal: stop.signal,
  });
  for await (const _ of reading.batches()) {
    if (performance.now() - beganMs < 2000) continue; // where it begins is committed by then
    cut(true);
    setTimeout(() => stop.abort(), 500);
  }
  assert(performance.now() - beganMs < 10_000);
  cluster.close();
});

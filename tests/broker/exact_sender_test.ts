/** Proves what ExactSender takes a broker's answers for, with batches that are sent once and once more. */
import { assertEquals, assertRejects } from "@std/assert";
import { Cluster } from "../../src/client/cluster.ts";
import { ExactSender, MisplacedError } from "../../src/client/exact_sender.ts";
import { listOffsets } from "../../src/client/list_offsets.ts";
import { newProducerId } from "../../src/client/producer_id.ts";
import { buildBatch } from "../../src/protocol/records/build.ts";
import { recordsOf } from "./copies.ts";
import { TestBroker, withDirectory } from "./harness.ts";

function batchOf(count: number, at = 0, timestampMs = 1e12) {
  const records = Array.from({ length: count }, (_, offset) => ({
    offset,
    timestampMs: timestampMs + offset,
    key: null,
    value: new Uint8Array([offset]),
    headers: [],
  }));
  return { bytes: buildBatch({ records }), count, offset: at };
}

async function senderTo(cluster: Cluster): Promise<ExactSender> {
  const { id: topicId } = await cluster.topic("t");
  const identity = await newProducerId(cluster);
  return new ExactSender(cluster, {
    topic: "t",
    topicId,
    partition: 0,
    identity,
    startOffset: 0,
    lane: "",
  });
}

Deno.test("a batch that another process has brought already is there, with its own timestamps", async () => {
  await using broker = await TestBroker.start();
  const cluster = new Cluster({ bootstrap: `127.0.0.1:${broker.port}` });
  await broker.createTopic("t", { configs: { "retention.ms": "-1" } });
  const sender = await senderTo(cluster);
  for (const _ of ["once", "once more"]) await sender.send([batchOf(3)]);
  const records = await recordsOf(cluster, "t");
  assertEquals(records.map(({ timestampMs }) => timestampMs - 1e12), [0, 1, 2]);
  cluster.close();
});

Deno.test("a broker that gives records its own time is noticed, by a batch that was there too", async () => {
  await using broker = await TestBroker.start();
  const cluster = new Cluster({ bootstrap: `127.0.0.1:${broker.port}` });
  await broker.createTopic("t", { configs: { "message.timestamp.type": "LogAppendTime" } });
  const sender = await senderTo(cluster);
  for (const _ of ["once", "once more"]) {
    await assertRejects(() => sender.send([batchOf(3)]), MisplacedError, "its own time");
  }
  assertEquals((await recordsOf(cluster, "t")).length, 3);
  cluster.close();
});

/** A cluster that hears no answer while it is deaf, until its connections end. */
function deafened(port: number): { cluster: Cluster; ear: { isDeaf: boolean } } {
  const ear = { isDeaf: false };
  const cluster = new Cluster({
    bootstrap: `127.0.0.1:${port}`,
    dial: async (address) => {
      const socket = await Deno.connect(address);
      return {
        async read(into) {
          for (;;) {
            const count = await socket.read(into);
            if (count === null || !ear.isDeaf) return count;
          }
        },
        write: (bytes) => socket.write(bytes),
        close: () => socket.close(),
      };
    },
  });
  return { cluster, ear };
}

// The broker knows a producer's last batch alone then, and none whose last record is older than producer.id.expiration.ms.
for (const [timestampMs, known] of [[Date.now(), "known"], [1e12, "forgotten"]] as const) {
  Deno.test(`what a broker took before a restart, its answers lost, is there once, its producer ${known}`, () =>
    withDirectory(async (path) => {
      const batches = [0, 3, 6, 9].map((at) => batchOf(3, at, timestampMs));
      let sending: Promise<void>, port: number, deaf: ReturnType<typeof deafened>;
      {
        await using broker = await TestBroker.start({ path });
        ({ port } = broker);
        deaf = deafened(port);
        await broker.createTopic("t", { configs: { "retention.ms": "-1" } });
        const sender = await senderTo(deaf.cluster);
        await sender.send(batches.slice(0, 1));
        deaf.ear.isDeaf = true;
        sending = sender.send(batches.slice(1));
        const other = new Cluster({ bootstrap: `127.0.0.1:${port}` });
        for (let tries = 0; tries < 100; tries++) {
          const [{ offset }] = await listOffsets(other, [{
            topic: "t",
            partition: 0,
            at: "latest",
          }]);
          if (offset === 12) break;
          await other.pause(20);
        }
        other.close();
      }
      deaf.ear.isDeaf = false;
      await using _ = await TestBroker.start({ path, kafkaPort: port });
      await sending;
      const records = await recordsOf(deaf.cluster, "t");
      assertEquals(records.length, 12);
      deaf.cluster.close();
    }));
}

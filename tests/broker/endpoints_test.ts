/**
 * Proves where clients are told to connect: to what is advertised; and by a broker that listens on all addresses and
 * advertises none, to the address by which each of them came.
 */
import { assertEquals } from "@std/assert";
import { Connection } from "../../src/client/connection.ts";
import { Producer } from "../../src/mod.ts";
import { DescribeCluster } from "../../src/protocol/messages/describe_cluster.ts";
import { DescribeQuorum } from "../../src/protocol/messages/describe_quorum.ts";
import { FindCoordinator } from "../../src/protocol/messages/find_coordinator.ts";
import { Metadata } from "../../src/protocol/messages/metadata.ts";
import { TestBroker, utf8 } from "./harness.ts";

/** Every place where a client that came to `host` is told to go: "host:port". */
async function told(broker: { readonly port: number }, host: string): Promise<string[]> {
  const connection = await Connection.open({ host, port: broker.port });
  try {
    const metadata = await connection.request(Metadata, 12, { topics: [] });
    const cluster = await connection.request(DescribeCluster, 1, {});
    const ask = { keyType: 0, coordinatorKeys: ["g", "h"] };
    const many = await connection.request(FindCoordinator, 4, ask);
    const one = await connection.request(FindCoordinator, 1, { key: "g", keyType: 0 });
    const partitions = [{ partitionIndex: 0 }];
    const topics = [{ topicName: "__cluster_metadata", partitions }];
    const quorum = await connection.request(DescribeQuorum, 2, { topics });
    const places = [
      ...metadata.brokers,
      ...cluster.brokers,
      ...many.coordinators,
      one,
      ...quorum.nodes.flatMap(({ listeners }) => listeners),
    ];
    return places.map(({ host, port }) => `${host}:${port}`);
  } finally {
    connection.close();
  }
}

function all(host: string, port: number): string[] {
  return Array(6).fill(`${host}:${port}`);
}

Deno.test("who listens on all addresses and advertises none tells each client the one by which it came", async () => {
  await using broker = await TestBroker.start({ listenAddresses: ["0.0.0.0"] });
  for (const host of ["127.0.0.1", "127.0.0.2", "127.0.0.1"]) {
    assertEquals(await told(broker, host), all(host, broker.port));
  }
});

Deno.test("the same on all addresses of both families, without a mapped one", async () => {
  const isThere = await Deno.connect({ hostname: "::1", port: 1 }).then(
    () => true,
    (error) => error instanceof Deno.errors.ConnectionRefused,
  );
  if (!isThere) return; // a machine without IPv6
  await using broker = await TestBroker.start({ listenAddresses: ["::"] });
  for (const host of ["::1", "127.0.0.2"]) {
    const found = await told(broker, host).catch((error) => {
      if (host.includes(":")) throw error;
      return all(host, broker.port); // a machine whose sockets of IPv6 take no IPv4
    });
    assertEquals(found, all(host, broker.port));
  }
});

Deno.test("what is advertised is told to everyone, by whichever address they came", async () => {
  for (
    const [advertisedAddress, host, port] of [
      ["broker.example:1234", "broker.example", 1234],
      ["broker.example", "broker.example", null],
      ["[2001:db8::7]:99", "2001:db8::7", 99],
    ] as const
  ) {
    const settings = { listenAddresses: ["0.0.0.0"], advertisedAddress, kafkaPort: freePort() };
    await using broker = await TestBroker.start(settings);
    const own = { port: settings.kafkaPort }; // which is not the one that is told
    for (const by of ["127.0.0.1", "127.0.0.2"]) {
      assertEquals(await told(own, by), all(host, port ?? own.port));
    }
    await broker.stop();
  }
});

Deno.test("one address that is listened on is told as it is", async () => {
  await using broker = await TestBroker.start();
  assertEquals(await told(broker, "127.0.0.1"), all("127.0.0.1", broker.port));
});

Deno.test("a client that comes by another address produces and reads by it", async () => {
  await using broker = await TestBroker.start({ listenAddresses: ["0.0.0.0"] });
  await broker.createTopic("t");
  const bootstrap = `127.0.0.2:${broker.port}`;
  const producer = new Producer({ bootstrap });
  const { offset } = await producer.send({ topic: "t", value: utf8("hello") });
  assertEquals(offset, 0);
  await producer.close();
});

function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  return port;
}

/**
 * Proves how a cluster finds its way: addresses, shared connections, lanes, metadata kept until it is forgotten, and
 * retries that end. The broker is scripted.
 */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { joined } from "../protocol/codec.ts";
import { encodeResponse } from "../protocol/frame.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { ApiVersions } from "../protocol/messages/api_versions.ts";
import { Metadata } from "../protocol/messages/metadata.ts";
import { Cluster, parseAddress } from "./cluster.ts";
import { ConnectionError, KafkaError } from "./errors.ts";
import { type Asked, ScriptedSocket } from "../testing/scripted_socket.ts";

/** Nodes 0 and 1; topic "t" is led by `leaderId`, any other is unknown. */
class TwoBrokers {
  leaderId = 0;
  asked = 0;
  readonly dialled: string[] = [];

  readonly dial = ({ hostname }: { hostname: string }) => {
    this.dialled.push(hostname);
    if (hostname === "down") return Promise.reject(new Error("refused"));
    return Promise.resolve(new ScriptedSocket((asked) => this.#answer(asked)));
  };

  #answer({ apiKey, apiVersion, correlationId }: Asked): Uint8Array {
    if (apiKey === ApiVersions.key) {
      return joined(encodeResponse(ApiVersions, apiVersion, correlationId, {
        apiKeys: [{ apiKey: 3, minVersion: 0, maxVersion: 9 }],
      }));
    }
    this.asked++;
    return joined(encodeResponse(Metadata, apiVersion, correlationId, {
      brokers: [{ nodeId: 0, host: "b0", port: 1 }, { nodeId: 1, host: "b1", port: 1 }],
      topics: [{ name: "t", partitions: [{ partitionIndex: 0, leaderId: this.leaderId }] }],
    }));
  }
}

Deno.test("parseAddress() takes host:port, IPv6 in brackets, and refuses the rest", () => {
  assertEquals(parseAddress(" kafka.example:9092"), { host: "kafka.example", port: 9092 });
  assertEquals(parseAddress("[::1]:9092"), { host: "::1", port: 9092 });
  for (const text of ["", "host", "host:", ":9092", "host:99999", "::1:9092", "http://h:1"]) {
    assertThrows(() => parseAddress(text), Error, `"${text}"`);
  }
});

Deno.test("a bootstrap address that does not answer is passed over", async () => {
  const brokers = new TwoBrokers();
  const cluster = new Cluster({ bootstrap: "down:1,b0:1", dial: brokers.dial });
  assertEquals((await cluster.nodes()).map(({ id }) => id), [0, 1]);
  assertEquals(brokers.dialled, ["down", "b0"]);
  cluster.close();
});

Deno.test("an address that only a broker told, and that is not reached, is named as that", async () => {
  const brokers = new TwoBrokers(), { dial } = brokers;
  const cluster = new Cluster({
    bootstrap: "b0:1",
    dial: (to) => to.hostname === "b1" ? Promise.reject(new Error("refused")) : dial(to),
  });
  const told = await assertRejects(() => cluster.connectionTo(1), ConnectionError);
  assertEquals(
    told.message,
    "Cannot connect to b1:1: refused; broker 1 tells its clients this address (advertised_address; in Kafka " +
      "advertised.listeners), which has to be one that they reach",
  );
  await assertRejects(
    () => new Cluster({ bootstrap: "down:1", dial }).nodes(),
    ConnectionError,
    "refused",
  );
  cluster.close();
  const closed = await assertRejects(() => cluster.connectionTo(1), ConnectionError);
  assertEquals(closed.message, "The client is closed");
});

Deno.test("metadata is asked for once, until it is forgotten and the leader is another", async () => {
  const brokers = new TwoBrokers();
  const cluster = new Cluster({ bootstrap: "b0:1", dial: brokers.dial });
  const leaders = await Promise.all([1, 2, 3].map(() => cluster.leader("t", 0)));
  assertEquals(leaders.map(({ nodeId }) => nodeId), [0, 0, 0]);
  assertEquals(brokers.asked, 1);
  brokers.leaderId = 1;
  assertEquals((await cluster.leader("t", 0)).nodeId, 0);
  cluster.forget("t");
  assertEquals((await cluster.leader("t", 0)).connection.address, "b1:1");
  await assertRejects(() => cluster.leader("t", 7), KafkaError, "UNKNOWN_TOPIC_OR_PARTITION");
  cluster.close();
});

Deno.test("callers share a connection, a lane has one of its own, and a closed one is made anew", async () => {
  const brokers = new TwoBrokers();
  const cluster = new Cluster({ bootstrap: "b0:1", dial: brokers.dial });
  const [one, same] = await Promise.all([cluster.connectionTo(0), cluster.connectionTo(0)]);
  assert(one === same);
  const lane = await cluster.connectionTo(0, "polls");
  assert(lane !== one);
  cluster.closeLane("polls");
  one.close();
  const next = await cluster.connectionTo(0);
  assert(next !== one && !next.isClosed);
  cluster.close();
  await assertRejects(() => cluster.connectionTo(0), ConnectionError, "closed");
});

Deno.test("retry() tries again what may go away, and stops at its time or at once for the rest", async () => {
  const cluster = new Cluster({ bootstrap: "b0:1", retryBackoffMs: 1, retryBackoffMaxMs: 5 });
  let tries = 0;
  const failing = (times: number, code: number) => () => {
    if (tries++ < times) return Promise.reject(new KafkaError(code, "test"));
    return Promise.resolve("done");
  };
  assertEquals(await cluster.retry(failing(3, ErrorCode.LEADER_NOT_AVAILABLE)), "done");
  assertEquals(tries, 4);
  tries = 0;
  await assertRejects(
    () => cluster.retry(failing(3, ErrorCode.INVALID_TOPIC_EXCEPTION)),
    KafkaError,
  );
  assertEquals(tries, 1);
  tries = 0;
  const endless = failing(Infinity, ErrorCode.LEADER_NOT_AVAILABLE);
  await assertRejects(() => cluster.retry(endless, { timeoutMs: 300 }), KafkaError);
  assert(tries > 2);
  cluster.close();
});

Deno.test("a cluster without an address is refused in words", () => {
  assertThrows(() => new Cluster({ bootstrap: [] }), Error, "Bootstrap");
  // From JavaScript: as kafkajs calls it, and nothing at all.
  for (const options of [{ brokers: ["a:1"] }, {}, undefined]) {
    const made = () => new Cluster(options as unknown as { bootstrap: string });
    assertThrows(made, TypeError, 'bootstrap is missing: { bootstrap: "localhost:9092" }');
  }
});

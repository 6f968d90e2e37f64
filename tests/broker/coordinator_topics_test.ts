/**
 * Proves that the coordinators take up their topics when an administrator makes them: Kafka's do at the election of
 * their leaders. Asked for here without FindCoordinator, which would have taken them up.
 */
import { assertEquals } from "@std/assert";
import type { Connection } from "../../src/client/connection.ts";
import { InitProducerId } from "../../src/protocol/messages/init_producer_id.ts";
import { JoinGroup } from "../../src/protocol/messages/join_group.ts";
import { pause, TestBroker } from "./harness.ts";

const LOADING = 14, MEMBER_ID_REQUIRED = 79;
const IDS = ["a", "b", "c", "d"]; // each in a partition of its own where there are four

Deno.test("groups are at home in a __consumer_offsets that an administrator has made", async () => {
  await using broker = await TestBroker.start();
  const connection = await broker.connect();
  await broker.createTopic("__consumer_offsets", { partitions: 4 });
  for (const id of IDS) assertEquals(await loaded(() => join(connection, id)), MEMBER_ID_REQUIRED);
});

Deno.test("transactions are at home in a __transaction_state that an administrator has made", async () => {
  await using broker = await TestBroker.start();
  const connection = await broker.connect();
  await broker.createTopic("__transaction_state", { partitions: 4 });
  for (const id of IDS) assertEquals(await loaded(() => begin(connection, id)), 0);
});

/** What is answered once nothing is being loaded any more. */
async function loaded(ask: () => Promise<number>): Promise<number> {
  for (;;) {
    const errorCode = await ask();
    if (errorCode !== LOADING) return errorCode;
    await pause(5);
  }
}

async function join(connection: Connection, groupId: string): Promise<number> {
  const { errorCode } = await connection.request(JoinGroup, 9, {
    groupId,
    sessionTimeoutMs: 30_000,
    rebalanceTimeoutMs: 30_000,
    memberId: "",
    groupInstanceId: null,
    protocolType: "consumer",
    protocols: [{ name: "range", metadata: new Uint8Array() }],
    reason: null,
  });
  return errorCode;
}

async function begin(connection: Connection, transactionalId: string): Promise<number> {
  const { errorCode } = await connection.request(InitProducerId, 5, {
    transactionalId,
    transactionTimeoutMs: 30_000,
    producerId: -1,
    producerEpoch: -1,
  });
  return errorCode;
}

/** The last epochs of a producer id: 32765 to 32767, where an id ends and another begins. */
import { InitProducerId } from "../../../src/protocol/messages/init_producer_id.ts";
import { EndTxn } from "../../../src/protocol/messages/end_txn.ts";
import { Client } from "./client.ts";
import type { Scenarios, TransactionPlayer } from "./player.ts";

/** A client whose epoch has been bumped by InitProducerId until it is `epoch`. */
async function worn(player: TransactionPlayer, epoch: number, timeoutMs = 60_000): Promise<Client> {
  const client = await Client.begin(player, "t");
  const { producerId } = client.identity;
  const bodies = Array.from({ length: epoch - 1 }, (_, producerEpoch) => ({
    transactionalId: player.name("t"),
    transactionTimeoutMs: 60_000,
    producerId,
    producerEpoch,
  }));
  const last = await player.flood(InitProducerId, 4, bodies, "the next epoch");
  client.identity = { producerId: last.producerId, producerEpoch: last.producerEpoch };
  await client.init({ has: client.identity, timeoutMs, version: 4 });
  return client;
}

async function retried(client: Client, version: number, committed: boolean) {
  const before = client.identity;
  await client.end(version, committed);
  await client.ended();
  const after = client.identity;
  client.identity = before;
  await client.end(version, committed);
  client.identity = after;
  await client.describe();
}

export const EXHAUSTION: Scenarios = {
  "InitProducerId takes the last epochs, then a new id": {
    isLong: true,
    async play(player) {
      const client = await worn(player, 32_763);
      for (let i = 0; i < 5; i++) await client.init();
      await client.describe();
    },
  },
  "a producer that says who it is takes the last epochs, then a new id": {
    isLong: true,
    async play(player) {
      const client = await worn(player, 32_763);
      for (let i = 0; i < 5; i++) {
        const before = client.identity;
        await client.init({ has: before });
        await client.init({ has: before });
      }
      await client.describe();
    },
  },
  "EndTxn of version 5 takes the last epochs, then a new id, and a retry is answered alike": {
    isLong: true,
    async play(player) {
      await player.topic("a");
      const client = await worn(player, 32_763);
      for (const committed of [true, false, true, false]) {
        await client.produce("a", { isSettled: true });
        await retried(client, 5, committed);
      }
      await player.log("a");
    },
  },
  "aborts of nothing take the last epochs, then a new id": {
    isLong: true,
    async play(player) {
      const client = await worn(player, 32_763);
      for (let i = 0; i < 5; i++) await retried(client, 5, false);
    },
  },
  "EndTxn of version 4 at the last epochs": {
    isLong: true,
    async play(player) {
      await player.topic("a");
      const client = await worn(player, 32_763);
      for (let i = 0; i < 5; i++) {
        await client.add(3, { a: [0] });
        await client.produce("a", { version: 11, isSettled: true });
        await retried(client, 4, i % 2 === 0);
        await client.init();
      }
      await player.log("a");
    },
  },
  "InitProducerId while a transaction is open at the last epochs": {
    isLong: true,
    async play(player) {
      await player.topic("a");
      let client = await worn(player, 32_764);
      for (let i = 0; i < 4; i++) {
        await client.produce("a", { isSettled: true });
        await client.describe();
        const old = client;
        client = new Client(player, "t");
        await client.init({ isSettled: false });
        await client.init();
        await old.end(5, true);
        await old.end(5, false);
        await client.describe();
        await player.log("a");
      }
    },
  },
  "a producer that says who it is, while a transaction is open at the last epochs": {
    isLong: true,
    async play(player) {
      await player.topic("a");
      const client = await worn(player, 32_764);
      for (let i = 0; i < 4; i++) {
        await client.produce("a", { isSettled: true });
        await client.init({ isSettled: false, has: client.identity });
        await client.init({ has: client.identity });
        await client.describe();
        await player.log("a");
      }
    },
  },
  "a transaction times out at the last epoch but one, and a late EndTxn comes": {
    isLong: true,
    async play(player) {
      await player.topic("a");
      const client = await worn(player, 32_765, 500);
      await client.produce("a");
      await player.ended("t", ["CompleteAbort"]);
      const old = client.identity;
      await player.ask(EndTxn, 5, { transactionalId: player.name("t"), ...old, committed: true });
      await player.ask(EndTxn, 5, { transactionalId: player.name("t"), ...old, committed: false });
      await client.init({ has: old });
      await client.describe();
      await player.log("a");
    },
  },
  "a transaction times out at the last epoch, and a late EndTxn comes": {
    isLong: true,
    async play(player) {
      await player.topic("a");
      const client = await worn(player, 32_766, 500);
      await client.describe();
      await client.produce("a");
      await player.ended("t", ["CompleteAbort"]);
      const old = client.identity;
      await player.ask(EndTxn, 5, { transactionalId: player.name("t"), ...old, committed: true });
      await player.ask(EndTxn, 5, { transactionalId: player.name("t"), ...old, committed: false });
      await client.init({ has: old });
      await client.describe();
      await player.log("a");
    },
  },
};

/** InitProducerId: ids, versions, fencing, bumps by the producer itself (KIP-360), timeouts. */
import { FindCoordinator } from "../../../src/protocol/messages/find_coordinator.ts";
import { InitProducerId } from "../../../src/protocol/messages/init_producer_id.ts";
import { Client, NOBODY } from "./client.ts";
import { pause, type Scenarios, UNKNOWN_PRODUCER } from "./player.ts";

export const INIT: Scenarios = {
  "a transactional id gets a producer id once, and a new epoch each time after": {
    async play(player) {
      const client = new Client(player, "t");
      await player.coordinated("t");
      for (const version of [0, 1, 2, 3, 4, 5]) {
        await client.init({ version });
        await client.describe();
      }
    },
  },
  "without a transactional id there is a new producer id each time": {
    async play(player) {
      for (const version of [0, 1, 2, 3, 4, 5]) {
        const body = { transactionalId: null, transactionTimeoutMs: version };
        await player.settled(InitProducerId, version, body);
      }
      // A timeout is not looked at, nor what the producer says it has.
      const has = { producerId: UNKNOWN_PRODUCER, producerEpoch: 5 };
      for (const transactionTimeoutMs of [0, -1, 1_000_000_000]) {
        await player.ask(InitProducerId, 4, { transactionalId: null, transactionTimeoutMs });
      }
      for (const version of [3, 4, 5]) {
        const body = { transactionalId: null, transactionTimeoutMs: 60_000, ...has };
        await player.ask(InitProducerId, version, body);
      }
      const one = { producerId: UNKNOWN_PRODUCER, producerEpoch: -1 };
      const other = { producerId: -1, producerEpoch: 3 };
      for (const half of [one, other]) {
        await player.ask(InitProducerId, 5, {
          transactionalId: null,
          transactionTimeoutMs: 60_000,
          ...half,
        });
      }
    },
  },
  "an empty id, a timeout of 0 or above the limit, and half of an identity are refused": {
    async play(player) {
      await player.coordinated("t");
      for (const version of [0, 3, 4, 5]) {
        await player.ask(InitProducerId, version, { transactionalId: "", transactionTimeoutMs: 60_000 });
        for (const transactionTimeoutMs of [0, -1, 900_001, 2147483647]) {
          const transactionalId = player.name("t");
          await player.ask(InitProducerId, version, { transactionalId, transactionTimeoutMs });
        }
      }
      const client = new Client(player, "t");
      await client.describe();
      await client.init({ timeoutMs: 1 });
      await client.init({ timeoutMs: 900_000 });
      await client.describe();
      for (const version of [3, 4, 5]) {
        await client.init({ version, has: { producerId: 5, producerEpoch: -1 } });
        await client.init({ version, has: { producerId: -1, producerEpoch: 0 } });
        await client.init({ version, has: { producerId: -5, producerEpoch: -5 } });
      }
      await client.describe();
    },
  },
  "a producer that says who it is gets its own next epoch": {
    async play(player) {
      const client = await Client.begin(player, "t");
      const first = client.identity;
      await client.init({ has: first });
      // The same again: an answer that was lost.
      await client.init({ has: first });
      await client.describe();
      const second = client.identity;
      await client.init({ has: second, version: 3 });
      await client.init({ has: second, version: 4 });
      // Two epochs ago.
      for (const version of [3, 4, 5]) await client.init({ has: first, version });
      await client.init({ has: { ...client.identity, producerEpoch: 9 } });
      await client.init({ has: { ...client.identity, producerEpoch: 9 }, version: 3 });
      await client.init({ has: { producerId: UNKNOWN_PRODUCER, producerEpoch: 2 } });
      await client.init({ has: { producerId: UNKNOWN_PRODUCER, producerEpoch: 2 }, version: 3 });
      await client.describe();
    },
  },
  "a producer that says who it is, of an id that nobody knows": {
    async play(player) {
      await player.coordinated("t");
      const client = new Client(player, "t");
      await client.init({ has: { producerId: UNKNOWN_PRODUCER, producerEpoch: 7 } });
      await client.describe();
      await client.init({ has: { producerId: UNKNOWN_PRODUCER, producerEpoch: 7 } });
      await client.init({ has: client.identity });
    },
  },
  "a new instance fences the old one": {
    async play(player) {
      await player.topic("a");
      const old = await Client.begin(player, "t");
      const young = new Client(player, "t");
      await young.init();
      for (const version of [0, 1, 2, 3]) await old.add(version, { a: [0, 1] });
      for (const version of [0, 1, 2, 3, 4]) await old.addOffsets(version, "g");
      for (const version of [0, 1, 2, 3, 4, 5]) await old.end(version, true);
      for (const version of [3, 4, 5]) await old.init({ version, has: old.identity });
      await young.describe();
      for (const version of [9, 11, 12]) await old.produce("a", { version });
      await young.add(3, { a: [0] });
      await young.produce("a", { version: 11 });
      for (const version of [9, 11, 12]) await old.produce("a", { version });
      await young.end(4, true);
      await young.ended();
      await young.produce("a", { version: 12, sequence: 1, isSettled: true });
      for (const version of [9, 11, 12]) await old.produce("a", { version });
      await young.end(5, false);
      await young.ended();
      await player.log("a");
    },
  },
  "an open transaction of the last instance is aborted first": {
    async play(player) {
      await player.topic("a");
      const old = await Client.begin(player, "t");
      await old.add(3, { a: [0, 1] });
      await old.produce("a", { version: 11 });
      const young = new Client(player, "t");
      await young.init({ isSettled: false });
      await young.init();
      await young.describe();
      await player.log("a", 0);
      await player.log("a", 1);
      await old.end(4, true);
      await old.end(3, true);
      await old.end(1, true);
      await old.end(0, false);
      await old.produce("a", { version: 11, sequence: 1 });
      await young.add(3, { a: [0] });
      await young.produce("a", { version: 11 });
      await young.end(4, true);
      await young.ended();
      await player.log("a", 0);
    },
  },
  "an open transaction of the last instance is aborted first, by a client of transaction.version 2": {
    async play(player) {
      await player.topic("a");
      const old = await Client.begin(player, "t");
      await old.produce("a");
      const young = new Client(player, "t");
      await young.init({ isSettled: false });
      await young.init();
      await young.describe();
      await player.log("a");
      await old.end(5, true);
      await old.produce("a", { sequence: 1 });
      await old.init({ has: old.identity });
      await young.produce("a");
      await young.end(5, true);
      await young.ended();
      await player.log("a");
    },
  },
  "a producer that says who it is has its own open transaction aborted": {
    async play(player) {
      await player.topic("a");
      const client = await Client.begin(player, "t");
      const before = client.identity;
      await client.add(3, { a: [0] });
      await client.produce("a", { version: 11 });
      await client.init({ has: before, isSettled: false });
      await client.init({ has: before });
      await client.describe();
      await client.init({ has: before });
      await player.log("a");
      await client.produce("a");
      const second = client.identity;
      await client.init({ has: second, isSettled: false });
      await client.init({ has: second });
      await client.describe();
      await player.log("a");
    },
  },
  "a timed out transaction is aborted and its producer fenced, which may then go on": {
    async play(player) {
      await player.topic("a");
      const client = await Client.begin(player, "t", { timeoutMs: 500 });
      await client.add(3, { a: [0] });
      await client.produce("a", { version: 11 });
      await client.describe();
      await player.ended("t", ["CompleteAbort"]);
      await player.log("a");
      for (const version of [0, 1, 2, 4, 5]) await client.end(version, true);
      await client.end(4, false);
      for (const version of [0, 2, 3]) await client.add(version, { a: [0] });
      for (const version of [9, 11, 12]) await client.produce("a", { version, sequence: 1 });
      const has = client.identity;
      await client.init({ has, version: 3 });
      await client.describe();
      await client.init({ has, version: 4 });
      await client.add(3, { a: [0] });
      await client.produce("a", { version: 11 });
      await client.end(4, true);
      await client.ended();
      await player.log("a");
    },
  },
  "a timed out transaction of a client of transaction.version 2": {
    async play(player) {
      await player.topic("a");
      const client = await Client.begin(player, "t", { timeoutMs: 500 });
      await client.produce("a");
      await player.ended("t", ["CompleteAbort"]);
      await player.log("a");
      await client.end(5, true);
      await client.end(5, false);
      await client.produce("a", { sequence: 1 });
      await client.init({ has: client.identity, timeoutMs: 60_000 });
      await client.produce("a");
      await client.end(5, true);
      await client.ended();
      await player.log("a");
    },
  },
  "a transaction that has nothing does not time out": {
    async play(player) {
      const client = await Client.begin(player, "t", { timeoutMs: 100 });
      await pause(300);
      await client.describe();
      await client.init({ has: client.identity, timeoutMs: 100 });
    },
  },
  "the timeout is the one of the last InitProducerId": {
    async play(player) {
      const client = await Client.begin(player, "t", { timeoutMs: 5000 });
      await client.describe();
      await client.init({ timeoutMs: 7000 });
      await client.describe();
      await client.init({ timeoutMs: 9000, has: client.identity });
      await client.describe();
    },
  },
  "two-phase commit is not there": {
    async play(player) {
      const transactionalId = player.name("t");
      for (const flags of [{}, { enable2Pc: true }, { keepPreparedTxn: true }]) {
        await player.ask(InitProducerId, 6, {
          transactionalId,
          transactionTimeoutMs: 60_000,
          ...flags,
        });
      }
    },
  },
  "FindCoordinator in every version": {
    async play(player) {
      await player.coordinated("t");
      await player.coordinated("g", 0);
      for (const version of [0, 1, 2, 3]) {
        await player.ask(FindCoordinator, version, { key: player.name("g") });
      }
      for (const version of [1, 2, 3]) {
        for (const keyType of [0, 1, 2, 3, -1]) {
          await player.ask(FindCoordinator, version, { key: player.name("t"), keyType });
        }
        await player.ask(FindCoordinator, version, { key: "", keyType: 1 });
      }
      for (const version of [4, 5, 6]) {
        for (const keyType of [0, 1, 3]) {
          const coordinatorKeys = ["t", "u", ""].map((key) => key && player.name(key));
          await player.ask(FindCoordinator, version, { keyType, coordinatorKeys });
        }
        await player.ask(FindCoordinator, version, { keyType: 1, coordinatorKeys: [] });
      }
      await player.ask(FindCoordinator, 4, { keyType: 2, coordinatorKeys: ["x"] });
    },
  },
  "epochs and ids go on from an identity that was never given by an older client": {
    async play(player) {
      const client = await Client.begin(player, "t", { version: 0 });
      await client.init({ version: 3, has: client.identity });
      await client.init({ version: 2 });
      await client.init({ version: 5, has: NOBODY });
      await client.describe();
    },
  },
};

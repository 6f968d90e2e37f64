/** Produce in and outside of transactions, in the versions that differ. */
import { Client, NOBODY, producersOf } from "./client.ts";
import { type Scenarios, UNKNOWN_PRODUCER } from "./player.ts";

const VERSIONS = [3, 7, 9, 10, 11, 12, 13];

export const PRODUCING: Scenarios = {
  "a transactional write to a partition that was not added": {
    async play(player) {
      await player.topic("a", VERSIONS.length);
      for (const [partition, version] of VERSIONS.entries()) {
        const client = await Client.begin(player, `t${version}`);
        await client.produce("a", { version, partition });
        await client.describe();
        await producersOf(player, "a", partition);
        await player.log("a", partition);
        await client.end(version >= 12 ? 5 : 4, true);
        await client.ended();
        await player.log("a", partition);
      }
    },
  },
  "a transactional write to a partition that was added": {
    async play(player) {
      await player.topic("a", VERSIONS.length);
      for (const [partition, version] of VERSIONS.entries()) {
        const client = await Client.begin(player, `t${version}`);
        await client.add(3, { a: [partition] });
        await client.produce("a", { version, partition, count: 2 });
        await client.produce("a", { version, partition, sequence: 2 });
        await client.produce("a", { version, partition, sequence: 2 });
        await client.produce("a", { version, partition, count: 2 });
        await client.produce("a", { version, partition, sequence: 5 });
        await client.describe();
        await producersOf(player, "a", partition);
        await client.end(4, true);
        await client.ended();
        await client.produce("a", { version, partition, sequence: 3, isSettled: true });
        await producersOf(player, "a", partition);
        await player.log("a", partition);
      }
    },
  },
  "a write after the transaction has ended, under the epoch of before": {
    async play(player) {
      await player.topic("a", VERSIONS.length);
      for (const [partition, version] of VERSIONS.entries()) {
        const client = await Client.begin(player, `t${version}`);
        await client.add(3, { a: [partition] });
        await client.produce("a", { version, partition });
        const before = client.identity;
        await client.end(5, true);
        await client.ended();
        client.identity = before;
        await client.produce("a", { version, partition, sequence: 1 });
        await client.produce("a", { version, partition });
        await player.log("a", partition);
      }
    },
  },
  "who a batch is of: no transactional id, another one, another producer id": {
    async play(player) {
      await player.topic("a");
      const client = await Client.begin(player, "t");
      const other = await Client.begin(player, "u");
      for (const version of VERSIONS) {
        await client.produce("a", { version, named: null });
        await client.produce("a", { version, named: "u" });
        await client.produce("a", { version, named: "unknown" });
      }
      client.identity = { producerId: UNKNOWN_PRODUCER, producerEpoch: 0 };
      for (const version of VERSIONS) await client.produce("a", { version });
      client.identity = NOBODY;
      for (const version of VERSIONS) await client.produce("a", { version });
      await other.describe();
      await player.log("a");
    },
  },
  "epochs that are older or newer than the coordinator's": {
    async play(player) {
      await player.topic("a");
      const client = await Client.begin(player, "t");
      await client.init();
      const { producerId, producerEpoch } = client.identity;
      for (const version of VERSIONS) {
        for (const epoch of [producerEpoch - 1, producerEpoch + 1, -1]) {
          client.identity = { producerId, producerEpoch: epoch };
          await client.produce("a", { version });
        }
      }
      client.identity = { producerId, producerEpoch };
      await client.describe();
      await player.log("a");
    },
  },
  "idempotent batches of a transactional producer": {
    async play(player) {
      await player.topic("a");
      const client = await Client.begin(player, "t");
      await client.produce("a", { isTransactional: false });
      await client.produce("a", { isTransactional: false, version: 11, sequence: 1, named: null });
      await client.produce("a", { sequence: 2 });
      await client.produce("a", { isTransactional: false, sequence: 3 });
      await client.produce("a", { isTransactional: false, version: 11, sequence: 3, named: null });
      await client.end(5, true);
      await client.ended();
      await player.log("a");
      await producersOf(player, "a", 0);
    },
  },
  "sequences over transactions and epochs": {
    async play(player) {
      await player.topic("a");
      const client = await Client.begin(player, "t");
      await client.produce("a", { sequence: 5 });
      await client.describe();
      await client.produce("a", { sequence: 0, count: 3 });
      await client.end(5, true);
      await client.ended();
      await client.produce("a", { sequence: 3, isSettled: true });
      await client.produce("a", { sequence: 0, isSettled: true });
      await client.produce("a", { sequence: 0, isSettled: true });
      await client.end(5, false);
      await client.ended();
      await player.log("a");
      await producersOf(player, "a", 0);
    },
  },
  "sequences of an older client go on over its transactions": {
    async play(player) {
      await player.topic("a");
      const client = await Client.begin(player, "t");
      for (const [sequence, committed] of [[0, true], [1, false], [2, true]] as const) {
        await client.add(3, { a: [0] });
        await client.produce("a", { version: 11, sequence, isSettled: true });
        await client.end(4, committed);
        await client.ended();
      }
      await client.add(3, { a: [0] });
      await client.produce("a", { version: 11, sequence: 0, isSettled: true });
      await client.produce("a", { version: 11, sequence: 7, isSettled: true });
      await client.produce("a", { version: 11, sequence: 3, isSettled: true });
      await client.init();
      await client.add(3, { a: [0] });
      await client.produce("a", { version: 11, sequence: 4, isSettled: true });
      await client.produce("a", { version: 11, sequence: 0, isSettled: true });
      await client.end(4, true);
      await client.ended();
      await player.log("a");
    },
  },
  "partitions that do not exist": {
    async play(player) {
      await player.topic("a", 1);
      const client = await Client.begin(player, "t");
      for (const version of [9, 11, 12]) {
        await client.produce("a", { version, partition: 3 });
        await client.produce("none", { version });
      }
      await client.describe();
    },
  },
  "several transactions in one partition: what a reader of committed records sees": {
    async play(player) {
      await player.topic("a");
      const [one, two, three] = [
        await Client.begin(player, "t"),
        await Client.begin(player, "u"),
        await Client.begin(player, "v"),
      ];
      await one.produce("a");
      await two.produce("a", { count: 2 });
      await player.log("a");
      await two.end(5, false);
      await two.ended();
      await player.log("a");
      await three.produce("a");
      await one.end(5, true);
      await one.ended();
      await player.log("a");
      await two.produce("a");
      await three.end(5, false);
      await three.ended();
      await player.log("a");
      await two.end(5, true);
      await two.ended();
      await player.log("a");
      await producersOf(player, "a", 0);
    },
  },
};

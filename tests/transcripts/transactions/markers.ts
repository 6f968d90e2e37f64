/** WriteTxnMarkers and DescribeProducers: what a partition makes of a coordinator's word. */
import { Client, producersOf } from "./client.ts";
import type { Scenarios } from "./player.ts";

export const MARKERS: Scenarios = {
  "a marker ends an open transaction of a partition, whoever sends it": {
    async play(player) {
      await player.topic("a");
      const client = await Client.begin(player, "t");
      await client.add(3, { a: [0, 1] });
      await client.produce("a", { version: 11 });
      await client.produce("a", { version: 11, partition: 1 });
      await producersOf(player, "a", 0, 1, 2);
      await client.marker(1, { a: [0] });
      await client.marker(1, { a: [0] });
      await client.marker(1, { a: [0] }, { commit: true });
      await producersOf(player, "a", 0, 1);
      await player.log("a", 0);
      await player.log("a", 1);
      await client.describe();
      await client.end(4, true);
      await client.ended();
      await player.log("a", 0);
      await player.log("a", 1);
    },
  },
  "epochs of markers: of an older one, the same, and newer ones": {
    async play(player) {
      await player.topic("a");
      const client = await Client.begin(player, "t");
      await client.init();
      await client.init();
      await client.add(3, { a: [0, 1, 2] });
      for (const partition of [0, 1, 2]) {
        await client.produce("a", { version: 11, partition });
        const epoch = client.identity.producerEpoch;
        await client.marker(1, { a: [partition] }, { epoch: epoch - 1 });
        await client.marker(1, { a: [partition] }, { epoch: -1 });
        await client.marker(1, { a: [partition] }, { epoch: epoch + partition });
        await producersOf(player, "a", partition);
        await client.marker(1, { a: [partition] }, { epoch });
        await player.log("a", partition);
      }
    },
  },
  "under transaction.version 2 the epoch of a marker must be newer than the transaction's": {
    async play(player) {
      await player.topic("a");
      const client = await Client.begin(player, "t");
      await client.init();
      for (const partition of [0, 1, 2]) {
        await client.produce("a", { partition });
        const epoch = client.identity.producerEpoch;
        await client.marker(2, { a: [partition] }, { epoch: epoch - 1 });
        await client.marker(2, { a: [partition] }, { epoch });
        await producersOf(player, "a", partition);
        await client.marker(2, { a: [partition] }, { epoch: epoch + 1 + partition });
        await client.marker(2, { a: [partition] }, { epoch: epoch + 1 + partition });
        await client.marker(2, { a: [partition] }, { epoch });
        await producersOf(player, "a", partition);
        await player.log("a", partition);
      }
    },
  },
  "markers with another transaction version, in version 2 of the request": {
    async play(player) {
      await player.topic("a", 4);
      const client = await Client.begin(player, "t");
      await client.add(3, { a: [0, 1, 2, 3] });
      for (const [partition, transactionVersion] of [0, 1, 2, 3].entries()) {
        await client.produce("a", { version: 11, partition });
        await client.marker(2, { a: [partition] }, { transactionVersion });
        await client.marker(2, { a: [partition] }, { transactionVersion });
        await producersOf(player, "a", partition);
        await player.log("a", partition);
      }
    },
  },
  "epochs of coordinators: an older one has no say any more": {
    async play(player) {
      await player.topic("a");
      const client = await Client.begin(player, "t");
      await client.add(3, { a: [0] });
      await client.produce("a", { version: 11 });
      await client.marker(1, { a: [0] }, { coordinatorEpoch: 7 });
      await client.produce("a", { version: 11, sequence: 1 });
      await client.marker(1, { a: [0] }, { coordinatorEpoch: 6 });
      await client.marker(1, { a: [0] }, { coordinatorEpoch: 7 });
      await client.marker(1, { a: [0] }, { coordinatorEpoch: 6 });
      await client.marker(1, { a: [0] }, { coordinatorEpoch: -1 });
      await client.marker(1, { a: [0] }, { coordinatorEpoch: 8 });
      await player.log("a", 0);
    },
  },
  "a marker of a producer that the partition does not know, and partitions that do not exist": {
    async play(player) {
      await player.topic("a");
      const client = await Client.begin(player, "t");
      for (const version of [1, 2]) {
        await client.marker(version, { a: [version] });
        await client.marker(version, { a: [version] }, { commit: true });
        await producersOf(player, "a", version);
        await client.marker(version, { a: [7], none: [0] });
        await client.marker(version, { a: [version, 7], none: [0] });
        await client.marker(version, {});
        await player.log("a", version);
      }
    },
  },
  "markers of a group's partition": {
    async play(player) {
      await player.topic("a");
      await player.coordinated("g", 0);
      await producersOf(player, "a", 0, 7, -1);
      await producersOf(player, "none", 0);
    },
  },
};

/** EndTxn: versions, retries, the wrong state, the wrong epoch, transactions without anything in them. */
import { EndTxn } from "../../../src/protocol/messages/end_txn.ts";
import { AddPartitionsToTxn } from "../../../src/protocol/messages/add_partitions_to_txn.ts";
import { Client } from "./client.ts";
import { type Scenarios, UNKNOWN_PRODUCER } from "./player.ts";

const committedOrAborted = [true, false];

export const ENDING: Scenarios = {
  "an id that nobody knows cannot be ended": {
    async play(player) {
      await player.coordinated("t");
      for (const version of [0, 1, 2, 3, 4, 5]) {
        for (const committed of committedOrAborted) {
          await player.ask(EndTxn, version, {
            transactionalId: player.name("t"),
            producerId: UNKNOWN_PRODUCER,
            producerEpoch: 0,
            committed,
          });
        }
        await player.ask(EndTxn, version, {
          transactionalId: "",
          producerId: UNKNOWN_PRODUCER,
          producerEpoch: 0,
          committed: true,
        });
      }
    },
  },
  "another producer id, an older epoch, a newer epoch": {
    async play(player) {
      await player.topic("a");
      const client = await Client.begin(player, "t");
      await client.init();
      await client.add(3, { a: [0] });
      const { producerId, producerEpoch } = client.identity;
      for (const version of [0, 1, 2, 3, 4, 5]) {
        for (const committed of committedOrAborted) {
          client.identity = { producerId: UNKNOWN_PRODUCER, producerEpoch };
          await client.end(version, committed);
          client.identity = { producerId, producerEpoch: producerEpoch - 1 };
          await client.end(version, committed);
          client.identity = { producerId, producerEpoch: producerEpoch + 1 };
          await client.end(version, committed);
        }
      }
      client.identity = { producerId, producerEpoch };
      await client.describe();
      await client.end(4, true);
      await client.ended();
    },
  },
  "a transaction is committed, and a retry is answered alike; the other way it is too late": {
    async play(player) {
      await player.topic("a");
      for (const version of [0, 1, 2, 3, 4]) {
        const client = await Client.begin(player, `t${version}`);
        await client.add(3, { a: [0, 1] });
        await client.produce("a", { version: 11 });
        await client.end(version, true);
        await client.ended();
        await client.end(version, true);
        await client.end(version, false);
        await client.describe();
      }
      await player.log("a", 0);
      await player.log("a", 1);
    },
  },
  "a transaction is aborted, and a retry is answered alike; the other way it is too late": {
    async play(player) {
      await player.topic("a");
      for (const version of [0, 1, 2, 3, 4]) {
        const client = await Client.begin(player, `t${version}`);
        await client.add(3, { a: [0, 1] });
        await client.produce("a", { version: 11 });
        await client.end(version, false);
        await client.ended();
        await client.end(version, false);
        await client.end(version, true);
        await client.describe();
      }
      await player.log("a", 0);
      await player.log("a", 1);
    },
  },
  "version 5 gives a new epoch with every end, and a retry the same one": {
    async play(player) {
      await player.topic("a");
      const client = await Client.begin(player, "t");
      for (const committed of [true, false, true]) {
        const before = client.identity;
        await client.produce("a", { isSettled: true });
        await client.end(5, committed);
        await client.ended();
        const after = client.identity;
        client.identity = before;
        await client.end(5, committed);
        client.identity = before;
        await client.end(5, !committed);
        client.identity = before;
        await client.end(4, committed);
        client.identity = before;
        await client.end(1, committed);
        client.identity = after;
        await client.describe();
      }
      await player.log("a");
    },
  },
  "an end that is two transactions old is fenced": {
    async play(player) {
      await player.topic("a");
      const client = await Client.begin(player, "t");
      const first = client.identity;
      for (let i = 0; i < 2; i++) {
        await client.produce("a", { isSettled: true });
        await client.end(5, true);
        await client.ended();
      }
      const last = client.identity;
      for (const version of [0, 1, 2, 3, 4, 5]) {
        for (const committed of committedOrAborted) {
          client.identity = first;
          await client.end(version, committed);
        }
      }
      client.identity = last;
      await client.produce("a");
      client.identity = { ...last, producerEpoch: last.producerEpoch - 1 };
      for (const version of [4, 5]) {
        for (const committed of committedOrAborted) await client.end(version, committed);
      }
      client.identity = last;
      await client.end(5, true);
      await client.ended();
      await player.log("a");
    },
  },
  "there is nothing to end": {
    async play(player) {
      for (const version of [0, 1, 2, 3, 4, 5]) {
        for (const committed of committedOrAborted) {
          const client = await Client.begin(player, `t${version}${committed}`);
          await client.end(version, committed);
          await client.describe();
          await client.end(version, committed);
          await client.describe();
        }
      }
    },
  },
  "an abort of nothing still gives a new epoch, again and again": {
    async play(player) {
      await player.topic("a");
      const client = await Client.begin(player, "t");
      for (let i = 0; i < 3; i++) {
        await client.end(5, false);
        await client.describe();
      }
      const before = client.identity;
      await client.produce("a", { isSettled: true });
      await client.end(5, true);
      await client.ended();
      const after = client.identity;
      await client.end(5, true); // nothing in it
      await client.describe();
      client.identity = after;
      await client.end(5, false);
      await client.describe();
      client.identity = before;
      await client.end(5, true);
      client.identity = before;
      await client.end(5, false);
      client.identity = after;
      await client.end(5, false);
      await client.describe();
      await player.log("a");
    },
  },
  "partitions that were added and never written get their marker": {
    async play(player) {
      await player.topic("a");
      for (const committed of committedOrAborted) {
        const client = await Client.begin(player, `t${committed}`);
        await client.add(3, { a: [0, 1, 2] });
        await client.end(4, committed);
        await client.ended();
      }
      for (const partition of [0, 1, 2]) await player.log("a", partition);
    },
  },
  "a transaction with a topic that was deleted meanwhile ends": {
    async play(player) {
      await player.topic("a");
      await player.topic("b");
      const client = await Client.begin(player, "t");
      await client.add(3, { a: [0], b: [0] });
      await client.produce("a", { version: 11 });
      await client.produce("b", { version: 11 });
      await player.admin.deleteTopics([player.name("b")]);
      await client.end(4, true);
      await client.ended();
      await player.log("a");
      await client.add(3, { a: [0] });
      await client.produce("a", { version: 11, sequence: 1 });
      await client.end(4, true);
      await client.ended();
      await player.log("a");
    },
  },
  "a client of version 2 ends with an older EndTxn, and one of version 0 with a newer": {
    async play(player) {
      await player.topic("a");
      const client = await Client.begin(player, "t");
      await client.produce("a");
      await client.end(4, true);
      await client.ended();
      await client.end(4, true);
      await player.log("a");
      await client.add(3, { a: [1] });
      await client.produce("a", { version: 11, partition: 1 });
      await client.end(5, true);
      await client.ended();
      await client.add(3, { a: [1] });
      await client.produce("a", { version: 11, partition: 1 });
      await client.end(5, false);
      await client.ended();
      await player.log("a", 1);
    },
  },
  "whoever was fenced ends after a successor that kept its epoch": {
    async play(player) {
      await player.topic("a");
      for (const committed of committedOrAborted) {
        const id = `t${committed}`, fenced = await Client.begin(player, id);
        const successor = await Client.begin(player, id);
        await successor.add(3, { a: [0] });
        await successor.end(4, committed);
        await successor.ended();
        const before = fenced.identity;
        for (const again of committedOrAborted) {
          fenced.identity = before;
          await fenced.end(5, again);
        }
        fenced.identity = before;
        await fenced.end(4, committed);
        await successor.describe();
      }
      await player.log("a");
    },
  },
  "AddPartitionsToTxn while nothing, and after an end, begins a transaction": {
    async play(player) {
      await player.topic("a");
      const client = await Client.begin(player, "t");
      for (const committed of committedOrAborted) {
        await client.add(3, { a: [0] });
        await client.describe();
        await client.end(3, committed);
        await client.ended();
      }
      await client.add(0, { a: [0] });
      await client.add(0, { a: [0] });
      await client.add(1, { a: [1, 2] });
      await client.describe();
      await client.end(0, true);
      await client.ended();
      for (const partition of [0, 1, 2]) await player.log("a", partition);
    },
  },
  "AddPartitionsToTxn is one answer for all": {
    async play(player) {
      await player.topic("a", 2);
      await player.coordinated("t");
      const unknown = new Client(player, "t");
      unknown.identity = { producerId: UNKNOWN_PRODUCER, producerEpoch: 0 };
      for (const version of [0, 1, 2, 3]) await unknown.add(version, { a: [0, 1] });
      const client = await Client.begin(player, "t");
      for (const version of [0, 1, 2, 3]) {
        await client.add(version, { a: [0, 1, 2] });
        await client.add(version, { a: [0], none: [0] });
        await client.add(version, { a: [-1] });
        await client.add(version, {});
        await client.add(version, { a: [] });
        await client.describe();
      }
      const { producerId, producerEpoch } = client.identity;
      for (const version of [0, 1, 2, 3]) {
        client.identity = { producerId: UNKNOWN_PRODUCER, producerEpoch };
        await client.add(version, { a: [0] });
        client.identity = { producerId, producerEpoch: producerEpoch + 1 };
        await client.add(version, { a: [0] });
        client.identity = { producerId, producerEpoch: -1 };
        await client.add(version, { a: [0] });
        await player.ask(AddPartitionsToTxn, version, {
          v3AndBelowTransactionalId: "",
          v3AndBelowProducerId: producerId,
          v3AndBelowProducerEpoch: producerEpoch,
          v3AndBelowTopics: [{ name: player.name("a"), partitions: [0] }],
        });
      }
      client.identity = { producerId, producerEpoch };
      await client.describe();
    },
  },
  "AddPartitionsToTxn of many transactions, and to verify only": {
    async play(player) {
      await player.topic("a", 2);
      const one = await Client.begin(player, "t"), two = await Client.begin(player, "u");
      for (const version of [4, 5]) {
        const all = (verifyOnly: boolean) =>
          player.settled(AddPartitionsToTxn, version, {
            transactions: [one.part({ a: [0] }, verifyOnly), two.part({ a: [0, 1] }, verifyOnly)],
          });
        await all(true);
        await one.describe();
        await all(false);
        await one.describe();
        await all(true);
        await player.ask(AddPartitionsToTxn, version, {
          transactions: [one.part({ a: [0, 1] }, true), two.part({ a: [5], none: [0] }, true)],
        });
        await player.ask(AddPartitionsToTxn, version, {
          transactions: [one.part({ a: [0, 1, 2] }), two.part({ none: [0] })],
        });
        await player.ask(AddPartitionsToTxn, version, { transactions: [] });
        await player.ask(AddPartitionsToTxn, version, { transactions: [one.part({})] });
        await player.ask(AddPartitionsToTxn, version, { transactions: [one.part({}, true)] });
        const wrong = [
          { ...one.part({ a: [0] }), producerId: UNKNOWN_PRODUCER },
          { ...two.part({ a: [0] }), producerEpoch: 7 },
          { ...one.part({ a: [0] }), transactionalId: player.name("unknown") },
          { ...one.part({ a: [0] }), transactionalId: "" },
        ];
        for (const verifyOnly of [true, false]) {
          for (const part of wrong) {
            await player.settled(AddPartitionsToTxn, version, { transactions: [{ ...part, verifyOnly }] });
          }
        }
        await one.describe();
        await two.describe();
        for (const client of [one, two]) {
          await client.end(4, true);
          await client.ended();
          await client.init();
        }
        await all(true);
      }
    },
  },
};

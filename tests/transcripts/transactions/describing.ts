/** What an operator is told: DescribeTransactions, ListTransactions. */
import { DescribeTransactions } from "../../../src/protocol/messages/describe_transactions.ts";
import { ListTransactions } from "../../../src/protocol/messages/list_transactions.ts";
import { Client } from "./client.ts";
import { pause, type Scenarios, type TransactionPlayer } from "./player.ts";

/** Of the ids of this player only: the broker has others. */
async function list(player: TransactionPlayer, version: number, more: {
  readonly stateFilters?: string[];
  readonly producerIdFilters?: number[];
  readonly durationFilter?: number;
  readonly transactionalIdPattern?: string | null;
}) {
  const answer = await player.settled(ListTransactions, version, {
    stateFilters: [],
    producerIdFilters: [],
    ...more,
  });
  const { asked, answer: kept } = player.transcript.pop()!;
  const known = new Set(["t", "u", "v", "w"].map((id) => player.name(id)));
  const own = answer?.transactionStates.filter(({ transactionalId }) => known.has(transactionalId));
  const states = own?.map((one) => `${one.transactionalId} ${one.transactionState}`.replace(player.name(""), ""));
  player.transcript.push({
    asked,
    answer: kept === "closed" ? kept : { ...kept as object, transactionStates: states!.sort() },
  });
}

export const DESCRIBING: Scenarios = {
  "transactions in every state are described": {
    async play(player) {
      await player.topic("a");
      await player.topic("b");
      await player.coordinated("g", 0);
      const [t, u, v] = [
        await Client.begin(player, "t", { timeoutMs: 11_000 }),
        await Client.begin(player, "u", { timeoutMs: 12_000 }),
        await Client.begin(player, "v", { timeoutMs: 13_000 }),
      ];
      await t.add(3, { a: [0, 2], b: [1] });
      await t.addOffsets(4, "g");
      await u.produce("a");
      await u.end(5, true);
      await u.ended();
      await v.add(3, { a: [1] });
      await v.end(4, false);
      await v.ended();
      const ids = ["t", "u", "v", "unknown"].map((id) => player.name(id));
      await player.ask(DescribeTransactions, 0, { transactionalIds: ids });
      await player.ask(DescribeTransactions, 0, { transactionalIds: [...ids.slice(0, 1), ""] });
      await player.ask(DescribeTransactions, 0, { transactionalIds: [] });
      await player.ask(DescribeTransactions, 0, { transactionalIds: [ids[0], ids[0]] });
    },
  },
  "transactions are listed by state, producer, age and pattern": {
    async play(player) {
      await player.topic("a");
      const [t, u, v] = [
        await Client.begin(player, "t"),
        await Client.begin(player, "u"),
        await Client.begin(player, "v"),
      ];
      await Client.begin(player, "w");
      await t.add(3, { a: [0] });
      await u.add(3, { a: [0] });
      await u.end(4, true);
      await u.ended();
      await v.add(3, { a: [1] });
      await v.end(4, false);
      await v.ended();
      for (const version of [0, 1, 2]) {
        await list(player, version, {});
        for (const state of ["Empty", "Ongoing", "CompleteCommit", "CompleteAbort", "PrepareCommit", "Dead", "PrepareEpochFence"]) {
          await list(player, version, { stateFilters: [state] });
        }
        await list(player, version, { stateFilters: ["Empty", "Ongoing", "ongoing", "Nonsense"] });
        await list(player, version, { stateFilters: ["Nonsense"] });
        await list(player, version, { stateFilters: [""] });
        await list(player, version, { producerIdFilters: [t.identity.producerId] });
        await list(player, version, { producerIdFilters: [t.identity.producerId, v.identity.producerId] });
        await list(player, version, { producerIdFilters: [123_456_789] });
        await list(player, version, {
          stateFilters: ["Ongoing"],
          producerIdFilters: [u.identity.producerId],
        });
      }
      await pause(1100);
      for (const version of [1, 2]) {
        for (const durationFilter of [-1, -5, 0, 1, 1000, 3_600_000, 1e15]) {
          await list(player, version, { durationFilter });
        }
      }
      const { producerId } = t.identity;
      const patterns = [
        null,
        "",
        "t.*",
        "[tu].*",
        "^t.*$",
        "t",
        ".*",
        "(?i)T.*",
        "(",
        "[",
        "*",
        "(?=t).*",
        "(t)\\1",
        "\\",
        "t.*|v.*",
      ];
      for (const transactionalIdPattern of patterns) {
        await list(player, 2, { transactionalIdPattern, producerIdFilters: [producerId, u.identity.producerId] });
      }
    },
  },
};

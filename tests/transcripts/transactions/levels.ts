/** Under transaction.version 0 and 1, where clients add partitions and groups themselves and epochs stay. */
import { Client, offsetsOf, producersOf } from "./client.ts";
import type { Scenarios, TransactionPlayer } from "./player.ts";

async function lives(player: TransactionPlayer): Promise<void> {
  await player.topic("a", 6);
  await player.coordinated("g", 0);
  const client = await Client.begin(player, "t");
  await client.add(3, { a: [0, 1] });
  await client.produce("a", { version: 11 });
  await client.addOffsets(4, "g");
  await client.commitOffsets(4, "g", { a: [5] });
  await client.describe();
  await client.end(4, true);
  await client.ended();
  await client.end(4, true);
  await client.describe();
  await client.add(3, { a: [0] });
  await client.produce("a", { version: 11, sequence: 1 });
  await client.end(3, false);
  await client.ended();
  await player.log("a");
  await offsetsOf(player, "g", "a", { requireStable: true });
}

async function newerRequests(player: TransactionPlayer): Promise<void> {
  await player.topic("a", 6);
  await player.coordinated("g", 0);
  const client = await Client.begin(player, "t");
  await client.produce("a", { version: 12 });
  await client.produce("a", { version: 11, partition: 1 });
  await client.produce("a", { version: 9, partition: 2 });
  await client.commitOffsets(5, "g", { a: [3] });
  await client.commitOffsets(3, "g", { a: [3] });
  await client.describe();
  await client.end(5, true);
  await client.ended();
  await client.describe();
  await client.end(5, false);
  await client.describe();
  await player.log("a", 0);
  await player.log("a", 1);
  await producersOf(player, "a", 0, 1, 2);
  await offsetsOf(player, "g", "a", { requireStable: true });
}

async function fences(player: TransactionPlayer): Promise<void> {
  await player.topic("a");
  const old = await Client.begin(player, "t");
  await old.add(3, { a: [0] });
  await old.produce("a", { version: 11 });
  const young = new Client(player, "t");
  await young.init({ isSettled: false });
  await young.init();
  await old.end(4, true);
  await old.produce("a", { version: 11, sequence: 1 });
  await young.describe();
  await young.init({ has: young.identity });
  await player.log("a");
}

async function changes(player: TransactionPlayer, from: number, to: number): Promise<void> {
  await player.topic("a", 2);
  await player.level(from);
  const client = await Client.begin(player, "t");
  if (from < 2) await client.add(3, { a: [0] });
  await client.produce("a", { version: from < 2 ? 11 : 12 });
  await client.describe();
  await player.level(to);
  await client.describe();
  await client.end(from < 2 ? 4 : 5, true);
  await client.ended();
  await player.log("a");
  const next = new Client(player, "t");
  await next.init();
  if (to < 2) await next.add(3, { a: [1] });
  await next.produce("a", { version: to < 2 ? 11 : 12, partition: 1 });
  await next.end(to < 2 ? 4 : 5, true);
  await next.ended();
  await next.describe();
  await player.log("a", 1);
  await player.level(2);
}

export const LEVELS: Scenarios = {
  "version 0: an older client": { level: 0, play: lives },
  "version 1: an older client": { level: 1, play: lives },
  "version 0: newer requests": { level: 0, play: newerRequests },
  "version 1: newer requests": { level: 1, play: newerRequests },
  "version 0: fencing": { level: 0, play: fences },
  "version 1: fencing": { level: 1, play: fences },
  "from 0 to 2 with a transaction open": { play: (player) => changes(player, 0, 2) },
  "from 1 to 2 with a transaction open": { play: (player) => changes(player, 1, 2) },
  "from 2 to 1 with a transaction open": { play: (player) => changes(player, 2, 1) },
  "from 2 to 0 with a transaction open": { play: (player) => changes(player, 2, 0) },
};

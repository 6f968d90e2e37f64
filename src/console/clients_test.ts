/** Proves that who is connected is shown with what it asked for, and with how long quotas held it up. */
import { assert, assertEquals } from "@std/assert";
import { Admin } from "../client/admin.ts";
import { Cluster } from "../client/cluster.ts";
import { Producer } from "../client/producer.ts";
import { ConsoleBroker } from "../testing/console_broker.ts";
import type { ClientRow } from "./api.ts";

Deno.test("a client's requests are counted, and what its quota told it to wait, but nobody else's", async () => {
  await using console = await ConsoleBroker.start();
  const admin = new Admin(console.cluster);
  await admin.createTopics([{ name: "t" }]);
  await admin.alterQuota({ clientId: "slow" }, { producer_byte_rate: 700 });
  const { kafkaAddress: bootstrap } = console.broker;
  const cluster = new Cluster({ bootstrap, clientId: "slow" });
  const producer = new Producer(cluster);
  for (let i = 0; i < 3; i++) await producer.send({ topic: "t", value: "x".repeat(3000) });
  const of = async (clientId: string): Promise<ClientRow[]> =>
    (await console.get(`clients?sort=requests&q=${clientId}`)).items;
  const rows = await of("slow");
  assert(rows.reduce((sum, { requests }) => sum + requests, 0) >= 4, JSON.stringify(rows));
  assert(rows.every(({ throttledMs }) => throttledMs! > 0), JSON.stringify(rows));
  const others = (await of("")).filter(({ clientId }) => clientId !== "slow");
  assert(others.length > 0);
  assertEquals(others.filter(({ throttledMs }) => throttledMs !== null), []);
  await producer[Symbol.asyncDispose]();
  cluster.close();
});

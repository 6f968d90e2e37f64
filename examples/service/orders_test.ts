/** The service tested with `deno test`: a broker of its own for each test, and what happens when the network fails. */
import { assertEquals } from "@std/assert";
import { Broker } from "runnel";
import { Orders } from "./orders.ts";

Deno.test("an order whose confirmation is lost counts once", async () => {
  await using broker = await Broker.start();
  const orders = new Orders(broker.address);
  await orders.place("ada", 3);
  broker.faults.next({ api: "Produce", disconnect: "after" }); // it is kept, and nobody is told
  await orders.place("ada", 4);
  broker.faults.assertAllFired();
  await orders.place("ada", 5);
  assertEquals(await orders.total("ada", { until: 3 }), 12);
  await orders.close();
});

Deno.test("orders go on when a partition has its leader again", async () => {
  await using broker = await Broker.start();
  const orders = new Orders(broker.address);
  await orders.place("ada", 3);
  const leaderless = await broker.faults.leaderless("orders");
  const placed = orders.place("ada", 4);
  while (leaderless.fired === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await leaderless.remove();
  await placed;
  assertEquals(await orders.total("ada", { until: 2 }), 7);
  await orders.close();
});

/** The service tested with node:test: `node --test examples/service/orders_node_test.ts`, and the same with Deno. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Broker } from "runnel";
import { Orders } from "./orders.ts";

let broker: Broker, orders: Orders;
before(async () => {
  broker = await Broker.start();
  orders = new Orders(broker.address);
});
after(async () => {
  await orders.close();
  await broker.stop();
});

test("an order is in its customer's total", async () => {
  await orders.place("ada", 3);
  await orders.place("bob", 5);
  await orders.place("ada", 4);
  assert.equal(await orders.total("ada", { until: 3 }), 7);
});

test("an order that the broker refuses is not confirmed, and does not count", async () => {
  broker.faults.next({ api: "Produce", topic: "orders", errorCode: "MESSAGE_TOO_LARGE" });
  await assert.rejects(() => orders.place("ada", 100));
  broker.faults.assertAllFired();
  await orders.place("ada", 1);
  assert.equal(await orders.total("ada", { until: 4 }), 8);
});

/** The checker of the crash suite must fail: each kind of broken promise, in a log of a few records, is named. */
import { assertEquals } from "@std/assert";
import { Ledger, type Seen } from "./ledger.ts";

function ledger(): Ledger {
  const ledger = new Ledger({ isExactlyOnce: true });
  for (const [order, value] of ["a", "b", "c"].entries()) {
    ledger.send(value, { partition: 0, order, owner: "p" });
  }
  ledger.acknowledge("a", 0);
  ledger.acknowledge("b", 1);
  return ledger;
}

const log = (...values: string[]): Seen[] =>
  values.map((value, offset) => ({ partition: 0, offset, value }));

Deno.test("a log that agrees has no complaint, whether the record of unknown fate is there or not", () => {
  assertEquals(ledger().complaints(log("a", "b")), []);
  assertEquals(ledger().complaints(log("a", "b", "c")), []);
});

Deno.test("what is lost, doubled, out of order, moved or never sent is named", () => {
  const first = (...values: string[]) => ledger().complaints(log(...values))[0];
  assertEquals(first("a"), "b was acknowledged at 0:1 and is not there");
  assertEquals(first("a", "b", "a"), "a is there twice: at 0:0 and 0:2");
  assertEquals(first("b", "a"), "a at 0:1 comes after a later one");
  assertEquals(first("a", "x", "b"), "x at 0:1 was never sent");
});

Deno.test("what a consumer was shown must stay where it was", () => {
  const shown = ledger();
  assertEquals(shown.show({ partition: 0, offset: 2, value: "c" }), null);
  assertEquals(shown.complaints(log("a", "b")), ["c was shown at 0:2 and is not there"]);
  assertEquals(
    shown.show({ partition: 0, offset: 2, value: "b" }),
    "b was shown at 0:2, where c was shown before",
  );
});

/** Proves that the events of the last hour are remembered, each once, and that there are never many. */
import { assertEquals } from "@std/assert";
import { RecentEvents } from "./recent.ts";

const MINUTE_MS = 60_000;

function atTime() {
  const time = { nowMs: 1_700_000_000_000 };
  const events = new RecentEvents(() => time.nowMs);
  const note = (event: string, fields: Record<string, unknown> = {}) =>
    events.note({ room: "storage", level: "warn", event, fields: () => fields });
  return { time, events, note };
}

Deno.test("an event that comes again is one entry, with its count and the fields of one of the last", () => {
  const { time, events, note } = atTime();
  note("write_failed", { topic: "a" });
  note("disk_low");
  time.nowMs += MINUTE_MS;
  note("write_failed", { topic: "b" });
  note("write_failed", { topic: "c" }); // in the same second
  const told = events.lately().map(({ event, count, fields }) => [event, count, fields]);
  assertEquals(told, [["write_failed", 3, { topic: "b" }], ["disk_low", 1, {}]]);
  const [{ firstMs, lastMs }] = events.lately();
  assertEquals(lastMs - firstMs, MINUTE_MS);
});

Deno.test("what has been over for an hour is forgotten, and begins anew", () => {
  const { time, events, note } = atTime();
  note("old");
  time.nowMs += 40 * MINUTE_MS;
  note("young");
  time.nowMs += 30 * MINUTE_MS;
  assertEquals(events.lately().map(({ event }) => event), ["young"]);
  note("old");
  assertEquals(events.lately().map(({ event, count }) => [event, count]), [["old", 1], [
    "young",
    1,
  ]]);
});

Deno.test("events without end take the room of the one that is longest over", () => {
  const { events, note } = atTime();
  for (let i = 0; i < 1000; i++) {
    note(`event ${i}`);
    note("often");
  }
  const told = events.lately();
  assertEquals(told.length, 200);
  assertEquals([told[0].event, told[0].count, told[1].event], ["often", 1000, "event 999"]);
});

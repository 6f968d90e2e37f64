/** Proves that what fails in taking up a partition anew is told, and what is kept of one that was given up. */
import { assertEquals } from "@std/assert";
import { SimulatedLog } from "../../tests/simulation/simulated_log.ts";
import { RegisterDesk, RegisterShard } from "../testing/registers.ts";

const turn = () => new Promise((resolve) => setTimeout(resolve));

Deno.test("a partition that lost an append, and cannot be taken up anew, is told of and taken up with the next look", async () => {
  const log = new SimulatedLog();
  let isFailing = false;
  const desk = await RegisterDesk.loaded(log, {
    newShard: () => {
      if (isFailing) throw new Error("a bug");
      return new RegisterShard();
    },
  });
  isFailing = true;
  const lost = desk.set("a", 1);
  log.failWrites();
  assertEquals((await lost).error, 16);
  await turn();
  assertEquals(desk.events.map(([event, { error }]) => [event, error]), [
    ["log_write_failed", "Error: no space"],
    ["work_failed", "Error: a bug"],
  ]);
  isFailing = false;
  await desk.runtime.loadAll();
  assertEquals((await desk.get("a")).error, 0);
});

/** Producer ids: that none is given out twice, within a block, over blocks, and over a crash. */
import { assertEquals } from "@std/assert";
import { Fixture, META } from "../testing/topics.ts";
import { ProducerIds } from "./producer_ids.ts";

Deno.test("ids count up from 0 and cross blocks without a gap", async () => {
  const fixture = await Fixture.start();
  const ids = new ProducerIds(fixture.metadata, META.nodeId);
  const given = [];
  for (let i = 0; i < 2001; i++) given.push(await ids.next());
  assertEquals(given, Array.from({ length: 2001 }, (_, i) => i));
  assertEquals(fixture.catalogue.nextProducerId, 3000);
});

Deno.test("many who ask at once get an id each and share blocks", async () => {
  const fixture = await Fixture.start();
  const ids = new ProducerIds(fixture.metadata, META.nodeId);
  const given = await Promise.all(Array.from({ length: 2500 }, () => ids.next()));
  assertEquals(new Set(given).size, 2500);
  assertEquals(fixture.catalogue.nextProducerId, 3000);
});

Deno.test("after a crash no id comes again", async () => {
  const fixture = await Fixture.start();
  const before = await new ProducerIds(fixture.metadata, META.nodeId).next();
  await fixture.crash();
  await fixture.restart({ wasClean: false });
  assertEquals([before, await new ProducerIds(fixture.metadata, META.nodeId).next()], [0, 1000]);
});

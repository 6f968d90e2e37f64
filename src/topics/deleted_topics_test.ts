/** Proves that topics which come and go leave nothing in the image of the metadata, but for a while their ids. */
import { assertEquals } from "@std/assert";
import { randomUuid, ZERO_UUID } from "../bytes/uuid.ts";
import { Fixture, imageOf } from "../testing/topics.ts";
import { DeletedTopics } from "./deleted_topics.ts";
import { planDeleteTopics } from "./plan_delete_topics.ts";

Deno.test("a deleted topic is known until the second snapshot behind it", async () => {
  const fixture = await Fixture.start(), before = imageOf(fixture.catalogue);
  await fixture.create("t", 3, { "retention.ms": "5" });
  const { id } = fixture.catalogue.topic("t")!;
  const remove = (name: string) =>
    fixture.metadata.transact((catalogue) =>
      planDeleteTopics(catalogue, [{ name, topicId: ZERO_UUID }])
    );
  await remove("t");
  assertEquals(imageOf(fixture.catalogue), before);
  const known = () => [fixture.catalogue.deleted.has(id), fixture.catalogue.deleted.isEmpty];
  assertEquals(known(), [true, false]);
  Object.assign(fixture.snapshots, { bytes: 1 }); // one behind each commit
  await fixture.create("a");
  assertEquals(known(), [true, false]);
  await fixture.create("b");
  assertEquals(known(), [false, true]);
});

Deno.test("however many topics come and go between two snapshots, there is an end to what is known of them", () => {
  const deleted = new DeletedTopics(), ids = Array.from({ length: 20_001 }, () => randomUuid());
  for (const id of ids) deleted.add(id);
  assertEquals(ids.filter((id) => !deleted.has(id)), [ids[0]]);
});

/** Plans that take long: others have turns meanwhile, nobody changes anything in between, and there is an end to them. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { ZERO_UUID } from "../bytes/uuid.ts";
import { CountedTurns } from "../testing/counted_turns.ts";
import { Fixture } from "../testing/topics.ts";
import { TooLargeChangeError } from "./metadata_log_error.ts";
import type { NewRecord } from "./metadata_record.ts";
import type { Plan, Steps } from "./metadata_store.ts";
import { planAlterConfigs } from "./plan_alter_configs.ts";
import { planAlterClientQuotas } from "./plan_alter_client_quotas.ts";
import { planCreatePartitions } from "./plan_create_partitions.ts";
import { planCreateTopics } from "./plan_create_topics.ts";
import { planDeleteTopics } from "./plan_delete_topics.ts";

const COUNT = 10_000;
const names = Array.from({ length: COUNT }, (_, i) => `t${i}`);
const LIMITS = { numPartitions: 1, maxPartitions: 100 };
const NEW_TOPIC = { numPartitions: 1, replicationFactor: -1, assignments: [], configs: [] };

/** Each of very many names, and how many of them at most may be looked at in one step. */
const plans: Record<string, (fixture: Fixture) => Steps<unknown>> = {
  "create topics": ({ catalogue }) =>
    planCreateTopics(catalogue, names.map((name) => ({ name, ...NEW_TOPIC })), LIMITS),
  "create partitions": ({ catalogue }) =>
    planCreatePartitions(
      catalogue,
      names.map((name) => ({ name, count: 2, assignments: null })),
      LIMITS,
    ),
  "delete topics": ({ catalogue }) =>
    planDeleteTopics(catalogue, names.map((name) => ({ name, topicId: ZERO_UUID }))),
  "alter configs": ({ catalogue }) =>
    planAlterConfigs(
      catalogue,
      names.map((resourceName) => ({ resourceType: 2, resourceName, configs: [] })),
      // deno-lint-ignore no-explicit-any -- what brokers and groups have is not asked for
      { nodeId: 3, replaces: false, fixedBrokerConfigs: new Set(), groups: {} as any },
    ),
  "alter quotas": ({ catalogue }) =>
    planAlterClientQuotas(
      catalogue,
      names.map((entityName) => ({ entity: [{ entityType: "user", entityName }], ops: [] })),
    ),
};

for (const [what, plan] of Object.entries(plans)) {
  Deno.test(`a request to ${what} that names very many is planned in many steps`, async () => {
    const fixture = await Fixture.start();
    let steps = 0;
    for (const planning = plan(fixture); !planning.next().done;) steps++;
    assert(steps >= COUNT / 100, `${steps} steps for ${COUNT} names`);
  });
}

Deno.test("while a plan takes its time others have turns, and no other plan is begun", async () => {
  const fixture = await Fixture.start(), turn = fixture.turn = new CountedTurns(2);
  await fixture.restart({ wasClean: true });
  const seen: string[] = [];
  turn.between = () => seen.push("somebody else's turn");
  const first = fixture.metadata.transact(function* (catalogue): Steps<string> {
    for (let i = 0; i < 4; i++) {
      seen.push(`step ${i} of ${catalogue.topics().length} topics`);
      yield;
    }
    return created("a", "first");
  });
  const second = fixture.metadata.transact((catalogue) => {
    seen.push(`the next of ${catalogue.topics().length} topics`);
    return created("b", "second");
  });
  assertEquals(await Promise.all([first, second]), ["first", "second"]);
  assertEquals(seen, [
    "step 0 of 0 topics",
    "step 1 of 0 topics",
    "somebody else's turn",
    "step 2 of 0 topics",
    "step 3 of 0 topics",
    "somebody else's turn",
    "the next of 1 topics",
  ]);
});

Deno.test("a plan that throws in the middle changes nothing, and harms no later one", async () => {
  const fixture = await Fixture.start();
  const thrown = fixture.metadata.transact(function* (): Steps<null> {
    yield;
    throw new Error("a mistake");
  });
  await assertRejects(() => thrown, Error, "a mistake");
  assertEquals(await fixture.create("t"), 0);
});

Deno.test("a change of more than 20,000 records is refused, whole", async () => {
  const fixture = await Fixture.start();
  const records = (count: number): NewRecord[] =>
    names.concat(names, names).slice(0, count).map((name) => ({
      kind: "ConfigRecord",
      version: 0,
      value: { resourceType: 16, resourceName: name, name: "interval.ms", value: "5000" },
    }));
  const transact = (count: number) =>
    fixture.metadata.transact(() => ({ records: records(count), result: count }));
  await assertRejects(
    () => transact(20_001),
    TooLargeChangeError,
    "Unable to perform excessively large batch operation: 20001 metadata records, at most 20000",
  );
  assertEquals(fixture.catalogue.configured(16), []);
  assertEquals(await transact(20_000), 20_000);
  assertEquals(fixture.catalogue.configured(16).length, COUNT);
});

function created<Result>(name: string, result: Result): Plan<Result> {
  const topicId = `${name.repeat(21)}A` as typeof ZERO_UUID;
  return { records: [{ kind: "TopicRecord", version: 0, value: { name, topicId } }], result };
}

/**
 * Proves that placement brings logs after a catalogue whatever has happened to either, that doing it again changes
 * nothing, that what cannot be done is told, counted and tried again, and that nobody who brings a change is failed by it
 * or waits for ever. The logs are a model that fails when told to; time is the test's.
 */
import { assertEquals } from "@std/assert";
import type { Uuid } from "../bytes/uuid.ts";
import type { GivesWay } from "../clock.ts";
import type { TopicConfig } from "../config/topic_configs.ts";
import { BackgroundWork } from "../metrics/background.ts";
import type { WantedLog } from "../storage/opening.ts";
import { FakeTimers } from "../testing/fake_timers.ts";
import { Fixture, META } from "../testing/topics.ts";
import { planCreatePartitions } from "../topics/plan_create_partitions.ts";
import { planDeleteTopics } from "../topics/plan_delete_topics.ts";
import { ZERO_UUID } from "../bytes/uuid.ts";
import { type PlacedLogs, Placement } from "./placement.ts";

class ModelLogs implements PlacedLogs {
  readonly made = new Map<string, { leaderEpoch: number; config: TopicConfig }>();
  readonly folders = new Map<Uuid, string>();
  /** Why it fails, by what: "make", "lead", "mark". */
  readonly failing = new Map<string, string>();
  /** While set, removals wait for it. */
  gate: Promise<void> | null = null;
  readonly calls: string[] = [];

  topicIds(): Set<Uuid> {
    return new Set([...this.folders.keys()]);
  }

  holds(topicId: Uuid): boolean {
    return this.folders.has(topicId);
  }

  held(topicId: Uuid, partition: number) {
    return this.made.get(`${topicId}:${partition}`) ?? null;
  }

  expect(wanted: Iterable<WantedLog>): void {
    for (const { topicId, topic, partition, leaderEpoch, config } of wanted) {
      this.made.set(`${topicId}:${partition}`, { leaderEpoch, config });
      this.folders.set(topicId, topic);
    }
  }

  make(topicId: Uuid, partition: number): void {
    if (!this.made.has(`${topicId}:${partition}`)) return;
    this.calls.push(`make ${this.folders.get(topicId)}-${partition}`);
  }

  lead(topicId: Uuid, partition: number, leaderEpoch: number): Promise<void> {
    this.calls.push(`lead ${partition} in ${leaderEpoch}`);
    const why = this.failing.get("lead");
    if (why !== undefined) return Promise.reject(new Error(why));
    this.made.get(`${topicId}:${partition}`)!.leaderEpoch = leaderEpoch;
    return Promise.resolve();
  }

  configure(topicId: Uuid, config: TopicConfig): void {
    this.calls.push("configure");
    for (const [key, log] of this.made) if (key.startsWith(topicId)) log.config = config;
  }

  async remove(topicIds: Iterable<Uuid>): Promise<void> {
    for (const id of topicIds) {
      this.calls.push(`remove ${this.folders.get(id)}`);
      for (const key of this.made.keys()) if (key.startsWith(id)) this.made.delete(key);
      if (!this.failing.has("mark")) this.folders.delete(id);
    }
    await this.gate;
  }

  faultOf(): string | null {
    const bug = this.failing.get("fault");
    if (bug !== undefined) throw new Error(bug);
    return this.failing.get("make") ?? null;
  }

  undeleted(topicId: Uuid): string | null {
    return this.folders.has(topicId) ? this.failing.get("mark") ?? null : null;
  }
}

const NEVER_LONG: GivesWay = { isLong: false, next: () => Promise.resolve() };

async function world(turn = NEVER_LONG) {
  const fixture = await Fixture.start(), logs = new ModelLogs(), timers = new FakeTimers();
  const events: string[] = [];
  const placement = new Placement({
    catalogue: fixture.catalogue,
    nodeId: META.nodeId,
    logs,
    timers,
    turn,
    work: new BackgroundWork("placement"),
    nowMs: () => 0,
    onEvent: (event, { reason }) =>
      events.push(reason === undefined ? event : `${event} ${reason}`),
  });
  const deleteTopic = (name: string) =>
    fixture.metadata.transact((catalogue) =>
      planDeleteTopics(catalogue, [{ name, topicId: ZERO_UUID }])
    );
  return { fixture, catalogue: fixture.catalogue, logs, timers, events, placement, deleteTopic };
}

Deno.test("what a catalogue has is made, what it has no more is removed, and doing it again does nothing", async () => {
  const { fixture, catalogue, logs, placement, deleteTopic } = await world();
  await fixture.create("a", 2);
  await fixture.create("b");
  await placement.followAll();
  await placement.followAll();
  await placement.follow([catalogue.topic("a")!.id]);
  assertEquals(logs.calls.splice(0), ["make a-0", "make a-1", "make b-0"]);
  await deleteTopic("a");
  await placement.followAll();
  await placement.followAll();
  assertEquals(logs.calls.splice(0), ["remove a"]);
  assertEquals([...placement.problems()], []);
});

Deno.test("changes that nobody told of are caught up with, in any order, with the next look", async () => {
  const { fixture, catalogue, logs, placement, deleteTopic } = await world();
  await fixture.create("a");
  await placement.followAll();
  await deleteTopic("a");
  await fixture.create("a", 2); // made again, and grown, and led anew, while nobody looked
  await fixture.metadata.transact((image) =>
    planCreatePartitions(image, [{ name: "a", count: 3, assignments: null }], {
      maxPartitions: 100,
    })
  );
  await placement.followAll();
  assertEquals(logs.calls.splice(0), [
    "make a-0",
    "remove a",
    "make a-0",
    "make a-1",
    "make a-2",
  ]);
  const { id } = catalogue.topic("a")!;
  assertEquals([...logs.folders.keys()], [id]);
});

Deno.test("a later leader epoch is led, an earlier one is not taken back, and a config is handed on", async () => {
  const { fixture, catalogue, logs, placement } = await world();
  await fixture.create("a");
  await placement.followAll();
  await fixture.restart({ wasClean: false });
  const again = new Placement({
    catalogue: fixture.catalogue,
    nodeId: META.nodeId,
    logs,
    turn: NEVER_LONG,
    work: new BackgroundWork("placement"),
    nowMs: () => 0,
    onEvent: () => {},
  });
  logs.calls.length = 0;
  await again.followAll();
  await again.followAll();
  // Another catalogue has another config object, though it says the same.
  assertEquals(logs.calls, ["configure", "lead 0 in 1"]);
  logs.made.get(`${catalogue.topic("a")!.id}:0`)!.leaderEpoch = 7;
  await again.followAll();
  assertEquals(logs.calls.length, 2);
});

Deno.test("what cannot be made is a problem with a name, told once, and none as soon as it is made", async () => {
  const { fixture, catalogue, logs, timers, events, placement } = await world();
  await fixture.create("a");
  logs.failing.set("make", "no space");
  await placement.followAll();
  const { id } = catalogue.topic("a")!;
  assertEquals(placement.problemOf(id), "a-0: no space");
  assertEquals([...placement.problems()], [{ topicId: id, what: "a-0", reason: "no space" }]);
  await timers.advance(1000);
  await timers.advance(2000);
  assertEquals(events, ["placement_failed no space"]);
  assertEquals(placement.work.failures, 3);
  logs.failing.delete("make"); // the logs try again by themselves
  assertEquals([placement.problemOf(id), [...placement.problems()]], [null, []]);
  await timers.advance(4000);
  assertEquals(events, ["placement_failed no space", "placement_done"]);
  assertEquals(timers.count, 0);
});

Deno.test("what throws fails nobody else, and is tried again until it is done, ever more seldom", async () => {
  const { fixture, catalogue, logs, timers, placement } = await world();
  await fixture.create("a");
  await fixture.create("b");
  await placement.followAll();
  for (const key of logs.made.keys()) logs.made.get(key)!.leaderEpoch = -1;
  logs.failing.set("lead", "a file cannot be read");
  await placement.followAll();
  assertEquals([...placement.problems()].map(({ what, reason }) => `${what}: ${reason}`), [
    "a: a file cannot be read",
    "b: a file cannot be read",
  ]);
  await timers.advance(1000);
  assertEquals(logs.calls.filter((call) => call.startsWith("lead")).length, 4);
  assertEquals(timers.nextMs, 2000);
  logs.failing.delete("lead");
  await timers.advance(2000);
  assertEquals(placement.problemOf(catalogue.topic("a")!.id), null);
  assertEquals(timers.count, 0);
});

Deno.test("a folder that cannot be marked deleted is tried again until it is", async () => {
  const { fixture, logs, timers, placement, deleteTopic } = await world();
  await fixture.create("a");
  await placement.followAll();
  logs.failing.set("mark", "not permitted");
  await deleteTopic("a");
  await placement.followAll();
  assertEquals([...placement.problems()].length, 1);
  logs.failing.delete("mark");
  await timers.advance(1000);
  assertEquals([[...placement.problems()], [...logs.folders]], [[], []]);
});

Deno.test("who brings a change waits no longer than a limit, and the work goes on", async () => {
  const { fixture, logs, timers, placement, deleteTopic } = await world();
  await fixture.create("a");
  await placement.followAll();
  await deleteTopic("a");
  const { promise, resolve } = Promise.withResolvers<void>();
  logs.gate = promise;
  let isAnswered = false;
  const waiting = placement.followAll(500).then(() => isAnswered = true);
  await timers.advance(400);
  assertEquals(isAnswered, false);
  await timers.advance(500);
  await waiting;
  assertEquals(isAnswered, true);
  await fixture.create("b");
  const next = placement.followAll(500);
  resolve();
  await next;
  assertEquals(logs.calls.at(-1), "make b-0");
});

Deno.test("what is no problem any more because its topic was deleted, or has another name, is none of the gauge's", async () => {
  const { fixture, logs, timers, placement, deleteTopic } = await world();
  await fixture.create("a");
  await fixture.create("b");
  logs.failing.set("make", "no space");
  await placement.followAll();
  assertEquals([...placement.work.failing.keys()], ["a", "b"]);
  await deleteTopic("a");
  await placement.followAll();
  assertEquals([...placement.work.failing.keys()], ["b"]);
  logs.failing.delete("make");
  await deleteTopic("b");
  await timers.advance(10_000);
  assertEquals([[...placement.problems()], [...placement.work.failing], timers.count], [[], [], 0]);
});

Deno.test("a topic of many partitions is made over many turns, and who comes between waits for his own topic only", async () => {
  const turns = new HeldTurns(3);
  const { fixture, catalogue, logs, placement, deleteTopic } = await world(turns);
  await fixture.create("big", 8);
  await fixture.create("gone", 1);
  const big = placement.follow([catalogue.topic("big")!.id]);
  assertEquals(logs.calls.splice(0), ["make big-0", "make big-1", "make big-2"]);
  assertEquals(logs.made.size, 8, "all of them are known before the first is made");
  await fixture.create("small");
  let isAnswered = false;
  const small = placement.follow([catalogue.topic("small")!.id]).then(() => isAnswered = true);
  await turns.nextTurn();
  await small;
  assertEquals([isAnswered, logs.calls.splice(0, 1)], [true, ["make small-0"]]);
  await deleteTopic("big");
  const deleted = placement.followAll();
  while (turns.isHeld) await turns.nextTurn();
  await Promise.all([big, deleted]);
  assertEquals(logs.calls, ["make big-3", "make big-4", "remove big", "make gone-0"]);
  assertEquals([...placement.problems()], []);
});

Deno.test("a stop in the middle of a topic that is being made waits for the turn, not for the topic", async () => {
  const turns = new HeldTurns(2);
  const { fixture, logs, placement } = await world(turns);
  await fixture.create("big", 100);
  const waiting = placement.followAll();
  const closed = placement.close();
  await turns.nextTurn();
  await Promise.all([closed, waiting]);
  assertEquals(logs.calls, ["make big-0", "make big-1"]);
});

/** Every so many looks a turn has been long; the next one comes when the test says so. */
Deno.test("a look that fails in itself is told, tried again, and keeps nobody who waits", async () => {
  const { fixture, logs, timers, events, placement } = await world();
  await fixture.create("a");
  logs.failing.set("fault", "a bug");
  await placement.followAll();
  assertEquals(events, ["placement_failed a bug"]);
  logs.failing.clear();
  await timers.advance(1000);
  assertEquals(events, ["placement_failed a bug", "placement_done"]);
  await fixture.create("b");
  await placement.followAll();
  assertEquals(logs.calls, ["make a-0", "make b-0"]);
});

class HeldTurns implements GivesWay {
  #looks = 0;
  #held: (() => void) | null = null;

  constructor(readonly every: number) {}

  get isLong(): boolean {
    return ++this.#looks % this.every === 0;
  }

  get isHeld(): boolean {
    return this.#held !== null;
  }

  next(): Promise<void> {
    return new Promise((resolve) => this.#held = resolve);
  }

  async nextTurn(): Promise<void> {
    const held = this.#held;
    this.#held = null;
    held?.();
    await new Promise((resolve) => setTimeout(resolve));
  }
}

Deno.test("after close() nothing is looked at", async () => {
  const { fixture, logs, placement } = await world();
  await fixture.create("a");
  await placement.close();
  await placement.followAll();
  assertEquals(logs.calls, []);
});

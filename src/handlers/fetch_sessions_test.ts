/** Proves how much fetch sessions remember, and what becomes of those for which there is no room. */
import { assert, assertEquals } from "@std/assert";
import { ZERO_UUID } from "../bytes/uuid.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { type FetchPartition, FetchSessions } from "./fetch_sessions.ts";

const MINUTES_MS = 60_000;

class World {
  nowMs = 0;
  readonly sessions: FetchSessions;

  constructor({ slots = 100 } = {}) {
    const clock = { nowMs: () => this.nowMs, monotonicMs: () => this.nowMs };
    this.sessions = new FetchSessions({ slots, maxOfOne: 10, clock });
  }

  plan(sessionId: number, sessionEpoch: number, named: FetchPartition[] = [], forget = 0) {
    const forgotten = [{
      topic: "t",
      topicId: ZERO_UUID,
      partitions: Array.from({ length: forget }, (_, i) => i),
    }];
    return this.sessions.plan({ sessionId, sessionEpoch, usesTopicIds: false, named, forgotten });
  }

  /** The id of a new session of so many partitions; 0 where there is none. */
  open(count: number): number {
    const plan = this.plan(0, 0, partitions(count));
    if (typeof plan === "number") throw new Error(`error ${plan}`);
    assertEquals([...plan.partitions].length, count); // answered all the same
    return plan.session?.id ?? 0;
  }
}

function partitions(count: number, from = 0): FetchPartition[] {
  return Array.from({ length: count }, (_, i) => ({
    topic: "t",
    topicId: ZERO_UUID,
    index: from + i,
    fetchOffset: 0,
    maxBytes: 1,
    currentLeaderEpoch: -1,
    lastFetchedEpoch: -1,
    toldHighWatermark: -1,
    toldLogStart: -1,
  }));
}

Deno.test("a session of more partitions than one may have is none, and its fetch is answered", () => {
  const world = new World();
  assertEquals(world.open(11), 0);
  assert(world.open(10) > 0);
});

Deno.test("a session that grows beyond what one may have is over, and the client begins anew", () => {
  const world = new World(), id = world.open(10);
  const plan = world.plan(id, 1, partitions(1, 10));
  assertEquals(plan, ErrorCode.FETCH_SESSION_ID_NOT_FOUND);
  assertEquals(world.sessions.size, 0);
  assert(world.open(10) > 0);
  const grown = world.plan(world.open(5), 1, partitions(5)); // the same, which are none more
  assert(typeof grown !== "number" && grown.session !== null);
});

Deno.test("partitions of all sessions are counted, and come back when they go", () => {
  const world = new World(), ids = Array.from({ length: 10 }, () => world.open(10));
  assert(ids.every((id) => id > 0));
  assertEquals(world.open(1), 0);
  world.plan(ids[0], 1, [], 1); // one is forgotten
  assert(world.open(1) > 0);
  assertEquals(world.open(1), 0);
  world.plan(ids[1], -1);
  assert(world.open(10) > 0);
  world.plan(ids[2], 1, [], 10); // a session of nothing is over
  assert(world.open(10) > 0);
  assertEquals(world.open(1), 0);
});

Deno.test("a session that ends before its client has heard of it leaves its room to others", () => {
  const world = new World();
  const keeper = world.open(1);
  for (let i = 0; i < 30; i++) {
    const plan = world.plan(0, 0, partitions(10));
    if (typeof plan === "number" || plan.session === null) throw new Error(`no session ${i}`);
    world.sessions.end(plan.session);
  }
  assert(world.open(10) > 0);
  assert(typeof world.plan(keeper, 1) !== "number");
});

Deno.test("a topic's name that no topic has counts as many partitions as it is long", () => {
  const world = new World(), long = "x".repeat(32_767);
  const named = (topic: string) => partitions(1).map((one) => ({ ...one, topic }));
  const plan = world.plan(0, 0, named(long));
  assertEquals(typeof plan !== "number" && plan.session, null);
  const grown = world.open(1);
  assertEquals(world.plan(grown, 1, named(long)), ErrorCode.FETCH_SESSION_ID_NOT_FOUND);
  // Of ten times as many: nine of two, one of ten.
  for (let i = 0; i < 9; i++) assert(world.open(10) > 0);
  const last = world.plan(0, 0, named("y".repeat(2 * 256)));
  assert(typeof last !== "number" && last.session !== null);
  assertEquals([world.open(8), world.open(7) > 0], [0, true]);
});

Deno.test("sessions that nobody uses make room for one that is larger than each", () => {
  const world = new World();
  const ids = Array.from({ length: 20 }, () => world.open(5));
  assertEquals(world.open(10), 0);
  world.nowMs += 2 * MINUTES_MS;
  world.plan(ids[0], 1); // still used
  assert(world.open(10) > 0);
  assertEquals(world.sessions.size, 19);
  assert(typeof world.plan(ids[0], 2) !== "number");
  assertEquals(world.plan(ids[1], 1), ErrorCode.FETCH_SESSION_ID_NOT_FOUND);
});

Deno.test("slots run out as before: the longest unused goes, after two minutes", () => {
  const world = new World({ slots: 2 }), [a, b] = [world.open(1), world.open(1)];
  assertEquals(world.open(1), 0);
  world.nowMs += 2 * MINUTES_MS;
  assert(world.open(1) > 0);
  assertEquals(world.plan(a, 1), ErrorCode.FETCH_SESSION_ID_NOT_FOUND);
  assert(typeof world.plan(b, 1) !== "number");
});

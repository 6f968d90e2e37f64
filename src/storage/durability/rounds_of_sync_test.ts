/**
 * Proves what a round of sync takes: what may wait goes with what follows in the same turn, and after it all the same; and
 * nothing is durable before what another log had written earlier.
 */
import { assertEquals } from "@std/assert";
import { FakeTimers } from "../../testing/fake_timers.ts";
import { GroupCommit, type Syncable } from "./group_commit.ts";

/** A log that takes part in rounds, and whose sync ends when told. */
class Log implements Syncable {
  readonly isGone = false;
  readonly isClosed = false;
  syncs = 0;

  sync(): Promise<void> {
    this.syncs++;
    return Promise.resolve();
  }

  syncSealed(): Promise<void> {
    return Promise.resolve();
  }

  takeStretches(): [] {
    return [];
  }
}

function start() {
  const timers = new FakeTimers(), rounds: number[] = [];
  const commit = new GroupCommit({
    policy: "fsync",
    intervalMs: 0,
    journal: null,
    timers,
    onFailure: (error) => {
      throw error;
    },
    onRound: (_, logs) => rounds.push(logs),
  });
  return { commit, timers, rounds, one: new Log(), other: new Log() };
}

const microtasks = async () => {
  for (let i = 0; i < 20; i++) await null;
};

Deno.test("what may wait goes with what follows in the same turn: one round", async () => {
  const { commit, rounds, timers, one, other } = start();
  commit.written(one, 10, true);
  await microtasks();
  assertEquals(rounds, []);
  commit.written(other, 10);
  await microtasks();
  assertEquals(rounds, [2]);
  await timers.advance(0);
  assertEquals([rounds, one.syncs, other.syncs], [[2], 1, 1]);
});

Deno.test("what may wait and is followed by nothing has a round of its own after the turn", async () => {
  const { commit, rounds, timers, one } = start();
  commit.written(one, 10, true);
  commit.written(one, 10, true);
  await timers.advance(0);
  assertEquals([rounds, one.syncs, timers.count], [[1], 1, 0]);
});

Deno.test("a stop waits for what may wait, and leaves no timer behind", async () => {
  const { commit, rounds, timers, one } = start();
  commit.written(one, 10, true);
  await commit.drain();
  assertEquals([rounds, timers.count], [[1], 0]);
});

Deno.test("logs that are synced by themselves, under whatever policy, are in no order", () => {
  for (const policy of ["fsync", "interval", "os"] as const) {
    const commit = new GroupCommit({ policy, intervalMs: 0, journal: null, onFailure: () => {} });
    assertEquals(commit.isOrdered, false, policy);
  }
});

Deno.test("under a policy that syncs nothing nothing waits", () => {
  const timers = new FakeTimers();
  const commit = new GroupCommit({
    policy: "os",
    intervalMs: 0,
    journal: null,
    timers,
    onFailure: () => {},
  });
  commit.written(new Log(), 10, true);
  assertEquals(timers.count, 0);
});

/**
 * Proves the rule of trusted time with a clock that moves when told to: what a leap is, how long it waits, and that every
 * way back is taken at once.
 */
import { assert, assertEquals } from "@std/assert";
import { FakeClock } from "../testing/fake_clock.ts";
import { SeededRandom } from "../testing/seeded_random.ts";
import { type ClockNews, type RememberedTime, TrustedTime } from "./trusted_time.ts";

const MINUTE_MS = 60_000, HOUR_MS = 60 * MINUTE_MS, DAY_MS = 24 * HOUR_MS;
const START_MS = 1_700_000_000_000;

class Desk {
  readonly clock = new FakeClock(START_MS);
  readonly time = new TrustedTime(this.clock);
  readonly news: ClockNews[] = [];

  look(): void {
    const news = this.time.look();
    if (news !== null) this.news.push(news);
  }

  /** Time passes, and is looked at every ten seconds, or so often at least. */
  pass(ms: number, everyMs = 10_000): void {
    for (let left = ms; left > 0; left -= everyMs) {
      this.clock.advance(Math.min(left, everyMs));
      this.look();
    }
  }

  step(ms: number): void {
    this.clock.stepWall(ms);
    this.look();
  }

  /** How far the wall clock is ahead of trusted time; 0 too when it is behind. */
  get lagMs(): number {
    return this.clock.nowMs() - this.time.nowMs();
  }
}

/** A start after `offMs`, under a wall clock that stands `aheadMs` further. */
function restarted(last: RememberedTime | null, wallMs: number, isRight = false): Desk {
  const desk = new Desk();
  desk.clock.stepWall(wallMs - START_MS);
  desk.time.resume(last, { isRight });
  desk.look();
  return desk;
}

function stoppedAt(ms: number): RememberedTime {
  return { confirmedMs: ms, aheadMs: 0, stoodMs: 0 };
}

Deno.test("trusted time is the wall clock while that goes on as monotonic time does", () => {
  const desk = new Desk();
  for (let day = 0; day < 10; day++) {
    desk.pass(DAY_MS, HOUR_MS);
    assertEquals(desk.time.nowMs(), desk.clock.nowMs());
  }
  assertEquals(desk.news, []);
});

Deno.test("a leap is believed after an hour of a steady clock for each day of it, and at least ten minutes", () => {
  for (
    const [leapMs, waitMs] of [
      [MINUTE_MS, 10 * MINUTE_MS],
      [2 * HOUR_MS, 10 * MINUTE_MS],
      [8 * HOUR_MS, 20 * MINUTE_MS],
      [30 * DAY_MS, 30 * HOUR_MS],
      [400 * DAY_MS, 400 * HOUR_MS],
    ]
  ) {
    const desk = new Desk();
    desk.step(leapMs);
    assertEquals(desk.lagMs, leapMs);
    desk.pass(waitMs - MINUTE_MS, MINUTE_MS);
    assertEquals(desk.lagMs, leapMs, "believed too early");
    desk.pass(MINUTE_MS);
    assertEquals(desk.lagMs, 0, `not believed after ${waitMs} ms`);
  }
});

Deno.test("between two looks no leap is believed either", () => {
  const desk = new Desk();
  desk.clock.stepWall(400 * DAY_MS);
  assertEquals(desk.time.nowMs(), START_MS);
  desk.clock.advance(5 * MINUTE_MS);
  assertEquals(desk.time.nowMs(), START_MS + 5 * MINUTE_MS);
});

Deno.test("a clock that is set back is followed at once, and so is its return; beyond that it waits", () => {
  const desk = new Desk();
  desk.step(-30 * DAY_MS);
  assertEquals(desk.time.nowMs(), START_MS - 30 * DAY_MS);
  desk.pass(HOUR_MS);
  desk.step(30 * DAY_MS);
  assertEquals(desk.time.nowMs(), START_MS + HOUR_MS);
  desk.step(-30 * DAY_MS);
  desk.step(60 * DAY_MS);
  assertEquals(desk.time.nowMs(), START_MS + HOUR_MS);
});

Deno.test("a clock that began at 1970, as on a machine without a battery, is believed when it is right again", () => {
  const desk = restarted(stoppedAt(START_MS), 0);
  assertEquals(desk.time.nowMs(), 0);
  desk.pass(MINUTE_MS);
  desk.step(START_MS + 20 * MINUTE_MS);
  assertEquals(desk.time.nowMs(), START_MS + MINUTE_MS);
  desk.pass(10 * MINUTE_MS);
  assertEquals(desk.lagMs, 0);
});

Deno.test("a clock that was wrong when it was believed, and stays right, may not leap there again", () => {
  const desk = new Desk(); // a first start, a year ahead
  desk.step(-365 * DAY_MS);
  desk.pass(365 * HOUR_MS, MINUTE_MS);
  desk.step(365 * DAY_MS);
  assertEquals(desk.lagMs, 365 * DAY_MS);
});

Deno.test("a clock that leaps again and again waits for each leap, one after the other", () => {
  const desk = new Desk();
  for (let i = 0; i < 100; i++) {
    desk.step(DAY_MS);
    desk.pass(MINUTE_MS);
  }
  assert(desk.lagMs >= 98 * DAY_MS, `after 100 minutes it is behind by ${desk.lagMs} ms only`);
  desk.pass(97 * HOUR_MS, MINUTE_MS);
  assert(desk.lagMs > 0, "100 days were believed after 99 hours");
  desk.pass(5 * HOUR_MS, MINUTE_MS);
  assertEquals(desk.lagMs, 0);
});

Deno.test("a clock that falls back loses what it waited for further ahead alone", () => {
  const desk = new Desk();
  desk.step(30 * DAY_MS);
  desk.pass(20 * HOUR_MS, MINUTE_MS);
  desk.step(-10 * DAY_MS); // it has stood at 20 days for 20 hours
  assertEquals(desk.lagMs, 0);
  desk.step(10 * DAY_MS);
  assertEquals(desk.lagMs, 10 * DAY_MS);
  desk.pass(9 * HOUR_MS, MINUTE_MS);
  assertEquals(desk.lagMs, 10 * DAY_MS);
  desk.pass(HOUR_MS + MINUTE_MS, MINUTE_MS);
  assertEquals(desk.lagMs, 0);
});

Deno.test("a machine that is suspended every night catches up every morning", () => {
  const desk = new Desk();
  for (let day = 0; day < 20; day++) {
    desk.pass(16 * HOUR_MS, MINUTE_MS);
    desk.step(8 * HOUR_MS); // monotonic time has stopped
    desk.pass(20 * MINUTE_MS);
    assertEquals(desk.lagMs, 0);
  }
});

Deno.test("a start believes at most an hour since the last stop, and a first start what the clock says", () => {
  assertEquals(restarted(null, START_MS).lagMs, 0);
  assertEquals(restarted(stoppedAt(START_MS), START_MS + HOUR_MS).lagMs, 0);
  assertEquals(restarted(stoppedAt(START_MS), START_MS + HOUR_MS + 1).lagMs, HOUR_MS + 1);
  assertEquals(restarted(stoppedAt(START_MS), START_MS + 400 * DAY_MS).lagMs, 400 * DAY_MS);
  assertEquals(restarted(stoppedAt(START_MS), START_MS + 400 * DAY_MS, true).lagMs, 0);
});

Deno.test("a directory that rested for a month, on a machine that runs ten hours a day, comes to its time all the same", () => {
  let wallMs = START_MS + 30 * DAY_MS, last = stoppedAt(START_MS);
  const lags: number[] = [];
  for (let day = 0; day < 4; day++) {
    const desk = restarted(last, wallMs);
    desk.pass(10 * HOUR_MS, MINUTE_MS);
    lags.push(Math.round(desk.lagMs / HOUR_MS));
    last = desk.time.remember();
    wallMs = desk.clock.nowMs() + 14 * HOUR_MS;
  }
  assertEquals(lags, [30 * 24, 30 * 24 + 14, 28, 0]);
});

Deno.test("a leap is told of once with how long it waits, and so is its end; less than an hour is not worth a word", () => {
  const desk = new Desk();
  desk.step(50 * MINUTE_MS);
  desk.pass(11 * MINUTE_MS);
  assertEquals(desk.news, []);
  desk.step(2 * DAY_MS);
  desk.pass(HOUR_MS);
  assertEquals(desk.news, [{ kind: "ahead", aheadMs: 2 * DAY_MS, waitMs: 2 * HOUR_MS }]);
  desk.step(-2 * DAY_MS);
  desk.step(3 * DAY_MS);
  desk.pass(4 * HOUR_MS, MINUTE_MS);
  assertEquals(desk.news.slice(1).map(({ kind }) => kind), ["settled", "ahead", "settled"]);
});

Deno.test("what is stamped to expire is not before anything that was believed", () => {
  const desk = new Desk();
  desk.step(-400 * DAY_MS);
  assertEquals(desk.time.stampMs(), START_MS);
  desk.step(800 * DAY_MS);
  assertEquals(desk.time.stampMs(), START_MS + 400 * DAY_MS);
});

Deno.test("whatever a clock does, trusted time is never ahead of it, nor of what monotonic time allows", () => {
  for (let seed = 1; seed <= 50; seed++) {
    const random = new SeededRandom(seed), desk = new Desk();
    let passedMs = 0;
    const most = () => START_MS + passedMs * 25 + HOUR_MS;
    for (let i = 0; i < 300; i++) {
      if (random.below(3) === 0) desk.step((random.below(2000) - 800) * HOUR_MS / 10);
      const ms = random.below(HOUR_MS);
      desk.pass(ms, MINUTE_MS);
      passedMs += ms;
      assert(desk.time.nowMs() <= desk.clock.nowMs(), `seed ${seed}: ahead of the wall clock`);
      assert(desk.time.nowMs() <= most(), `seed ${seed}: ahead of what monotonic time allows`);
    }
  }
});

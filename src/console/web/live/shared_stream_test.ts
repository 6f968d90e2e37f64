import { assert, assertEquals } from "@std/assert";
import {
  type Locks,
  shareStream,
  type StreamState,
  type Surroundings,
  type Told,
} from "./shared_stream.ts";

Deno.test("eight tabs have one stream, and all hear every line", async () => {
  await using browser = new Browser();
  const tabs = Array.from({ length: 8 }, () => browser.tab());
  await browser.turns();
  assertEquals(browser.streams.length, 1);
  browser.streams[0].says("a");
  browser.streams[0].says("b");
  await browser.turns();
  for (const tab of tabs) {
    assertEquals(tab.lines, ["a", "b"]);
    assertEquals(tab.states.at(-1), { kind: "live" });
  }
});

Deno.test("a tab that comes later hears what was said so far", async () => {
  await using browser = new Browser();
  browser.tab();
  await browser.turns();
  browser.streams[0].says("a");
  await browser.turns();
  const late = browser.tab();
  await browser.turns();
  assertEquals(late.lines, ["a"]);
  assertEquals(late.states.at(-1), { kind: "live" });
  assertEquals(browser.streams.length, 1);
});

Deno.test("when the tab that leads is closed the next one leads", async () => {
  await using browser = new Browser();
  const first = browser.tab(), second = browser.tab(), third = browser.tab();
  await browser.turns();
  await first.close();
  await browser.turns();
  assertEquals(browser.streams.map((stream) => stream.isOpen), [false, true]);
  browser.streams[1].says("c");
  await browser.turns();
  assertEquals([second.lines, third.lines], [["c"], ["c"]]);
});

Deno.test("a tab that is frozen while it leads loses the lock to one that is not", async () => {
  await using browser = new Browser();
  const frozen = browser.tab(), other = browser.tab();
  await browser.turns();
  frozen.isFrozen = true;
  await browser.passes(60_000);
  const stream = browser.streams.at(-1)!;
  assert(stream.isOpen && browser.streams.length > 1);
  stream.says("d");
  await browser.turns();
  assertEquals(other.lines, ["d"]);
});

Deno.test("one that wakes after its lock was taken away ends its stream and listens", async () => {
  await using browser = new Browser();
  const frozen = browser.tab(), other = browser.tab();
  await browser.turns();
  frozen.isFrozen = true;
  await browser.passes(60_000);
  frozen.isFrozen = false;
  await browser.passes(5000);
  assertEquals(browser.streams.filter((stream) => stream.isOpen).length, 1);
  browser.streams.find((stream) => stream.isOpen)!.says("e");
  await browser.turns();
  assertEquals([frozen.lines.at(-1), other.lines.at(-1)], ["e", "e"]);
});

Deno.test("a stream that fails is asked for again, later and later, and all tabs know why", async () => {
  await using browser = new Browser();
  browser.refuses = "no broker";
  const first = browser.tab(), second = browser.tab();
  await browser.passes(1000);
  for (const tab of [first, second]) {
    assertEquals(tab.states.findLast(({ kind }) => kind === "lost"), {
      kind: "lost",
      reason: "no broker",
    });
  }
  await browser.passes(120_000);
  const tries = browser.streams.length;
  assert(tries >= 5 && tries <= 15, `${tries} in two minutes`);
  browser.refuses = null;
  await browser.passes(15_000);
  browser.streams.at(-1)!.says("f");
  await browser.turns();
  assertEquals([first.lines, second.lines], [["f"], ["f"]]);
  assertEquals(second.states.at(-1), { kind: "live" });
});

Deno.test("a stream that is silent is given up, and another one asked for", async () => {
  await using browser = new Browser();
  const tab = browser.tab();
  await browser.turns();
  browser.streams[0].says("a");
  await browser.passes(20_000);
  assertEquals(browser.streams.length, 1);
  await browser.passes(20_000);
  assertEquals(browser.streams.map((stream) => stream.isOpen), [false, true]);
  assertEquals(
    tab.states.find(({ kind }) => kind === "lost"),
    { kind: "lost", reason: "The broker has said nothing for 25 s" },
  );
});

Deno.test("without locks a tab has a stream while it is seen, and none while it is not", async () => {
  await using browser = new Browser({ hasLocks: false });
  const seen = browser.tab(), hidden = browser.tab({ isSeen: false });
  await browser.turns();
  assertEquals(browser.streams.length, 1);
  browser.streams[0].says("a");
  await browser.turns();
  assertEquals([seen.lines, hidden.lines], [["a"], []]);
  seen.hide();
  hidden.show();
  await browser.turns();
  assertEquals(browser.streams.map((stream) => stream.isOpen), [false, true]);
});

interface Stream {
  isOpen: boolean;
  says(line: string): void;
}

/** Tabs with one clock, one set of locks and one channel. A frozen tab's timers and streams stand still. */
class Browser implements AsyncDisposable {
  readonly streams: Stream[] = [];
  refuses: string | null = null;
  nowMs = 0;
  readonly tabs: Tab[] = [];
  readonly #locks: Locks | null;
  readonly timers = new Set<{ atMs: number; tab: Tab; due: () => void }>();

  constructor({ hasLocks = true } = {}) {
    this.#locks = hasLocks ? new FakeLocks() : null;
  }

  tab({ isSeen = true } = {}): Tab {
    const tab = new Tab(this, this.#locks, isSeen);
    this.tabs.push(tab);
    return tab;
  }

  /** Everything that can happen without time passing happens. */
  async turns(): Promise<void> {
    for (let turn = 0; turn < 100; turn++) await Promise.resolve();
    await new Promise((resolve) => setTimeout(resolve, 0));
  }

  async passes(ms: number): Promise<void> {
    const end = this.nowMs + ms;
    while (this.nowMs < end) {
      await this.turns();
      this.nowMs = Math.min(this.nowMs + 500, end);
      for (const timer of this.timers) {
        if (timer.atMs > this.nowMs || timer.tab.isFrozen) continue;
        this.timers.delete(timer);
        timer.due();
      }
    }
    await this.turns();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const tab of this.tabs) tab.isFrozen = false;
    await Promise.all(this.tabs.map((tab) => tab.close()));
    assertEquals(this.streams.filter((stream) => stream.isOpen).length, 0);
  }
}

class Tab {
  readonly lines: string[] = [];
  readonly states: StreamState[] = [];
  isFrozen = false;
  readonly #browser: Browser;
  readonly #closed = new AbortController();
  readonly #done: Promise<void>;
  #seen: PromiseWithResolvers<void> = Promise.withResolvers();
  #unseen = new AbortController();
  readonly channel: Surroundings<string>["channel"];

  constructor(browser: Browser, locks: Locks | null, isSeen: boolean) {
    this.#browser = browser;
    if (isSeen) this.#seen.resolve();
    this.channel = {
      onmessage: null,
      postMessage: (told: Told<string>) => {
        for (const other of browser.tabs) {
          if (other !== this) {
            queueMicrotask(() => other.channel.onmessage?.({ data: structuredClone(told) }));
          }
        }
      },
    };
    const around: Surroundings<string> = {
      locks,
      channel: this.channel,
      open: (signal) => this.#open(signal),
      nowMs: () => browser.nowMs,
      wait: (ms, signal) => this.#wait(ms, signal),
      seen: (signal) => Promise.race([this.#seen.promise, aborted(signal)]),
      unseen: () => this.#unseen.signal,
    };
    this.#done = Promise.resolve().then(() =>
      shareStream(around, {
        line: (line) => this.lines.push(line),
        state: (state) => this.states.push(state),
        soFar: () => this.lines,
      }, this.#closed.signal)
    );
  }

  hide(): void {
    this.#seen = Promise.withResolvers();
    this.#unseen.abort();
    this.#unseen = new AbortController();
  }

  show(): void {
    this.#seen.resolve();
  }

  async close(): Promise<void> {
    this.#closed.abort();
    await this.#done;
  }

  async *#open(signal: AbortSignal): AsyncGenerator<string, void> {
    const { refuses, streams } = this.#browser, said: string[] = [];
    let news = Promise.withResolvers<void>();
    const stream = {
      isOpen: refuses === null,
      says: (line: string) => (said.push(line), news.resolve()),
    };
    streams.push(stream);
    if (refuses !== null) throw new Error(refuses);
    try {
      for (;;) {
        await Promise.race([news.promise, aborted(signal)]);
        news = Promise.withResolvers();
        signal.throwIfAborted();
        yield* said.splice(0);
      }
    } finally {
      stream.isOpen = false;
    }
  }

  #wait(ms: number, signal: AbortSignal): Promise<void> {
    const { timers, nowMs } = this.#browser, { promise, resolve } = Promise.withResolvers<void>();
    const timer = { atMs: nowMs + ms, tab: this, due: resolve };
    timers.add(timer);
    return Promise.race([promise, aborted(signal)]).finally(() => timers.delete(timer));
  }
}

/** As Web Locks: exclusive, first come, first served; a thief's request is granted at once and the holder's rejected. */
class FakeLocks implements Locks {
  #holder: { reject(reason: unknown): void } | null = null;
  readonly #queue: { grant(): void }[] = [];

  request(
    _name: string,
    { steal = false, signal }: { steal?: boolean; signal?: AbortSignal },
    whileHeld: () => Promise<void>,
  ): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const mine = { reject };
    const grant = () => {
      this.#holder = mine;
      whileHeld().then(resolve, reject).finally(() => {
        if (this.#holder !== mine) return;
        this.#holder = null;
        this.#queue.shift()?.grant();
      });
    };
    if (steal) {
      this.#holder?.reject(new DOMException("stolen", "AbortError"));
      grant();
    } else if (this.#holder === null) grant();
    else {
      const waiting = { grant };
      this.#queue.push(waiting);
      signal?.addEventListener("abort", () => {
        const at = this.#queue.indexOf(waiting);
        if (at < 0) return; // it was granted already
        this.#queue.splice(at, 1);
        reject(new DOMException("aborted", "AbortError"));
      });
    }
    return promise;
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) =>
    signal.addEventListener("abort", () => resolve(), { once: true })
  );
}

/**
 * Proxy: stands between producers and a broker, understands frames, and does to some requests what a network may do:
 *
 * | what | the broker | the client |
 * |---|---|---|
 * | slow | gets it late, and behind it what follows on that connection | waits |
 * | strayed | gets it late, over another connection | loses its connection at once, and tries again |
 * | doubled | gets it, and once more late over another connection | is answered |
 * | unanswered | gets it | loses its connection |
 *
 * So requests overtake each other across connections, and a request may arrive when the client has long gone on, as with
 * a TCP connection that the client gave up and the network did not.
 */
import { readInt32 } from "../../src/bytes/int64.ts";
import type { Random } from "../random.ts";
import { pause } from "../crash/victim.ts";

export type Fate = "passed" | "slow" | "strayed" | "doubled" | "unanswered";

export interface ProxyOptions {
  /** The broker's port on 127.0.0.1. */
  readonly to: number;
  readonly random: Random;
  /** API keys that something happens to; the others pass. */
  readonly keys: ReadonlySet<number>;
  /** How late a request may come, at most. */
  readonly latestMs: number;
}

export class Proxy {
  readonly #options: ProxyOptions;
  readonly #listener: Deno.TcpListener;
  readonly #open = new Set<Deno.TcpConn>();
  readonly #underway = new Set<Promise<void>>();
  /** How many requests met which fate, by API key. */
  readonly fates = new Map<string, number>();
  /** While false, everything passes. */
  isHostile = true;

  constructor(options: ProxyOptions) {
    this.#options = options;
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 }) as Deno.TcpListener;
    this.#accept().catch(() => {});
  }

  get port(): number {
    return (this.#listener.addr as Deno.NetAddr).port;
  }

  /** Resolves when nothing is on its way any more. */
  async calm(): Promise<void> {
    this.isHostile = false;
    while (this.#underway.size > 0) await Promise.all(this.#underway);
  }

  close(): void {
    this.#listener.close();
    for (const socket of this.#open) closeQuietly(socket);
  }

  async #accept(): Promise<void> {
    for await (const client of this.#listener) {
      this.#open.add(client);
      this.#serve(client).catch(() => {}).finally(() => {
        this.#open.delete(client);
        closeQuietly(client);
      });
    }
  }

  async #serve(client: Deno.TcpConn): Promise<void> {
    const broker = await Deno.connect({ hostname: "127.0.0.1", port: this.#options.to });
    client.setNoDelay(true);
    broker.setNoDelay(true);
    this.#open.add(broker);
    broker.readable.pipeTo(client.writable, { preventClose: true }).catch(() => {});
    try {
      for await (const frame of framesOf(client)) {
        const fate = this.#fateOf(frame);
        if (fate === "strayed") {
          this.#later(frame);
          return;
        }
        if (fate === "slow") await pause(this.#options.random.next() * this.#options.latestMs / 4);
        if (fate === "doubled") this.#later(frame);
        await writeAll(broker, frame);
        if (fate === "unanswered") {
          await pause(this.#options.random.next() * 20); // long enough for the broker to begin
          return;
        }
      }
    } finally {
      this.#open.delete(broker);
      closeQuietly(broker);
    }
  }

  #fateOf(frame: Uint8Array): Fate {
    const key = frame[4] << 8 | frame[5];
    if (!this.isHostile || !this.#options.keys.has(key)) return "passed";
    const dice = this.#options.random.next();
    const fate: Fate = dice < 0.08
      ? "strayed"
      : dice < 0.22
      ? "doubled"
      : dice < 0.30
      ? "slow"
      : dice < 0.33
      ? "unanswered"
      : "passed";
    const name = `${key} ${fate}`;
    this.fates.set(name, (this.fates.get(name) ?? 0) + 1);
    return fate;
  }

  /** The broker gets it over a connection of its own, some time later; nobody hears the answer. */
  #later(frame: Uint8Array): void {
    const lateMs = this.#options.random.next() ** 2 * this.#options.latestMs;
    const underway = this.#deliver(frame, lateMs).catch(() => {}).finally(() => {
      this.#underway.delete(underway);
    });
    this.#underway.add(underway);
  }

  async #deliver(frame: Uint8Array, lateMs: number): Promise<void> {
    await pause(lateMs);
    const broker = await Deno.connect({ hostname: "127.0.0.1", port: this.#options.to });
    this.#open.add(broker);
    try {
      await writeAll(broker, frame);
      await Promise.race([broker.read(new Uint8Array(1024)), pause(10_000)]);
    } finally {
      this.#open.delete(broker);
      closeQuietly(broker);
    }
  }
}

/** Whole frames, each with its length before it. */
async function* framesOf(socket: Deno.TcpConn): AsyncGenerator<Uint8Array> {
  let held = new Uint8Array(0);
  const chunk = new Uint8Array(65_536);
  for (;;) {
    while (held.length >= 4 && held.length >= 4 + readInt32(held, 0)) {
      const end = 4 + readInt32(held, 0);
      yield held.slice(0, end);
      held = held.slice(end);
    }
    const read = await socket.read(chunk);
    if (read === null) return;
    const joined = new Uint8Array(held.length + read);
    joined.set(held);
    joined.set(chunk.subarray(0, read), held.length);
    held = joined;
  }
}

async function writeAll(socket: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await socket.write(bytes.subarray(at));
}

function closeQuietly(socket: Deno.TcpConn): void {
  try {
    socket.close();
  } catch { /* it is closed already */ }
}

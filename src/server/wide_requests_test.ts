/**
 * Proves how much of requests that may name very many things is decoded at once: over all connections no more than a
 * share, each in its turn, while nobody else waits for them; and that nobody waits for one who takes very long, or went.
 */
import { assertEquals } from "@std/assert";
import { Turn } from "../background/turn.ts";
import { BufferPool } from "../bytes/pool.ts";
import { type ConnectionInfo, NO_REPLY } from "../handlers/handler.ts";
import { FakeClock } from "../testing/fake_clock.ts";
import { Connection } from "./connection.ts";
import { Handshakes } from "./handshakes.ts";
import { RequestMemory } from "./request_memory.ts";
import { Session } from "./session.ts";

const MIB = 1 << 20, BYTES = 256 * MIB;
const PRODUCE = 0, FETCH = 1, METADATA = 3, JOIN_GROUP = 11, SYNC_GROUP = 14, DELETE_TOPICS = 20;
/** An API that dispatch throws at. */
const BROKEN = 99;

/** A broker's connections: what each sends is all there at once; the test says when what is in work is answered. */
function world({ bytes = BYTES } = {}) {
  const clock = new FakeClock(), pool = new BufferPool({ keepBytes: 0, scarceBytes: BYTES });
  const waits: number[] = [],
    working: { name: string; answer: () => void; fail: (error: Error) => void }[] = [];
  const memory = new RequestMemory({
    bytes,
    connections: () => 1,
    onWait: () => waits.push(clock.monotonicMs()),
  });
  const names = new Map<ConnectionInfo, string>();

  async function connect(name: string, ...frames: Uint8Array[]): Promise<Connection> {
    const connection = new Connection(sending(frames), {
      id: names.size,
      session: sessionAt(clock),
      pool,
      memory,
      handshakes: new Handshakes({ monotonicMs: () => 0, onWait: () => {}, inAll: 100 }),
      clock,
      turn: new Turn(clock),
      limits: {
        maxQueuedRequests: 8,
        maxQueuedBytes: MIB,
        frameTimeoutMs: 30_000,
        minBytesPerSecond: 1000,
        idleTimeoutMs: 600_000,
      },
      onFault: () => {},
      onRefused: () => {},
      onNonsense: () => {},
      dispatch: (frame, from) => {
        const { promise, resolve, reject } = Promise.withResolvers<typeof NO_REPLY>();
        const name = `${names.get(from)}${frame[1]}`;
        if (frame[1] === BROKEN) throw new Error("a bug");
        working.push({ name, answer: () => resolve(NO_REPLY), fail: reject });
        return promise;
      },
    });
    names.set(connection, name);
    connection.serve();
    await turns();
    return connection;
  }

  return {
    clock,
    memory,
    pool,
    waits,
    connect,
    inWork: () => working.map(({ name }) => name),
    async answer(name: string): Promise<void> {
      working.splice(working.findIndex((one) => one.name === name), 1)[0].answer();
      await turns();
    },
    async fail(name: string): Promise<void> {
      working.splice(working.findIndex((one) => one.name === name), 1)[0].fail(new Error("a bug"));
      await turns();
    },
    async passes(ms: number): Promise<void> {
      for (let passed = 0; passed < ms; passed += 100) {
        clock.advance(100);
        memory.sweep(clock.monotonicMs(), 1000);
      }
      await turns();
    },
  };
}

function sessionAt(clock: FakeClock): Session {
  const listener = {
    name: "PLAINTEXT",
    isTls: false,
    mechanisms: new Map(),
    principalOf: () => "User:nobody",
  };
  return new Session(listener, {
    maxFrameBytes: 100 * MIB,
    unauthenticatedFrameBytes: MIB,
    authenticationTimeoutMs: 10_000,
  }, clock.monotonicMs());
}

/** A peer that has sent all this, and takes every reply. */
function sending(frames: readonly Uint8Array[]) {
  const bytes = new Uint8Array(frames.reduce((sum, frame) => sum + 4 + frame.length, 0));
  let at = 0;
  for (const frame of frames) {
    new DataView(bytes.buffer).setInt32(at, frame.length);
    bytes.set(frame, at + 4);
    at += 4 + frame.length;
  }
  at = 0;
  const address = { host: "test", port: 1 };
  return {
    peer: address,
    local: address,
    read(into: Uint8Array): Promise<number> {
      if (at === bytes.length) return new Promise(() => {});
      const part = bytes.subarray(at, at + into.length);
      into.set(part);
      at += part.length;
      return Promise.resolve(part.length);
    },
    write: (reply: Uint8Array) => Promise.resolve(reply.length),
    close() {},
    setNoDelay() {},
    endWrites() {},
  };
}

function frame(apiKey: number, bytes: number): Uint8Array {
  const made = new Uint8Array(bytes);
  made[1] = apiKey;
  return made;
}

async function turns(): Promise<void> {
  for (let i = 0; i < 200; i++) await null;
}

Deno.test("of requests that name very many things one is decoded at a time, in their order, however many come", async () => {
  const { connect, inWork, answer, waits } = world();
  const names = ["a", "b", "c", "d", "e", "f", "g", "h"];
  for (const name of names) await connect(name, frame(METADATA, 2 * MIB));
  for (const name of names) {
    assertEquals(inWork(), [`${name}3`]);
    await answer(`${name}3`);
  }
  assertEquals(inWork(), []);
  assertEquals(waits.length > 0, true, "nobody is told that somebody waits");
});

Deno.test("those that are small together are decoded together, up to the share", async () => {
  const { connect, inWork, answer } = world();
  for (let i = 0; i < 12; i++) await connect("a", frame(METADATA, MIB / 10));
  assertEquals(inWork().length, 10);
  await answer("a3");
  assertEquals(inWork().length, 10);
  await answer("a3");
  await answer("a3");
  assertEquals(inWork().length, 9);
});

Deno.test("small requests, and those that are to wait for long, wait for no wide one", async () => {
  const { connect, inWork } = world();
  await connect("a", frame(METADATA, 2 * MIB));
  await connect("b", frame(METADATA, 16_384), frame(DELETE_TOPICS, 100));
  const staying = [PRODUCE, FETCH, JOIN_GROUP, SYNC_GROUP];
  for (const apiKey of staying) await connect("c", frame(apiKey, 2 * MIB));
  assertEquals(inWork(), ["a3", "b3", "b20", ...staying.map((apiKey) => `c${apiKey}`)]);
});

Deno.test("what comes behind it on its connection comes behind it", async () => {
  const { connect, inWork, answer } = world();
  await connect("a", frame(METADATA, 2 * MIB));
  await connect("b", frame(DELETE_TOPICS, 2 * MIB), frame(METADATA, 100));
  assertEquals(inWork(), ["a3"]);
  await answer("a3");
  assertEquals(inWork(), ["b20", "b3"]);
});

Deno.test("one whose connection goes while it waits is not decoded, and holds up nobody", async () => {
  const { connect, inWork, answer, memory } = world();
  await connect("a", frame(METADATA, 2 * MIB));
  const gone = await connect("b", frame(METADATA, 2 * MIB));
  await connect("c", frame(METADATA, 2 * MIB));
  gone.close("peer");
  await turns();
  await answer("a3");
  assertEquals(inWork(), ["c3"]);
  await answer("c3");
  assertEquals([memory.isPressed, gone.ends.size], [false, 0]);
});

Deno.test("one whose connection goes while it is answered keeps its turn until its handler is done", async () => {
  const { connect, inWork, answer } = world();
  const gone = await connect("a", frame(METADATA, 2 * MIB));
  await connect("b", frame(METADATA, 2 * MIB));
  gone.close("peer");
  await turns();
  assertEquals(inWork(), ["a3"]);
  await answer("a3");
  assertEquals(inWork(), ["b3"]);
});

Deno.test("when the broker stops, nothing that was sent before waits for a turn", async () => {
  const { connect, inWork } = world();
  await connect("a", frame(METADATA, 2 * MIB));
  const stopping = await connect("b", frame(FETCH, 100), frame(METADATA, 2 * MIB));
  assertEquals(inWork(), ["a3", "b1"]);
  stopping.stop();
  await turns();
  assertEquals(inWork(), ["a3", "b1", "b3"]);
});

Deno.test("one that fails, at once or later, gives its turn back", async () => {
  const { connect, inWork, fail } = world();
  await connect("a", frame(BROKEN, 2 * MIB));
  await connect("b", frame(METADATA, 2 * MIB));
  await connect("c", frame(METADATA, 2 * MIB));
  assertEquals(inWork(), ["b3"]);
  await fail("b3");
  assertEquals(inWork(), ["c3"]);
});

Deno.test("one that takes very long is waited for no longer than its time, once, and only while somebody waits", async () => {
  const { connect, inWork, answer, passes, memory } = world();
  await connect("a", frame(METADATA, 2 * MIB));
  await passes(60_000);
  for (const name of ["b", "c", "d"]) await connect(name, frame(METADATA, 2 * MIB));
  await passes(200);
  assertEquals(inWork(), ["a3", "b3"], "it has had its time");
  await passes(1500);
  assertEquals(inWork(), ["a3", "b3"]);
  await passes(1000);
  assertEquals(inWork(), ["a3", "b3", "c3"]);
  await answer("a3");
  await answer("b3");
  assertEquals(inWork(), ["c3"], "their turns were given back twice");
  await answer("c3");
  assertEquals(inWork(), ["d3"]);
  await answer("d3");
  assertEquals(memory.isPressed, false);
});

Deno.test("who has no memory to answer with keeps nobody from a turn, and has another one then", async () => {
  const { connect, inWork, pool, answer } = world();
  await connect("a", frame(METADATA, 2 * MIB));
  await connect("b", frame(METADATA, 2 * MIB));
  const all = new Uint8Array(BYTES);
  pool.adopt(all);
  await answer("a3");
  assertEquals(inWork(), []);
  pool.give(all);
  await new Promise((resolve) => setTimeout(resolve));
  await turns();
  assertEquals(inWork(), ["b3"]);
});

/**
 * What a connection does with memory, time and faults, on sockets that are played here: memory of replies goes back when
 * the peer goes away, a peer that is too slow is closed whatever it trickles, an error of any kind ends that connection
 * and nothing else.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { Turn } from "../background/turn.ts";
import { BufferPool } from "../bytes/pool.ts";
import { NO_REPLY } from "../handlers/handler.ts";
import { FakeClock } from "../testing/fake_clock.ts";
import { Connection, type ConnectionOptions, type Dispatch } from "./connection.ts";
import { Handshakes } from "./handshakes.ts";
import { RequestMemory } from "./request_memory.ts";
import { Session } from "./session.ts";
import type { Socket, Transport } from "./transport/transport.ts";

const FRAME = new Uint8Array([0, 0, 0, 1, 7]);
const TIMEOUT_MS = 30_000, MIN_BYTES_PER_SECOND = 1000;

/** A peer that sends what it is told to, and takes replies as fast as it is told to. */
class PlayedPeer implements Socket {
  readonly taken: number[] = [];
  #reading: ((bytes: Uint8Array | null | Error) => void) | null = null;
  #room = 0;
  #writing: (() => void) | null = null;
  #error: Error | null = null;

  read(into: Uint8Array): Promise<number | null> {
    return new Promise((resolve, reject) => {
      this.#room = into.length;
      this.#reading = (bytes) => {
        this.#reading = null;
        if (bytes instanceof Error) return reject(bytes);
        if (bytes !== null) into.set(bytes);
        resolve(bytes && bytes.length);
      };
    });
  }

  write(bytes: Uint8Array): Promise<number> {
    if (this.#error) return Promise.reject(this.#error);
    return new Promise((resolve) => {
      this.#writing = () => {
        this.#writing = null;
        const count = Math.min(bytes.length, 100);
        this.taken.push(count);
        resolve(count);
      };
    });
  }

  close(): void {
    this.#reading?.(new Deno.errors.BadResource("closed"));
  }

  async sends(bytes: Uint8Array | null | Error): Promise<void> {
    const room = this.#room;
    this.#reading!(bytes instanceof Uint8Array ? bytes.subarray(0, room) : bytes);
    await settled();
    if (bytes instanceof Uint8Array && bytes.length > room) await this.sends(bytes.subarray(room));
  }

  /** Takes at most 100 bytes. */
  async takes(): Promise<void> {
    this.#writing!();
    await settled();
  }

  /** Writing to it fails from now on. */
  breaks(error: Error): void {
    this.#error = error;
  }
}

/** The socket with what else a transport has. */
function transportOf(socket: Socket): Transport {
  const address = { host: "test", port: 1 };
  return {
    peer: address,
    local: address,
    read: (into) => socket.read(into),
    write: (bytes) => socket.write(bytes),
    close: () => socket.close(),
    setNoDelay() {},
    endWrites() {},
  };
}

async function settled(): Promise<void> {
  for (let i = 0; i < 20; i++) await null;
}

function serve(socket: Socket, dispatch: Dispatch, more: Partial<ConnectionOptions> = {}) {
  const pool = new BufferPool({ keepBytes: 0 });
  const clock = new FakeClock();
  const faults: unknown[] = [];
  const plain = {
    name: "PLAINTEXT",
    isTls: false,
    mechanisms: new Map(),
    principalOf: () => "User:nobody",
  };
  const session = new Session(plain, {
    maxFrameBytes: 1 << 20,
    unauthenticatedFrameBytes: 1 << 19,
    authenticationTimeoutMs: 10_000,
  }, clock.monotonicMs());
  const connection = new Connection(transportOf(socket), {
    id: 1,
    session,
    onRefused: () => {},
    onNonsense: () => {},
    pool,
    memory: new RequestMemory({ bytes: 1 << 24, connections: () => 1, onWait: () => {} }),
    handshakes: new Handshakes({ monotonicMs: () => 0, onWait: () => {}, inAll: 100 }),
    clock,
    turn: new Turn(clock),
    limits: {
      maxQueuedRequests: 8,
      maxQueuedBytes: 1 << 24,
      frameTimeoutMs: TIMEOUT_MS,
      minBytesPerSecond: MIN_BYTES_PER_SECOND,
      idleTimeoutMs: 600_000,
    },
    dispatch,
    onFault: (error) => faults.push(error),
    ...more,
  });
  const served = connection.serve();
  /** Lets time pass, with a look every second; true while the connection is open. */
  const passes = (ms: number) => {
    for (let passed = 0; passed < ms; passed += 1000) {
      clock.advance(1000);
      connection.sweep(clock.monotonicMs());
    }
    return connection.reason === null;
  };
  return { connection, pool, served, faults, passes };
}

/** Sends one frame, and goes away before it has taken the reply. */
function goingAway(): Socket {
  let isSent = false;
  return {
    read(into) {
      if (isSent) return new Promise(() => {});
      isSent = true;
      into.set(FRAME);
      return Promise.resolve(FRAME.length);
    },
    write: () => Promise.reject(new Deno.errors.BrokenPipe("gone")),
    close() {},
  };
}

for (const sizes of [[1 << 20], [64, 1 << 20, 64]]) {
  Deno.test(`a peer that goes away leaves no memory lent: a reply of ${sizes}`, async () => {
    let lentBytes = 0;
    const { pool, connection } = serve(goingAway(), () => {
      const reply = sizes.map((size) => pool.take(size).subarray(0, size));
      lentBytes = pool.lentBytes;
      return reply;
    });
    await settled();
    assertEquals(lentBytes >= 1 << 20, true);
    assertEquals(pool.lentBytes, 0);
    assertEquals(connection.reason, "peer");
  });
}

Deno.test("a request that trickles is cut, as a byte now and then does not begin its time anew", async () => {
  const peer = new PlayedPeer();
  const { connection, passes } = serve(peer, () => NO_REPLY);
  await peer.sends(new Uint8Array([0, 0, 1, 0])); // 256 bytes to come
  for (let i = 0; i < 5; i++) {
    assertEquals(passes(5000), true, `it is cut after ${i * 5} s`);
    await peer.sends(new Uint8Array(1));
  }
  assertEquals(passes(10_000), false);
  assertEquals(connection.reason, "slow_request");
});

Deno.test("a request that comes at the minimum rate is not cut, however long it takes", async () => {
  const peer = new PlayedPeer();
  const { passes } = serve(peer, () => NO_REPLY);
  await peer.sends(new Uint8Array([0, 4, 0, 0]));
  for (let i = 0; i < 200; i++) {
    await peer.sends(new Uint8Array(MIN_BYTES_PER_SECOND));
    assertEquals(passes(1000), true, `it is cut after ${i} s`);
  }
});

Deno.test("small requests one after the other are no slow request, though few bytes come", async () => {
  const peer = new PlayedPeer();
  const { passes } = serve(peer, () => NO_REPLY);
  for (let i = 0; i < 100; i++) {
    await peer.sends(new Uint8Array([0, 0, 0, 2, 7]));
    assertEquals(passes(1000), true, `it is cut after ${i} s`);
    await peer.sends(new Uint8Array([7]));
  }
});

Deno.test("waiting for an answer is no stall, however long it takes", async () => {
  const peer = new PlayedPeer();
  const { passes } = serve(peer, () => new Promise(() => {}));
  await peer.sends(FRAME);
  assertEquals(passes(900_000), true);
});

Deno.test("a peer that does not take its reply is closed, and its memory comes back", async () => {
  const peer = new PlayedPeer();
  const { connection, pool, passes } = serve(peer, () => [pool.take(1 << 20)]);
  await peer.sends(FRAME);
  assertEquals(pool.lentBytes, 1 << 20);
  for (let i = 0; i < 5; i++) {
    assertEquals(passes(5000), true, `it is closed after ${i * 5} s`);
    await peer.takes();
  }
  assertEquals(passes(10_000), false);
  assertEquals([connection.reason, pool.lentBytes], ["slow_reply", 0]);
});

const odd = new TypeError("os error 113: no route to host");

Deno.test("an unexpected error while reading ends that connection, and is told", async () => {
  const peer = new PlayedPeer();
  const { connection, faults, served } = serve(peer, () => NO_REPLY);
  await peer.sends(odd);
  await served;
  assertEquals([connection.reason, faults], ["error", [odd]]);
});

Deno.test("an unexpected error while writing ends that connection, and is told", async () => {
  const peer = new PlayedPeer();
  const { connection, faults, served } = serve(peer, () => [new Uint8Array(8)]);
  peer.breaks(odd);
  await peer.sends(FRAME);
  await served;
  assertEquals([connection.reason, faults], ["error", [odd]]);
});

Deno.test("an error that dispatch lets through ends that connection, and is told", async () => {
  for (
    const dispatch of [() => Promise.reject(odd), () => {
      throw odd;
    }] as Dispatch[]
  ) {
    const peer = new PlayedPeer();
    const { connection, faults, served } = serve(peer, dispatch);
    await peer.sends(FRAME);
    await served;
    assertEquals([connection.reason, faults], ["error", [odd]]);
  }
});

Deno.test("while a handler holds its request nothing else is taken, and its bytes stay as they are", async () => {
  const peer = new PlayedPeer();
  const { promise, resolve } = Promise.withResolvers<void>();
  const seen: number[] = [];
  let first: Uint8Array | null = null;
  serve(peer, (frame, info) => {
    seen.push(frame[0]);
    if (first === null) {
      first = frame;
      info.hold(promise);
    }
    return NO_REPLY;
  });
  await peer.sends(new Uint8Array([0, 0, 0, 1, 7, 0, 0, 0, 1, 8]));
  assertEquals([seen, first![0]], [[7], 7]);
  resolve();
  await settled();
  assertEquals(seen, [7, 8]);
});

Deno.test("requests that came together and take long let others have a turn between them", async () => {
  const peer = new PlayedPeer();
  const clock = new FakeClock();
  let taken = 0;
  const dispatch: Dispatch = () => {
    clock.advance(5);
    taken++;
    return NO_REPLY;
  };
  serve(peer, dispatch, { clock, turn: new Turn(clock) });
  const produce = new Uint8Array([0, 0, 0, 2, 0, 0]);
  const together = new Uint8Array(100 * produce.length);
  for (let i = 0; i < 100; i++) together.set(produce, i * produce.length);
  await peer.sends(together);
  assert(taken < 20, `${taken} in one turn`);
  for (let turns = 0; taken < 100; turns++) {
    assert(turns < 20, `only ${taken} after ${turns} turns`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
});

Deno.test("a request that is no Produce or Fetch, and takes long, lets others have a turn at once", async () => {
  const peer = new PlayedPeer(), clock = new FakeClock();
  let taken = 0;
  const dispatch: Dispatch = () => {
    taken++;
    clock.advance(100);
    return NO_REPLY;
  };
  serve(peer, dispatch, { clock, turn: new Turn(clock) });
  const metadata = new Uint8Array([0, 0, 0, 2, 0, 3]);
  const together = new Uint8Array(20 * metadata.length);
  for (let i = 0; i < 20; i++) together.set(metadata, i * metadata.length);
  await peer.sends(together);
  assert(taken <= 2, `${taken} in one turn`);
  for (let turns = 0; taken < 20; turns++) {
    assert(turns < 40, `only ${taken} after ${turns} turns`);
    await new Promise((resolve) => setTimeout(resolve));
  }
});

Deno.test("who has to wait for long is not read and keeps no memory, and is closed when it has been silent too long", async () => {
  const peer = new PlayedPeer(), frames: number[] = [];
  const { connection, pool, served, passes } = serve(peer, (frame, from) => {
    frames.push(frame.length);
    from.pace(700_000);
    return NO_REPLY;
  });
  await peer.sends(new Uint8Array([0, 0, 0x40, 0, ...new Array(0x4000)]));
  assertEquals(frames, [0x4000]);
  assertEquals(pool.lentBytes, 0);
  await assertRejects(() => peer.sends(FRAME), Error, undefined, "it is read from");
  assertEquals(passes(600_000), true);
  assertEquals(passes(1000), false, "its peer may have gone: that is not seen without reading");
  await served;
  assertEquals(connection.reason, "idle");
});

Deno.test("who may have to wait is read frame by frame, so that nothing of the next one is here then", async () => {
  const peer = new PlayedPeer(), rooms: number[] = [];
  const { connection, served } = serve({
    read: (into) => (rooms.push(into.length), peer.read(into)),
    write: (bytes) => peer.write(bytes),
    close: () => peer.close(),
  }, (_, from) => {
    from.pace(0);
    return NO_REPLY;
  });
  const frame = new Uint8Array([0, 0, 0, 100, ...new Array(100)]);
  await peer.sends(frame);
  rooms.length = 0;
  await peer.sends(frame);
  await peer.sends(frame);
  assertEquals(rooms, [100, 4, 100, 4]);
  connection.close("stopping");
  await served;
});

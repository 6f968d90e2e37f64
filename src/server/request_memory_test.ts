/**
 * Who gets memory for a request, and when: small ones at once, the others in their order, each whole before it begins,
 * so that nobody who holds some waits for more; and who holds it and does not move makes room for who waits.
 */
import { assert, assertEquals } from "@std/assert";
import { SeededRandom } from "../testing/seeded_random.ts";
import { type Grant, type Holder, RequestMemory } from "./request_memory.ts";

const MIB = 1 << 20, BYTES = 256 * MIB, MIN_BYTES_PER_SECOND = 65_536;

class Peer implements Holder {
  movedBytes = 0;
  isWaiting = true;
  unit = 0;
  isCut = false;
  isStranger = false;
  grant: Grant | null = null;
  cut(): void {
    this.isCut = true;
    this.grant?.release();
  }
}

function memoryOf(connections = 1, bytes = BYTES): RequestMemory {
  return new RequestMemory({ bytes, connections: () => connections, onWait: () => {} });
}

/** Asks, and says whether it was let in. */
async function ask(memory: RequestMemory, peer: Peer, bytes: number): Promise<boolean> {
  Promise.resolve(memory.ask(peer, bytes)).then((grant) => peer.grant = grant);
  await turn();
  return peer.grant !== null;
}

async function turn(): Promise<void> {
  for (let i = 0; i < 5; i++) await null;
}

Deno.test("large requests wait for each other in their order, and not for middle ones", async () => {
  const memory = memoryOf();
  const [first, second, third, middle] = [new Peer(), new Peer(), new Peer(), new Peer()];
  assertEquals(await ask(memory, first, 100 * MIB), true);
  assertEquals(await ask(memory, second, 100 * MIB), false);
  assertEquals(await ask(memory, third, 8 * MIB), false, "it overtook who came before it");
  assertEquals(await ask(memory, middle, 2 * MIB), true);
  first.grant!.release();
  await turn();
  assert(second.grant !== null && third.grant !== null);
});

Deno.test("who has not said who it is waits for others of its kind alone, and holds up nobody who has", async () => {
  const memory = memoryOf();
  const strangers = Array.from(
    { length: 100 },
    () => Object.assign(new Peer(), { isStranger: true }),
  );
  let letIn = 0;
  for (const stranger of strangers) if (await ask(memory, stranger, MIB / 2)) letIn++;
  assertEquals(letIn, 32, "a sixteenth of all");
  const [middle, large] = [new Peer(), new Peer()];
  assertEquals([await ask(memory, middle, 4 * MIB), await ask(memory, large, 100 * MIB)], [
    true,
    true,
  ]);
  strangers[0].grant!.release();
  await turn();
  assert(strangers[32].grant !== null);
  memory.withdraw(strangers[99]);
});

Deno.test("what is reserved never exceeds the shares, and is nothing when all have been served", async () => {
  const seed = Number(Deno.env.get("RUNNEL_SEED") ?? Date.now() % 1e6);
  const random = new SeededRandom(seed);
  const memory = memoryOf();
  const peers = Array.from({ length: 300 }, () => new Peer());
  let served = 0;
  for (const peer of peers) {
    const bytes = random.below(3) === 0 ? 100 * MIB : 1 * MIB + random.below(20 * MIB);
    Promise.resolve(memory.ask(peer, bytes)).then((grant) => peer.grant = grant);
    assert(memory.reservedBytes <= BYTES * 3 / 4, `seed ${seed}: ${memory.reservedBytes}`);
  }
  while (served < peers.length) {
    await turn();
    const holders = peers.filter(({ grant }) => grant !== null);
    assert(holders.length > 0, `seed ${seed}: all wait, ${served} were served`);
    const one = holders[random.below(holders.length)];
    one.grant!.release();
    one.grant!.release(); // twice counts once
    peers.splice(peers.indexOf(one), 1, one);
    one.grant = null;
    served++;
    assert(memory.reservedBytes <= BYTES * 3 / 4, `seed ${seed}: ${memory.reservedBytes}`);
    if (memory.reservedBytes === 0 && !memory.isPressed) break;
  }
  assertEquals([memory.reservedBytes, memory.isPressed], [0, false], `seed ${seed}`);
});

Deno.test("one request may be larger than its share, alone", async () => {
  const memory = memoryOf(1, 16 * MIB);
  const [first, second] = [new Peer(), new Peer()];
  assertEquals(await ask(memory, first, 100 * MIB), true);
  assertEquals(await ask(memory, second, 2 * MIB), false);
  first.grant!.release();
  await turn();
  assert(second.grant !== null);
});

Deno.test("a holder that stalls is cut soon while others wait, and not while nobody does", async () => {
  const memory = memoryOf();
  const [stalled, moving, waiting] = [new Peer(), new Peer(), new Peer()];
  await ask(memory, stalled, 60 * MIB);
  await ask(memory, moving, 60 * MIB);
  let nowMs = 0;
  const pass = (ms: number) => {
    for (let passed = 0; passed < ms; passed += 100) {
      moving.movedBytes += 1 * MIB;
      stalled.movedBytes += 1; // a byte now and then
      memory.sweep(nowMs += 100, MIN_BYTES_PER_SECOND);
    }
  };
  pass(5000);
  assertEquals([stalled.isCut, moving.isCut], [false, false]);
  assertEquals(await ask(memory, waiting, 100 * MIB), false);
  pass(500);
  assertEquals([stalled.isCut, moving.isCut], [true, false]);
});

Deno.test("nobody is cut for who waited and went, and who came behind is let in", async () => {
  const memory = memoryOf();
  const [holder, gone, small] = [new Peer(), new Peer(), new Peer()];
  await ask(memory, holder, 100 * MIB);
  const asked = memory.ask(gone, 100 * MIB);
  assertEquals(await ask(memory, small, 8 * MIB), false);
  memory.withdraw(gone);
  assertEquals(await asked, null);
  await turn();
  assert(small.grant !== null);
  assertEquals(memory.isPressed, false);
  for (let nowMs = 0; nowMs < 10_000; nowMs += 100) memory.sweep(nowMs, MIN_BYTES_PER_SECOND);
  assertEquals(holder.isCut, false);
});

Deno.test("a request that is here and being worked on is not cut", async () => {
  const memory = memoryOf();
  const [working, waiting] = [new Peer(), new Peer()];
  await ask(memory, working, 100 * MIB);
  working.isWaiting = false;
  assertEquals(await ask(memory, waiting, 100 * MIB), false);
  for (let nowMs = 0; nowMs < 10_000; nowMs += 100) memory.sweep(nowMs, MIN_BYTES_PER_SECOND);
  assertEquals(working.isCut, false);
});

Deno.test("the more connections there are, the less each may hold without asking", () => {
  assertEquals(memoryOf(1).ownBytes, 1 * MIB);
  assertEquals(memoryOf(1000).ownBytes, 64 * MIB / 1000);
  assertEquals(memoryOf(20_000).ownBytes, 4096);
});

Deno.test("with more memory than 31 bits count, strangers have their part of it too", async () => {
  const memory = memoryOf(1, 8 * 1024 * MIB), stranger = new Peer();
  stranger.isStranger = true;
  const other = new Peer();
  other.isStranger = true;
  assertEquals(await ask(memory, stranger, 100 * MIB), true);
  assertEquals(await ask(memory, other, 100 * MIB), true, "it waits for another");
});

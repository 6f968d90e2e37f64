/**
 * Proves that what fails behind a marker is told, and neither ends the process nor holds up other markers; how long one waits
 * that a partition did not take, and how often that is told; and that many are not sent in one turn.
 */
import { assert, assertEquals } from "@std/assert";
import { ErrorCode } from "../protocol/errors.ts";
import { FakeTimers } from "../testing/fake_timers.ts";
import { MarkerSending } from "./marker_sending.ts";
import type { Partition } from "./partition_set.ts";

const MARKER = {
  producerId: 7,
  producerEpoch: 3,
  isCommit: true,
  coordinatorEpoch: 0,
  transactionVersion: 2,
};

Deno.test("where a marker that is kept cannot be taken down, that is told, and the other partitions go on", async () => {
  const failures: unknown[] = [], written: number[] = [];
  const sending = new MarkerSending({
    writer: { write: () => Promise.resolve(ErrorCode.NONE) },
    isKnown: () => true,
    wake: () => () => {},
    onDelayed: () => {},
    onFailed: (error) => failures.push(String(error)),
  });
  sending.send({
    transactionalId: "id",
    marker: MARKER,
    isCurrent: () => true,
    onWritten: ({ partition }) => {
      if (partition === 0) throw new Error("no");
      written.push(partition);
    },
  }, [{ topic: "t", partition: 0 }, { topic: "t", partition: 1 }]);
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals([failures, written], [["Error: no"], [1]]);
});

const T0 = { topic: "t", partition: 0 };

/** Partitions that answer when told, and time that passes when told. */
class Desk {
  readonly timers = new FakeTimers();
  /** By what was asked, in order: answers it. */
  readonly asked: ((errorCode: number) => void)[] = [];
  readonly pauses: number[] = [];
  told = 0;
  /** Thrown in the place of a promise, once each. */
  readonly throwing: Error[] = [];
  readonly sending = new MarkerSending({
    writer: {
      write: () => {
        const error = this.throwing.pop();
        if (error !== undefined) throw error;
        return new Promise((resolve) => this.asked.push(resolve));
      },
    },
    isKnown: () => true,
    wake: (delayMs, work) => {
      this.pauses.push(delayMs);
      return this.timers.after(delayMs, work);
    },
    onDelayed: () => this.told++,
    onFailed: (error) => {
      throw error;
    },
  });

  /** A transaction with markers for these; whether it is still to be ended is the test's. */
  send(partitions: Partition[]): { isCurrent: boolean; written: Partition[] } {
    const sent = { isCurrent: true, written: [] as Partition[] };
    this.sending.send({
      transactionalId: "id",
      marker: MARKER,
      isCurrent: () => sent.isCurrent,
      onWritten: (partition) => sent.written.push(partition),
    }, partitions);
    return sent;
  }

  /** Answers everything that is on its way. */
  async answer(errorCode: number): Promise<void> {
    for (const resolve of this.asked.splice(0)) resolve(errorCode);
    await this.timers.advance(0);
  }

  /** Refuses what is tried, so many times. */
  async refuse(times: number): Promise<void> {
    for (let i = 0; i < times; i++) {
      await this.answer(ErrorCode.KAFKA_STORAGE_ERROR);
      await this.timers.advance(this.timers.nextMs);
    }
  }
}

Deno.test("a writer that throws at once is a partition that does not answer: the other markers go on, and it is tried again", async () => {
  const desk = new Desk();
  desk.throwing.push(new Error("a bug"));
  const sent = desk.send([T0, { topic: "t", partition: 1 }]);
  await desk.answer(ErrorCode.NONE);
  assertEquals(sent.written, [{ topic: "t", partition: 1 }]);
  await desk.timers.advance(desk.timers.nextMs);
  await desk.answer(ErrorCode.NONE);
  assertEquals(sent.written.length, 2);
});

Deno.test("what is nobody's to send any more, when it is answered, leaves no pause behind for who comes next", async () => {
  const desk = new Desk(), first = desk.send([T0]);
  await desk.refuse(4);
  assertEquals(desk.pauses.splice(0), [100, 200, 400, 800]);
  first.isCurrent = false;
  await desk.answer(ErrorCode.KAFKA_STORAGE_ERROR);
  desk.send([T0]);
  await desk.refuse(1);
  assertEquals(desk.pauses, [100]);
});

Deno.test("a partition that comes online while its markers are on their way is not told of twice", async () => {
  const desk = new Desk();
  desk.send([T0]);
  await desk.refuse(6);
  assertEquals(desk.told, 1);
  desk.sending.online(T0);
  await desk.refuse(6);
  assertEquals(desk.told, 1);
  await desk.answer(ErrorCode.NONE);
  desk.send([T0]);
  await desk.refuse(6);
  assertEquals(desk.told, 2, "it was served in between");
});

Deno.test("a partition that is online again has what waits tried at once, and then with short pauses", async () => {
  const desk = new Desk();
  desk.send([T0]);
  await desk.refuse(5);
  await desk.answer(ErrorCode.KAFKA_STORAGE_ERROR);
  desk.pauses.length = 0;
  desk.sending.online(T0);
  assertEquals(desk.asked.length, 1);
  await desk.answer(ErrorCode.KAFKA_STORAGE_ERROR);
  assertEquals(desk.pauses, [100]);
});

Deno.test("the markers of a transaction of many partitions are sent over several turns, each once", async () => {
  const desk = new Desk();
  const all = Array.from({ length: 1000 }, (_, partition) => ({ topic: "t", partition }));
  const sent = desk.send(all);
  assert(desk.asked.length < 300, `${desk.asked.length} in one turn`);
  for (let i = 0; i < 10; i++) await desk.answer(ErrorCode.NONE);
  assertEquals(sent.written, all);
});

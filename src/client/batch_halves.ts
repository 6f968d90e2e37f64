/**
 * Batch halves: a batch that is larger than the broker takes as two, in its order, with the sequences it had: the broker
 * has spent none of them, and what is on its way behind it counts on (Kafka: RecordAccumulator.splitAndReenqueue).
 */
import { readRecords } from "../protocol/records/record.ts";
import { ProducerBatch } from "./producer_batch.ts";

/** Of two records at least, as they were sent. Who waits for the batch hears when both halves are settled. */
export function halvesOf(batch: ProducerBatch): readonly [ProducerBatch, ProducerBatch] {
  const { builder, sequence, createdMs, order, span, encoded } = batch;
  const middle = builder.count >> 1, middleBytes = batch.bytes >> 1;
  const first = new ProducerBatch(builder.sizeInBytes >> 1, { createdMs });
  const second = new ProducerBatch(builder.sizeInBytes >> 1, { createdMs });
  let at = 0;
  for (const record of readRecords(encoded!)) {
    const half = at < middle ? first : second;
    half.builder.add(record);
    half.receivers.push(batch.receivers[at]);
    half.marks.push(batch.marks[at]);
    at++;
  }
  first.bytes = middleBytes;
  second.bytes = batch.bytes - middleBytes;
  first.span = second.span = span / 2;
  first.order = order;
  second.order = order + span / 2;
  first.sequence = sequence;
  second.sequence = sequence < 0 ? sequence : (sequence + middle) % 0x80000000;
  Promise.all([first.settled.promise, second.settled.promise]).then(() => batch.settled.resolve());
  return [first, second];
}

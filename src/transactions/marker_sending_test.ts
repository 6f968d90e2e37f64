/** Proves that what fails behind a marker is told, and neither ends the process nor holds up other markers. */
import { assertEquals } from "@std/assert";
import { ErrorCode } from "../protocol/errors.ts";
import { MarkerSending } from "./marker_sending.ts";

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

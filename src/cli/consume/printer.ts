/** Printer: a record as bytes on standard output: a line of its value, of its key and value, or JSON. */
import type { ConsumerRecord } from "../../client/consumer.ts";
import type { ByteSink } from "../byte_sink.ts";
import { terminalBytes } from "../escapes.ts";
import { jsonLine } from "../../protocol/records/json_line.ts";

export interface Printer {
  /** Before the first record. */
  begin?(sink: ByteSink): void;
  record(record: ConsumerRecord, sink: ByteSink): void;
}

export const jsonPrinter: Printer = {
  record: (record, sink) => sink.text(`${jsonLine(record)}\n`),
};

/** The value, behind the key where there is a separator. `isTerminal`: nothing of it is to steer one. */
export function linePrinter({ separator, nullText, isTerminal }: {
  readonly separator: Uint8Array | null;
  /** What stands for null. */
  readonly nullText: Uint8Array;
  readonly isTerminal: boolean;
}): Printer {
  const shown = isTerminal ? terminalBytes : (bytes: Uint8Array) => bytes;
  return {
    record({ key, value }, sink) {
      if (separator !== null) {
        sink.bytes(shown(key ?? nullText));
        sink.bytes(separator);
      }
      sink.bytes(shown(value ?? nullText));
      sink.bytes(LINE_FEED);
    },
  };
}

const LINE_FEED = Uint8Array.of(10);

/**
 * CSV, as RFC 4180 has it, with a header. Programs for tables take a cell that begins with = + - @ tab or CR for a
 * formula: such a one gets an apostrophe. Null is an empty cell and empty is "", bytes that are no UTF-8 are
 * base64:…, headers are JSON.
 */
import type { ConsumerRecord } from "../../client/consumer.ts";
import { headersJson, timestampOf, utf8Text } from "../../protocol/records/json_line.ts";
import { printable } from "../table.ts";
import type { Printer } from "./printer.ts";

/** `isTerminal`: nothing of a record is to steer it. */
export function csvPrinter({ isTerminal }: { readonly isTerminal: boolean }): Printer {
  const shown = (cell: string) => isTerminal ? printable(cell) : cell;
  return {
    begin: (sink) => sink.text("topic,partition,offset,timestamp,key,value,headers\r\n"),
    record(record, sink) {
      sink.text(`${cellsOf(record).map(shown).join(",")}\r\n`);
    },
  };
}

function cellsOf(record: ConsumerRecord): string[] {
  const { topic, partition, offset, key, value, headers } = record;
  return [
    cell(topic),
    `${partition}`,
    `${offset}`,
    cell(`${timestampOf(record)}`),
    bytesCell(key),
    bytesCell(value),
    cell(headersJson(headers)),
  ];
}

function bytesCell(bytes: Uint8Array | null): string {
  if (bytes === null) return "";
  return cell(utf8Text(bytes) ?? `base64:${bytes.toBase64()}`);
}

function cell(text: string): string {
  const harmless = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return harmless === "" || /[",\r\n]/.test(harmless)
    ? `"${harmless.replaceAll('"', '""')}"`
    : harmless;
}

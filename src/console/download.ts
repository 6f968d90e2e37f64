/**
 * Download: all records that fit, to save: as JSON, an object a line (as `runnel consume --json` prints them and
 * `produce --json` takes them), or as CSV whose cells no table takes for a formula. It is made as it is taken, a fetch at
 * a time, and ends where the partitions ended when it began.
 */
import { Buffer } from "node:buffer";
import type { LogRecord } from "../protocol/records/record.ts";
import { LIMITS, type RecordsAnswer } from "./api.ts";
import { Effort, type Found, PartitionReader } from "./partition_reader.ts";
import { recordFilterOf } from "./record_filter.ts";
import { beginOf } from "./record_place.ts";
import { partitionsOf, placeQuery } from "./records.ts";
import { type Call, given, type Route } from "./route.ts";

export const downloadRoutes: readonly Route[] = [{
  method: "GET",
  path: "topics/:topic/records/download",
  summary: "All records that fit, to save",
  query: {
    ...placeQuery,
    format: { type: "string", enum: ["json", "csv"], doc: "json if not given." },
    limit: { type: "integer", minimum: 1, maximum: LIMITS.maxDownloadRecords },
  },
  answers: "a JSON object a line (application/x-ndjson), or text/csv",
  handle: download,
}];

async function download(call: Call): Promise<Response> {
  const { requests, params: { topic }, signal, house } = call, filter = recordFilterOf(call);
  const isCsv = call.query.format === "csv";
  const isCommitted = given(call, "isolation", "committed") === "committed";
  const { partitions } = await partitionsOf(call);
  const begin = await beginOf(requests, {
    topic,
    partitions,
    at: given(call, "at", "start"),
    isCommitted,
  });
  // What is shown backwards is everything before its place.
  const isBackwards = begin.direction === "backwards";
  const positions = isBackwards ? begin.starts : begin.positions;
  const untils = isBackwards ? begin.positions : begin.ends;
  const onProblem = (_: RecordsAnswer["problems"][number]) => {};
  let left = given(call, "limit", LIMITS.maxDownloadRecords as number);
  let bytesLeft: number = LIMITS.maxDownloadBytes;

  async function* texts(): AsyncGenerator<string> {
    if (isCsv) yield csvLine(["partition", "offset", "timestamp", "key", "value", "headers"]);
    for (const [partition, first] of positions) {
      const until = untils.get(partition)!;
      for (let from = first; from < until && left > 0 && bytesLeft > 0;) {
        const reader = new PartitionReader({
          requests,
          topic,
          isCommitted,
          effort: new Effort(signal),
          onProblem,
        });
        let text = "";
        const take = ({ record, facts }: Found) => {
          if (filter !== null && !filter(record, facts)) return true;
          text += isCsv ? csvOf(partition, record) : jsonOf(topic, partition, record);
          left--;
          return left > 0 && text.length < PART_LENGTH;
        };
        const reading = await house.turns.take(() => reader.read(partition, { from, until }, take));
        bytesLeft -= text.length;
        yield text;
        if (signal.aborted || (reading.isAtEnd && reading.nextOffset <= from)) break;
        from = reading.nextOffset;
      }
    }
  }

  const made = texts();
  const body = new ReadableStream<string>({
    async pull(controller) {
      const { done, value } = await made.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    async cancel() {
      await made.return(undefined);
    },
  }, new CountQueuingStrategy({ highWaterMark: 0 }));
  return new Response(body.pipeThrough(new TextEncoderStream()), {
    headers: {
      "content-type": isCsv ? "text/csv; charset=utf-8" : "application/x-ndjson",
      "content-disposition": `attachment; filename="${topic}.${isCsv ? "csv" : "jsonl"}"`,
    },
  });
}

/** So much text is made before it is taken. */
const PART_LENGTH = 256 * 1024;
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function textOf(bytes: Uint8Array): string | null {
  try {
    return UTF8.decode(bytes);
  } catch {
    return null;
  }
}

function base64Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64");
}

function jsonBytes(bytes: Uint8Array | null): string | { readonly base64: string } | null {
  return bytes === null ? null : textOf(bytes) ?? { base64: base64Of(bytes) };
}

function headersOf({ headers }: LogRecord) {
  return headers.map(({ key, value }) => ({ key, value: jsonBytes(value) }));
}

function jsonOf(topic: string, partition: number, record: LogRecord): string {
  const { offset, timestampMs, key, value } = record;
  return JSON.stringify({
    topic,
    partition,
    offset,
    timestamp: timestampMs,
    key: jsonBytes(key),
    value: jsonBytes(value),
    headers: headersOf(record),
  }) + "\n";
}

function csvOf(partition: number, record: LogRecord): string {
  const { offset, timestampMs, key, value } = record;
  const cell = (bytes: Uint8Array | null) =>
    bytes === null ? "" : textOf(bytes) ?? `base64:${base64Of(bytes)}`;
  const headers = record.headers.length === 0 ? "" : JSON.stringify(headersOf(record));
  return csvLine([
    String(partition),
    String(offset),
    String(timestampMs),
    cell(key),
    cell(value),
    headers,
  ]);
}

/** RFC 4180; what a table would take for a formula begins with an apostrophe. */
function csvLine(cells: readonly string[]): string {
  const quoted = cells.map((cell, i) => {
    const harmless = i > 2 && /^[=+\-@\t\r\n]/.test(cell) ? `'${cell}` : cell;
    return /[",\r\n]|^'/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
  });
  return `${quoted.join(",")}\r\n`;
}

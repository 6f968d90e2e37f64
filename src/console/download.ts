/**
 * Download: all records that fit, to save: as JSON, an object a line (as `runnel consume --json` prints them and
 * `produce --json` takes them), or as CSV whose cells no table takes for a formula. It is made as it is taken, a fetch at
 * a time, and ends where the partitions ended when it began.
 */
import { jsonLineParts, type PlacedRecord } from "../protocol/records/json_line.ts";
import type { LogRecord, RecordHeader } from "../protocol/records/record.ts";
import { LIMITS, type RecordsAnswer } from "./api.ts";
import { Effort, type Found, PartitionReader } from "./partition_reader.ts";
import { recordFilterOf } from "./record_filter.ts";
import { beginOf } from "./record_place.ts";
import { partitionsOf, placeQuery } from "./records.ts";
import { type Call, given, type Route } from "./route.ts";
import { mustGoOn } from "./saves.ts";
import { CSV_HEAD, csvTexts } from "./saved_text.ts";

export const downloadRoutes: readonly Route[] = [{
  method: "GET",
  path: "topics/:topic/records/download",
  summary: "All records that fit, to save",
  query: {
    ...placeQuery,
    format: { type: "string", enum: ["json", "csv"], doc: "json if not given." },
    limit: { type: "integer", minimum: 1, maximum: LIMITS.maxDownloadRecords },
  },
  answers: "records to save, one a line",
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

  const textsOf = (partition: number, record: LogRecord) =>
    isCsv ? csvTexts(partition, record) : jsonTexts({ ...record, topic, partition });

  async function* texts(): AsyncGenerator<Uint8Array> {
    if (isCsv) yield ENCODER.encode(CSV_HEAD);
    for (const [partition, first] of positions) {
      const until = untils.get(partition)!;
      for (let from = first; from < until && left > 0 && bytesLeft > 0;) {
        mustGoOn(call);
        const reader = new PartitionReader({
          requests,
          topic,
          isCommitted,
          effort: new Effort(signal),
          onProblem,
        });
        let text = "", large: LogRecord | null = null;
        const take = ({ record, facts }: Found) => {
          if (filter !== null && !filter(record, facts)) return true;
          left--;
          if (sizeOf(record) > LARGE_BYTES) {
            large = copyOf(record);
            return false;
          }
          for (const part of textsOf(partition, record)) text += part;
          return left > 0 && text.length < PART_LENGTH;
        };
        const read = () => reader.read(partition, { from, until }, take);
        const reading = await house.turns.take(read, { hasBegun: true });
        bytesLeft -= text.length;
        if (text !== "") yield ENCODER.encode(text);
        if (large !== null) {
          for (const part of textsOf(partition, large)) {
            bytesLeft -= part.length;
            yield ENCODER.encode(part);
          }
        }
        if (signal.aborted || (reading.isAtEnd && reading.nextOffset <= from)) break;
        from = reading.nextOffset;
      }
    }
  }

  const body = await house.saves.bodyOf(call, () => Promise.resolve(texts()));
  return new Response(body as BodyInit, {
    headers: {
      "content-type": isCsv ? "text/csv; charset=utf-8" : "application/x-ndjson",
      "content-disposition": `attachment; filename="${topic}.${isCsv ? "csv" : "jsonl"}"`,
    },
  });
}

function* jsonTexts(record: PlacedRecord): Generator<string> {
  yield* jsonLineParts(record);
  yield "\n";
}

const ENCODER = new TextEncoder();
/** So much text is made before it is taken. */
const PART_LENGTH = 256 * 1024;
/** A record that is larger is made into text part by part, as it is taken. */
const LARGE_BYTES = 64 * 1024;

function sizeOf({ key, value, headers }: LogRecord): number {
  const parts = [key, value, ...headers.flatMap((one) => [one.keyBytes ?? null, one.value])];
  return parts.reduce((sum, one) => sum + (one?.length ?? 0), 0);
}

/** In memory of its own. */
function copyOf(record: LogRecord): LogRecord {
  const copied = (bytes: Uint8Array | null) => bytes?.slice() ?? null;
  const headers = record.headers.map(({ key, keyBytes, value }): RecordHeader =>
    keyBytes === undefined
      ? { key, value: copied(value) }
      : { key, keyBytes: keyBytes.slice(), value: copied(value) }
  );
  return { ...record, key: copied(record.key), value: copied(record.value), headers };
}

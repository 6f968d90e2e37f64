/** Records: browsing, one of them with all its bytes, following and downloading. */
import { LIMITS, type RecordDetail, type RecordsAnswer } from "./api.ts";
import { LATEST, nameOfPlace, offsetsAt, topicOf } from "./ask.ts";
import { browseBackwards, browseOnwards } from "./browse.ts";
import { ApiFailure, toldOf } from "./failure.ts";
import { Effort, type Found, PartitionReader } from "./partition_reader.ts";
import { filterQuery, recordFilterOf } from "./record_filter.ts";
import { beginOf, cursorOf } from "./record_place.ts";
import { rowOf } from "./record_row.ts";
import { type Call, given, type Route } from "./route.ts";
import type { Shape } from "./shape.ts";
import { slicesOf } from "./saves.ts";
import { lineOf } from "./streams.ts";
import type { FollowLine } from "./api.ts";

export const placeQuery = {
  partitions: { type: "string", maxLength: 1000, doc: 'Which: "0,3,5"; all if not given.' },
  at: {
    type: "string",
    maxLength: 4000,
    doc:
      'Where to begin: "end" (newest first; if not given), "start", "offset:N", "time:MS", or a `next`.',
  },
  isolation: {
    type: "string",
    enum: ["committed", "uncommitted"],
    doc: "committed if not given: without what was aborted or is open.",
  },
  ...filterQuery,
} satisfies Record<string, Shape>;

export const recordRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "topics/:topic/records",
    summary: "Records of a topic that fit, and where to go on",
    query: {
      ...placeQuery,
      limit: {
        type: "integer",
        minimum: 1,
        maximum: LIMITS.maxRecords,
        doc: `${LIMITS.records} if not given.`,
      },
    },
    answers: "RecordsAnswer",
    handle: (call) => call.house.turns.take(() => browse(call)),
  },
  {
    method: "GET",
    path: "topics/:topic/records/follow",
    summary: "A stream of records as they come",
    query: placeQuery,
    answers: "FollowLine, one a line",
    handle: follow,
  },
  {
    method: "GET",
    path: "topics/:topic/partitions/:partition/records/:offset",
    summary: "One record with all its bytes",
    query: {},
    answers: "RecordDetail",
    handle: (call): Promise<RecordDetail> =>
      oneRecord(call, ({ record, facts }) => rowOf(record, facts, LIMITS.maxRecordBytes)),
  },
  ...(["key", "value"] as const).map((part): Route => ({
    method: "GET",
    path: `topics/:topic/partitions/:partition/records/:offset/${part}`,
    summary: `The bytes of a record's ${part}, to save`,
    query: {},
    answers: "bytes to save",
    handle: (call) => bytesOf(call, part),
  })),
];

async function browse(call: Call): Promise<RecordsAnswer> {
  const { requests, params: { topic }, signal } = call;
  const limit = given(call, "limit", LIMITS.records as number);
  const effort = new Effort(signal), { partitions, problems } = await partitionsOf(call);
  const isCommitted = given(call, "isolation", "committed") === "committed";
  const at = given(call, "at", "end");
  const begin = await beginOf(requests, { topic, partitions, at, isCommitted });
  problems.push(...begin.problems);
  const onProblem = (problem: RecordsAnswer["problems"][number]) => {
    if (problems.length < MAX_PROBLEMS) problems.push(problem);
  };
  const reader = new PartitionReader({ requests, topic, isCommitted, effort, onProblem });
  const filter = recordFilterOf(call, onProblem);
  const options = { reader, effort, filter, limit }, { direction, positions, starts } = begin;
  const browsed = direction === "onwards"
    ? await browseOnwards(positions, options)
    : await browseBackwards(positions, {
      ...options,
      starts,
      bytesARecord: bytesARecord(call, partitions),
    });
  const { records, bytes, elapsedMs } = effort;
  const isDone = direction === "onwards" && browsed.ended === "edge";
  return {
    records: browsed.rows,
    next: isDone ? null : cursorOf(direction, browsed.positions),
    scanned: { records, bytes, elapsedMs },
    ended: browsed.ended,
    problems,
  };
}

const MAX_PROBLEMS = 20;

/** Those that were asked for, or all of the topic. */
export async function partitionsOf(
  { requests, params: { topic }, query }: Call,
): Promise<
  { readonly partitions: number[]; readonly problems: RecordsAnswer["problems"][number][] }
> {
  const all = (await topicOf(requests, topic)).partitions.map((one) => one.partitionIndex);
  const most = LIMITS.maxBrowsedPartitions, text = query.partitions as string | undefined;
  if (text === undefined) {
    const reason = `${all.length} partitions: the first ${most} are looked at, name others`;
    const problems = all.length > most ? [{ partition: most, offset: null, reason }] : [];
    return { partitions: all.slice(0, most), problems };
  }
  const asked = [
    ...new Set(text.split(",").map((one) => /^\d{1,10}$/.test(one) ? Number(one) : -1)),
  ];
  if (asked.length > most || !asked.every((one) => all.includes(one))) {
    const need = `needs up to ${most} of its partitions, 0 to ${all.length - 1}`;
    throw new ApiFailure("bad_request", `partitions = ${text}: ${need}`, { field: "partitions" });
  }
  return { partitions: asked, problems: [] };
}

/** About, over the partitions' logs as they are stored. */
function bytesARecord({ house, params: { topic } }: Call, partitions: readonly number[]): number {
  let bytes = 0, records = 0;
  for (const one of house.metrics.partitions()) {
    if (one.topic !== topic || !partitions.includes(one.partition)) continue;
    if (!Number.isNaN(one.sizeBytes)) bytes += one.sizeBytes;
    records += one.logEndOffset - one.logStartOffset;
  }
  return records === 0 ? 1 : Math.max(1, bytes / records);
}

/** What is made of the record while its bytes are there. */
async function oneRecord<T>(call: Call, made: (found: Found) => T): Promise<T> {
  const { requests, params, signal } = call, { topic } = params;
  const partition = numberOf(params.partition, "partition", 2 ** 31 - 1);
  const offset = numberOf(params.offset, "offset", Number.MAX_SAFE_INTEGER - 1);
  let found: { readonly it: T } | null = null, problem: string | null = null;
  const reader = new PartitionReader({
    requests,
    topic,
    isCommitted: false,
    effort: new Effort(signal),
    onProblem: ({ reason }) => problem = reason,
  });
  await call.house.turns.take(() =>
    reader.read(partition, { from: offset, until: offset + 1 }, (one) => {
      found = { it: made(one) };
      return false;
    })
  );
  if (found !== null) return (found as { readonly it: T }).it;
  const message = problem ?? `there is no record at ${offset} of ${topic}-${partition}`;
  throw new ApiFailure(problem === null ? "not_found" : "too_large", message, { field: "offset" });
}

function numberOf(text: string, field: string, most: number): number {
  if (/^\d{1,16}$/.test(text) && Number(text) <= most) return Number(text);
  const message = `${field} = ${text}: needs a whole number, 0 to ${most}`;
  throw new ApiFailure("bad_request", message, { field });
}

/** To save and not to show: whatever is in it, no browser takes it for a page. */
async function bytesOf(call: Call, part: "key" | "value"): Promise<Response> {
  const { topic, partition, offset } = call.params;
  let length = 0;
  const body = await call.house.saves.bodyOf(call, async () => {
    const bytes = await oneRecord(call, ({ record }) => record[part]?.slice() ?? null);
    if (bytes === null) throw new ApiFailure("not_found", `the ${part} of ${offset} is null`);
    length = bytes.length;
    return slicesOf(bytes);
  });
  const name = `${topic}-${partition}-${offset}.${part}`;
  return new Response(body as BodyInit, {
    headers: {
      "content-type": "application/octet-stream",
      "content-disposition": `attachment; filename="${name}"`,
      "content-length": String(length),
    },
  });
}

/** From `at` on, and from the ends where nothing is said. It waits for its reader, and for what is to come. */
async function follow(call: Call): Promise<Response> {
  const { requests, params: { topic }, signal, house } = call, filter = recordFilterOf(call);
  const { partitions } = await partitionsOf(call);
  const isCommitted = given(call, "isolation", "committed") === "committed";
  const at = given(call, "at", "end");
  const { positions } = await beginOf(requests, { topic, partitions, at, isCommitted });
  const stream = house.streams.open(call, () => {});
  const send = (line: FollowLine) => stream.send(lineOf(line));
  const tellPlace = ({ records, bytes }: Pick<Effort, "records" | "bytes">) => {
    const next = cursorOf("onwards", positions);
    if (next !== null) send({ type: "scanned", records, bytes, next });
  };
  const round = async (): Promise<boolean> => {
    const effort = new Effort(signal), onProblem = () => {};
    const reader = new PartitionReader({ requests, topic, isCommitted, effort, onProblem });
    let isQuiet = true;
    const places = [...positions.keys()].map((partition) => ({ topic, partition }));
    const ends = await offsetsAt(requests, places, { timestamp: LATEST, isCommitted });
    for (const [partition, from] of positions) {
      const end = ends.get(nameOfPlace({ topic, partition }))!;
      if (typeof end !== "number") throw end;
      if (end <= from) continue; // one request says so of all
      let left = FOLLOWED_A_TURN;
      const take = ({ record, facts }: Found) => {
        if (filter === null || filter(record, facts)) {
          send({ type: "record", record: rowOf(record, facts) });
          left--;
        }
        return left > 0;
      };
      const reading = await house.turns.take(() => reader.read(partition, { from }, take));
      if (reading.nextOffset > from) isQuiet = false;
      positions.set(partition, reading.nextOffset);
      await stream.room();
      if (stream.isOver) return true;
    }
    if (effort.records > 0) tellPlace(effort);
    return isQuiet;
  };
  const run = async () => {
    while (!stream.isOver) {
      if (await round()) await new Promise((resolve) => setTimeout(resolve, FOLLOW_PAUSE_MS));
    }
  };
  tellPlace({ records: 0, bytes: 0 }); // "end" is another place when it comes again
  run().catch((error) => stream.end(toldOf(error).message));
  return stream.response;
}

/** Rows of 4 KiB and more fill the queue of a stream: a few at a time, then it waits for room. */
const FOLLOWED_A_TURN = 20;
const FOLLOW_PAUSE_MS = 250;

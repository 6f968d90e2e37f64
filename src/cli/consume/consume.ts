/** `runnel consume`: prints records of topics, from where to where it is told. */
import type { ConsumerRecord } from "../../client/consumer.ts";
import type { Isolation } from "../../client/list_offsets.ts";
import { ByteSink } from "../byte_sink.ts";
import type { Call } from "../call.ts";
import type { Run } from "../command.ts";
import { connected } from "../connected.ts";
import { unescaped } from "../escapes.ts";
import { Interrupt } from "../interrupt.ts";
import { csvPrinter } from "./csv.ts";
import { type Filter, filterOf } from "./filter.ts";
import { formatPrinter } from "./format.ts";
import { GroupReading } from "./group_read.ts";
import { nothingThere, plannedPartitions } from "./plan.ts";
import { jsonPrinter, linePrinter, type Printer } from "./printer.ts";
import { type Ranges, rangesOf } from "./range.ts";
import { reading } from "./read.ts";

export const consume: Run = (call) => {
  const ranges = rangesIn(call), printer = printerOf(call), filter = filterIn(call);
  const partitions = partitionsIn(call), count = call.whole("--count", { min: 1 });
  const isFollowing = call.has("--follow"), forMs = call.durationMs("--for");
  const isolation: Isolation = call.has("--uncommitted") ? "readUncommitted" : "readCommitted";
  const group = groupIn(call);
  return connected(call, async ({ cluster }) => {
    const deadlineMs = forMs === null ? Infinity : performance.now() + forMs;
    using interrupt = new Interrupt();
    const isStopped = () => interrupt.isAsked || performance.now() > deadlineMs;
    const printing = { printer, filter, count: count ?? Infinity, isStopped };
    const options = { topics: call.words, isFollowing, isolation };
    if (group !== null) {
      const stop = new AbortController(), { signal } = stop;
      interrupt.called = () => stop.abort();
      const reading = new GroupReading(cluster, { ...options, group, isStopped, signal });
      await printAll(reading.batches(), {
        ...printing,
        onPrinted: (record) => reading.note(record),
        onFlushed: () => reading.printed(),
      });
      return 0;
    }
    const planned = await plannedPartitions(cluster, { ...options, partitions, ranges });
    const nothing = nothingThere(planned, ranges);
    if (nothing !== null) console.error(`runnel: ${nothing}`);
    await printAll(reading(cluster, planned, { isolation, isStopped }), printing);
    return 0;
  });
};

interface Printing {
  readonly printer: Printer;
  readonly filter: Filter;
  /** How many records at most. */
  readonly count: number;
  readonly isStopped: () => boolean;
  /** A record is on its way to standard output; and everything up to it has gone there. */
  readonly onPrinted?: (record: ConsumerRecord) => void;
  readonly onFlushed?: () => void;
}

async function printAll(
  batches: AsyncIterable<readonly ConsumerRecord[]>,
  { printer, filter, count, isStopped, onPrinted, onFlushed }: Printing,
): Promise<void> {
  const sink = new ByteSink();
  const flush = async () => {
    await sink.flush();
    onFlushed?.();
  };
  let printed = 0;
  printer.begin?.(sink);
  for await (const records of batches) {
    for (const record of records) {
      if (!filter(record)) continue;
      printer.record(record, sink);
      onPrinted?.(record);
      printed++;
      if (sink.isFull) {
        await flush();
        if (isStopped()) return;
      }
      if (printed === count) return await flush();
    }
    await flush();
  }
  await flush();
}

function groupIn(call: Call): string | null {
  const group = call.text("--group");
  if (group === null) return null;
  if (group === "") throw call.misused('--group "": needs a name');
  const other = ["--offset", "--last", "--partition"].find((flag) => call.has(flag));
  if (other === undefined) return group;
  throw call.misused(`${other}: the group says which partitions are read, and from where`);
}

function rangesIn(call: Call): Ranges {
  const last = call.whole("--last", { min: 1 }), texts = call.texts("--offset");
  if (last !== null && texts.length > 0) throw call.misused("--last and --offset are one too many");
  const ranges = rangesOf(last === null ? texts : [`-${last}`], Date.now());
  if (typeof ranges === "string") throw call.misused(ranges);
  const all = [ranges.all, ...ranges.byPartition.values()];
  if (call.has("--follow") && all.some((range) => range !== null && range.to !== null)) {
    throw call.misused(`--follow has no end: leave out what stands behind the colon`);
  }
  return ranges;
}

function partitionsIn(call: Call): number[] {
  return call.texts("--partition").flatMap((text) => text.split(",")).map((text) => {
    if (/^\d{1,9}$/.test(text)) return Number(text);
    throw call.misused(`--partition ${text || '""'}: needs whole numbers, as 0 or 0,3`);
  });
}

function filterIn(call: Call): Filter {
  const key = call.text("--key");
  const filter = filterOf({
    key: key === null ? null : new TextEncoder().encode(key),
    keyPattern: call.text("--key-pattern"),
    headers: call.texts("--header"),
    path: call.text("--where"),
  });
  if (typeof filter === "string") throw call.misused(filter);
  return filter;
}

function printerOf(call: Call): Printer {
  const ways = ["--json", "--csv", "--format", "--key-separator"].filter((one) => call.has(one));
  if (ways.length > 1) throw call.misused(`${ways.join(" and ")}: it prints in one way`);
  const isTerminal = Deno.stdout.isTerminal() && !call.has("--raw");
  const nullText = call.text("--null"), separator = call.text("--key-separator");
  const bytes = (flag: string, text: string) => bytesOf(call, flag, text);
  switch (ways[0]) {
    case "--json":
      return jsonPrinter;
    case "--csv":
      return csvPrinter({ isTerminal });
    case "--format": {
      const format = call.text("--format")!;
      const printer = formatPrinter(format, {
        nullText: bytes("--null", nullText ?? ""),
        isTerminal,
      });
      if (typeof printer !== "string") return printer;
      throw call.misused(`--format ${format || '""'} ${printer}`);
    }
    default:
      return linePrinter({
        separator: separator === null ? null : bytes("--key-separator", separator),
        nullText: bytes("--null", nullText ?? "null"),
        isTerminal,
      });
  }
}

function bytesOf(call: Call, flag: string, text: string): Uint8Array {
  const bytes = unescaped(text);
  if (bytes !== null) return bytes;
  throw call.misused(`${flag} ${text}: a backslash stands before t, n, r, 0, \\ or xNN`);
}

/** `runnel produce`: sends records to a topic: from standard input, files or the command line. */
import type { Delivery, ProducerOptions } from "../../client/producer.ts";
import type { CompressionName } from "../../protocol/records/compression.ts";
import { timestampOf } from "../../protocol/records/json_line.ts";
import { ConfigError } from "../../config/load.ts";
import { clientErrorLine } from "../client_error_line.ts";
import { ByteSink } from "../byte_sink.ts";
import type { Call } from "../call.ts";
import type { Run } from "../command.ts";
import { type Connected, connected } from "../connected.ts";
import { unescaped } from "../escapes.ts";
import { existingTopic } from "../existing_topic.ts";
import { Interrupt } from "../interrupt.ts";
import { jsonText, OutputClosed } from "../output.ts";
import { printable } from "../table.ts";
import { Delivering } from "./delivering.ts";
import { filesOf, linesOf, repeated, type SourceRecords, unfitness } from "./sources.ts";
import { jsonReader, lineReader } from "./written.ts";

export const produce: Run = (call) => {
  const [topic] = call.words, plan = planOf(call);
  return connected(call, async (connected) => {
    using interrupt = new Interrupt();
    const found = await existingTopic(connected.cluster, topic);
    const partitions = found.partitions.length;
    if (plan.partition !== null && plan.partition >= partitions) {
      throw new ConfigError(
        `${topic} has no partition ${plan.partition}: it has 0 to ${partitions - 1}`,
      );
    }
    return await sendAll(connected, { ...plan, topic, interrupt });
  });
};

interface Plan {
  readonly source: (interrupt: Interrupt) => AsyncIterable<SourceRecords>;
  readonly producer: ProducerOptions;
  readonly headers: readonly { readonly key: string; readonly value: Uint8Array | null }[];
  readonly partition: number | null;
  /** Whether a line's own partition counts. */
  readonly keepsPartition: boolean;
  readonly rate: number | null;
  readonly count: number;
  readonly isReported: boolean;
}

async function sendAll(
  { cluster }: Connected,
  plan: Plan & { readonly topic: string; readonly interrupt: Interrupt },
): Promise<number> {
  const { topic, interrupt, rate, isReported } = plan, sink = new ByteSink();
  const report = (delivery: Delivery) => {
    if (isReported && isRead) sink.text(`${reportLine(delivery)}\n`);
  };
  let isRead = true;
  // Who stops reading the report does not stop the records.
  const flush = async () => {
    if (!isRead) return;
    try {
      await sink.flush();
    } catch (error) {
      if (!(error instanceof OutputClosed)) throw error;
      isRead = false;
    }
  };
  const delivering = new Delivering(cluster, plan.producer, { rate, onDelivered: report });
  const isOver = () => delivering.failure !== null || interrupt.isAsked;
  let refused: unknown = null;
  try {
    sending: for await (const { origin, number, records } of plan.source(interrupt)) {
      let next = number;
      for (const record of records) {
        while (delivering.isFull && !isOver()) {
          await delivering.wait();
          await flush();
        }
        if (isOver()) break sending;
        const { key, value, headers, timestampMs, exactTimestampMs, partition } = record;
        delivering.send(
          {
            topic,
            partition: plan.partition ?? (plan.keepsPartition ? partition : undefined),
            key,
            value,
            headers: plan.headers.length === 0 ? headers : [...headers, ...plan.headers],
            timestampMs,
            exactTimestampMs,
          },
          origin,
          next++,
        );
        if (delivering.sent >= plan.count) break sending;
      }
      await flush();
    }
  } catch (error) {
    refused = error; // what was sent before it is not left behind
  }
  await delivering.finish();
  await flush();
  const { failure, delivered } = delivering;
  if (refused instanceof ConfigError) {
    throw new ConfigError(`${refused.message}; ${delivered} records were delivered before it`);
  }
  if (refused !== null) throw refused;
  if (failure === null) return interrupt.isAsked ? INTERRUPTED : 0;
  console.error(
    `runnel: ${printable(failure.where)}: ${
      clientErrorLine(failure.error)
    }; ${delivered} others were delivered`,
  );
  return 1;
}

/** As shells have it for what SIGINT ended: not everything was sent. */
const INTERRUPTED = 130;

function reportLine(delivery: Delivery): string {
  const { topic, partition, offset } = delivery;
  return jsonText({ topic, partition, offset, timestamp: timestampOf(delivery) });
}

function planOf(call: Call): Plan {
  return {
    source: sourceOf(call),
    producer: producerOf(call),
    headers: call.texts("--header").map(headerOf),
    partition: call.whole("--partition", { max: 0x7fffffff }),
    keepsPartition: call.has("--keep-partition"),
    rate: rateOf(call),
    count: call.whole("--count", { min: 1 }) ?? Infinity,
    isReported: call.has("--report"),
  };
}

/** By Kafka's numbers, too. */
const ACKS: ReadonlyMap<string, "all" | "leader" | "none"> = new Map([
  ["all", "all"],
  ["leader", "leader"],
  ["none", "none"],
  ["-1", "all"],
  ["1", "leader"],
  ["0", "none"],
]);

function producerOf(call: Call): ProducerOptions {
  const acks = ACKS.get(call.text("--acks") ?? "all")!;
  const asked = call.text("--idempotent");
  if (asked === "yes" && acks !== "all") {
    throw call.misused(`--idempotent yes needs --acks all, not ${acks}`);
  }
  return {
    acks,
    idempotent: acks === "all" && asked !== "no",
    compression: (call.text("--compression") ?? "none") as CompressionName,
  };
}

function sourceOf(call: Call): Plan["source"] {
  const [, ...files] = call.words, isJson = call.has("--json");
  const bytes = (flag: string) => {
    const text = call.text(flag);
    return text === null ? null : bytesOf(call, flag, text);
  };
  // What is sent is taken as it stands: a backslash in a path or in JSON is one.
  const asItStands = (flag: string) => {
    const text = call.text(flag);
    return text === null ? null : ENCODER.encode(text);
  };
  const separator = bytes("--key-separator"), nullText = bytes("--null");
  const key = asItStands("--key"), value = asItStands("--value");
  const isTombstone = call.has("--tombstone");
  const timestampMs = call.whole("--timestamp") ?? undefined;
  const ways = [value !== null, isTombstone, isJson, call.has("--whole"), separator !== null];
  if (ways.filter(Boolean).length > 1) {
    throw call.misused("of --value, --tombstone, --json, --whole and --key-separator it takes one");
  }
  const ofForm = ["--key", "--null", "--timestamp"].filter((flag) => call.text(flag) !== null);
  if (isJson && ofForm.length > 0) {
    throw call.misused(`--json lines say it themselves: no ${ofForm}`);
  }
  if (call.has("--keep-partition") && !isJson) throw call.misused("--keep-partition needs --json");
  if (separator?.length === 0) throw call.misused("--key-separator is empty");
  if (separator !== null && key !== null) {
    throw call.misused("--key is of every record, and --key-separator of each");
  }
  if (isTombstone && key === null) throw call.misused("--tombstone needs the --key that it ends");
  if (value !== null || isTombstone) {
    if (files.length > 0) throw call.misused(`${files[0]} is a file, and the value is given`);
    const record = { key, value, headers: [], timestampMs };
    return () => repeated(record, call.whole("--count", { min: 1 }) ?? 1);
  }
  const unfit = files.map(unfitness).find((one) => one !== null);
  if (unfit !== undefined) {
    throw call.misused(`${unfit}: words behind the topic are files; --value TEXT sends a text`);
  }
  const read = isJson ? jsonReader : lineReader({ separator, nullText, key, timestampMs });
  if (call.has("--whole")) {
    if (files.length === 0) throw call.misused("--whole needs files");
    return () => filesOf(files, read);
  }
  return (interrupt) => linesOf(files.length === 0 ? ["-"] : files, { read, interrupt });
}

/** "name=value", "name=" with an empty value, "name" with none. */
function headerOf(text: string): Plan["headers"][number] {
  const at = text.indexOf("=");
  if (at < 0) return { key: text, value: null };
  return { key: text.slice(0, at), value: ENCODER.encode(text.slice(at + 1)) };
}

function rateOf(call: Call): number | null {
  const text = call.text("--rate");
  if (text === null) return null;
  const rate = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && rate > 0 && rate <= 1e9) return rate;
  throw call.misused(`--rate ${text || '""'}: needs records a second, as 0.5 or 1000`);
}

function bytesOf(call: Call, flag: string, text: string): Uint8Array {
  const bytes = unescaped(text);
  if (bytes !== null) return bytes;
  throw call.misused(`${flag} ${text}: a backslash stands before t, n, r, 0, \\ or xNN`);
}

const ENCODER = new TextEncoder();

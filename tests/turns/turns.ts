/**
 * Turns: how long one request may keep the event loop, of every API and with every array in it as long as the broker takes.
 *
 *     deno task test:turns [--elements=98000] [--api=OffsetFetch]
 *
 * The broker is in this process, in memory, and hands its dispatch over. A turn is measured between two timers, by the
 * clock and by the processor's time of this process, of which the less counts: other programs do not make it longer. What
 * is too long is looked at again, and the shortest of three counts, since a collection of garbage may fall into one.
 * Exit code 1 where one takes longer than MAX_TURN_MS, and so much more as a processor is slower than the one for which that
 * was found.
 */
import { parseArgs } from "@std/cli/parse-args";
import { startBroker } from "../../src/broker.ts";
import { configOfOptions } from "../../src/config/load.ts";
import { configureLog } from "../../src/log.ts";
import { ApiVersions } from "../../src/protocol/messages/api_versions.ts";
import { CreateTopics } from "../../src/protocol/messages/create_topics.ts";
import { decodeResponse } from "../../src/protocol/frame.ts";
import { joined } from "../../src/protocol/codec.ts";
import { apis } from "../../src/protocol/messages/mod.ts";
import type { Api } from "../../src/protocol/schema.ts";
import type { ConnectionInfo } from "../../src/handlers/handler.ts";
import type { Dispatch, Reply } from "../../src/server/connection.ts";
import { cpuMs, TurnMeter } from "./turn_meter.ts";
import { arraysOf, EXISTING, type Names, request, wideRequest } from "./wide_requests.ts";

const MAX_TURN_MS = 200;
const ANSWER_LIMIT_MS = 30_000;
/** What the yardstick takes of the processor for which the limit was found. */
const YARDSTICK_MS = 22;

const args = parseArgs(Deno.args, { string: ["elements", "api"] });
const count = Number(args.elements ?? 98_000);
const BASE = { kafkaPort: 0, httpPort: 0, storage: { path: "memory://" }, log: { level: "error" } };
const limitMs = Math.round(MAX_TURN_MS * Math.max(1, yardstickMs() / YARDSTICK_MS));
const { config } = configOfOptions({}, BASE);
configureLog(config.log, () => {});

let dispatch!: Dispatch;
const broker = await startBroker(config, { around: (inner) => dispatch = inner });
const longest = new Map<string, { readonly ms: number; readonly what: string }>();
try {
  await populate();
  const versions = await servedVersions();
  for (const api of apis as readonly Api[]) {
    const version = versions.get(api.key);
    if (version === undefined || args.api !== undefined && api.name !== args.api) continue;
    for (
      const path of arraysOf(api.request.fields, { version, flexible: version >= api.flexibleFrom })
    ) {
      for (const names of ["same", "existing", "unknown"] as const) {
        const ms = await shortestOfThree(api, version, { path, names });
        const what = `${path.join(".")}, ${names}`;
        if (ms !== null && !(longest.get(api.name)?.ms! >= ms)) longest.set(api.name, { ms, what });
      }
    }
  }
} finally {
  await broker.stop();
}
const rows = [...longest].sort(([, a], [, b]) => b.ms - a.ms);
for (const [name, { ms, what }] of rows) {
  console.log(`${name.padEnd(30)} ${ms.toFixed(0).padStart(5)} ms  ${what}`);
}
const late = rows.filter(([, { ms }]) => ms > limitMs);
console.log(`${rows.length} APIs, ${late.length} with a turn of more than ${limitMs} ms`);
Deno.exit(late.length > 0 ? 1 : 0);

/** The processor's time for work that is always the same, at best of some tries. */
function yardstickMs(): number {
  const tries = Array.from({ length: 8 }, () => {
    const beforeMs = cpuMs();
    let x = 1;
    for (let i = 0; i < 2e7; i++) x = Math.imul(x, 48_271) ^ i;
    return x === 0.5 ? 0 : cpuMs() - beforeMs; // x is needed, or nothing would be done
  });
  return Math.min(...tries);
}

async function shortestOfThree(
  api: Api,
  version: number,
  asked: { readonly path: readonly string[]; readonly names: Names },
): Promise<number | null> {
  let frame: Uint8Array;
  try {
    frame = wideRequest(api, version, { ...asked, count });
  } catch {
    return null; // an array of int8 cannot count so far
  }
  let shortest = Infinity;
  for (let i = 0; i < 3 && shortest > limitMs / 3; i++) {
    shortest = Math.min(shortest, await longestTurn(frame));
  }
  return shortest;
}

/** While a request is answered, decoding and encoding included. */
async function longestTurn(frame: Uint8Array): Promise<number> {
  const meter = new TurnMeter();
  await pause(3);
  const limit = pause(ANSWER_LIMIT_MS);
  await Promise.race([dispatch(frame, connection()), limit]);
  await pause(5);
  return meter.stop();
}

/** Topics and groups for requests to name. */
async function populate(): Promise<void> {
  const names = ["t", ...Array.from({ length: EXISTING }, (_, i) => `t${i}`)];
  const topics = names.map((name) => ({ name, numPartitions: 2, replicationFactor: 1 }));
  await dispatch(request(CreateTopics as unknown as Api, 7, { topics }), connection());
}

async function servedVersions(): Promise<Map<number, number>> {
  const reply = await dispatch(request(ApiVersions as unknown as Api, 0, {}), connection());
  const frame = joined(reply as Exclude<Reply, symbol>).subarray(4);
  const { body } = decodeResponse(ApiVersions, 0, frame);
  return new Map(body.apiKeys.map(({ apiKey, maxVersion }) => [apiKey, maxVersion]));
}

function connection(): ConnectionInfo {
  return {
    id: 1,
    peer: "127.0.0.1",
    local: "",
    listener: "PLAINTEXT",
    principal: "User:ANONYMOUS",
    admits: () => true,
    clientSoftwareName: "turns",
    clientSoftwareVersion: "1",
    ends: new Set(),
    isEnding: false,
    isReader: true,
    hold: () => {},
    pace: () => {},
    held: null,
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

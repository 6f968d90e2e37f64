/**
 * Broker's HTTP: asks a Runnel for its /status, and by which clock it answers. HTTP/1.0 over a bare connection: no proxy of
 * the environment stands between, and every wait and size has a bound.
 */
import { parseAddress } from "../../client/cluster.ts";
import type { Address } from "./address.ts";
import { within } from "./finding.ts";

export interface HttpPlace extends Address {
  readonly isTls: boolean;
  /** Trusted besides what the system trusts, in PEM. */
  readonly caCerts: readonly string[];
  /** The header Authorization; null: none is sent. */
  readonly authorization: string | null;
}

export interface HttpAnswer {
  /** "http://127.0.0.1:9093" */
  readonly url: string;
  readonly status: BrokerStatus;
  /** The header Date; null where there is none. It has whole seconds. */
  readonly dateMs: number | null;
  /** By this machine's clock. */
  readonly askedMs: number;
  readonly answeredMs: number;
}

/** As docs/status.md has it, as far as it is looked at here. */
export interface BrokerStatus {
  readonly version: string;
  readonly clusterId: string | null;
  readonly notReady: string | null;
  readonly warnings: readonly string[];
  readonly offline: readonly { topic: string; partition: number; reason: string }[];
  readonly offlineCount: number;
  readonly storage: { path: string; freeBytes: number | null; minFreeBytes: number };
  readonly process: {
    pid: number;
    residentBytes: number;
    heapUsedBytes: number;
    heapLimitBytes: number;
    spareDescriptors: number | null;
    lookedFor: number;
  };
  /** Of the first certificate that expires; null or absent where none is shown. */
  readonly tlsExpiresMs?: number | null;
  readonly limits: { maxConnections: number; maxBufferedBytes: number };
  readonly connections: number;
  readonly clients: readonly ConnectedClient[];
  readonly refused: readonly RefusedClient[];
  /** Absent where the broker is older. */
  readonly events?: readonly { level: string; event: string; count: number; lastMs: number }[];
}

export interface ConnectedClient {
  readonly clientId: string | null;
  readonly software: string;
  readonly version: string;
  readonly address: string;
  readonly connections: number;
}

export interface RefusedClient {
  readonly kind: string;
  readonly reason: string | null;
  readonly what: string | null;
  readonly address: string | null;
  readonly principal: string | null;
  readonly clientId: string | null;
  readonly software: string | null;
  readonly count: number;
  readonly lastMs: number;
}

const TIMEOUT_MS = 2500;
const MAX_BYTES = 8 << 20;

/** Why there is no answer is a sentence's end: "not looked at: …". */
export async function askStatus(place: HttpPlace): Promise<HttpAnswer | string> {
  const url = urlOf(place);
  try {
    return await within(ask(place, url), TIMEOUT_MS, url);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return `no status at ${url} (${why}); --http says where the broker answers over HTTP`;
  }
}

function urlOf({ host, port, isTls }: HttpPlace): string {
  return `http${isTls ? "s" : ""}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** "host:port", "http://host:port", "https://[::1]:9093"; null for what is none of it. */
export function httpAddress(text: string): (Address & { readonly isTls: boolean | null }) | null {
  const [, scheme, rest] = /^(?:(https?):\/\/)?([^/]+)\/?$/.exec(text) ?? [];
  try {
    return { ...parseAddress(rest ?? ""), isTls: scheme === undefined ? null : scheme === "https" };
  } catch {
    return null;
  }
}

async function ask(place: HttpPlace, url: string): Promise<HttpAnswer | string> {
  const { host, port, isTls, caCerts, authorization } = place;
  using socket = isTls
    ? await Deno.connectTls({ hostname: host, port, caCerts: [...caCerts] })
    : await Deno.connect({ hostname: host, port });
  const askedMs = Date.now();
  const request = [
    "GET /status HTTP/1.0",
    `Host: ${host.includes(":") ? `[${host}]` : host}:${port}`,
    ...authorization === null ? [] : [`Authorization: ${authorization}`],
    "",
    "",
  ].join("\r\n");
  const bytes = new TextEncoder().encode(request);
  for (let at = 0; at < bytes.length;) at += await socket.write(bytes.subarray(at));
  const text = await readAll(socket), answeredMs = Date.now();
  const [, code, header, body] =
    /^HTTP\/1\.[01] (\d{3})[^\r\n]*\r\n([^]*?)\r\n\r\n([^]*)$/.exec(text) ?? [];
  if (code === "401") {
    return `${url} wants to know who asks: set http.authentication here as the broker has it, with RUNNEL_HTTP_TOKEN, or http.username and RUNNEL_HTTP_PASSWORD`;
  }
  if (code !== "200") return `${url} has no /status (HTTP ${code ?? "none"})`;
  const date = Date.parse(/^date:[ \t]*(.+?)[ \t]*$/im.exec(header)?.[1] ?? "");
  const status = JSON.parse(body);
  if (!isStatus(status)) return `${url} answers with another status than this runnel knows`;
  return { url, status, dateMs: Number.isNaN(date) ? null : date, askedMs, answeredMs };
}

/** Whether it has what is looked at here: it may be a broker's of another version, or no broker's. */
// deno-lint-ignore no-explicit-any
function isStatus(value: any): value is BrokerStatus {
  return typeof value === "object" && value !== null && typeof value.version === "string" &&
    ["warnings", "offline", "clients", "refused"].every((name) => Array.isArray(value[name])) &&
    ["storage", "process", "limits"].every((name) =>
      typeof value[name] === "object" && value[name] !== null
    );
}

async function readAll(socket: Deno.Conn): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const chunk = new Uint8Array(64 << 10), count = await socket.read(chunk);
    if (count === null) break;
    size += count;
    if (size > MAX_BYTES) throw new Error(`an answer of more than ${MAX_BYTES} bytes`);
    chunks.push(chunk.subarray(0, count));
  }
  return await new Blob(chunks as Uint8Array<ArrayBuffer>[]).text();
}

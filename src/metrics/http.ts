/**
 * HTTP: /metrics, /status, /healthz and /readyz, and the console's pages (http_pages.ts), one request a connection.
 *
 * Spoken over bare connections, by our own parser: Deno.serve has no deadline for a header, and none for a reader that
 * takes nothing of its answer (runtime_http_test.ts shows both, and fails once it has); node:http keeps its limits against
 * slow clients (headersTimeout, maxHeaderSize) only since Deno 2.7, and has none for slow readers. What is needed is
 * little: a header read under a deadline and a bound, and everything but what is there refused. When the runtime has these
 * limits this file goes; what answers pages stays, as that are functions from Request to Response.
 *
 * Whoever asks gets in: when there are as many connections as there may be, another one makes room (Askers). So neither
 * slow clients nor those who come again and again hide a health check from anybody: it is answered in the turn in which
 * its header is read.
 *
 * Where something is asked of those who ask, whoever does not say it gets 401 for every path that is not left open, so
 * that it learns of none.
 */
import { logger } from "../log.ts";
import { type Asker, Askers } from "./askers.ts";
import {
  AnswerCut,
  LargeBodies,
  type LogIn,
  nameAskedBy,
  type PageLogin,
  type Pages,
  ReaderGone,
  type ReadHeader,
  requestOf,
  sendResponse,
} from "./http_pages.ts";

/** One connection of a client, as the transports of the server are. */
export interface HttpConnection {
  readonly peer?: { readonly host: string };
  /** Shakes hands, where there is TLS; before anything is read. */
  secure?(): Promise<unknown>;
  read(into: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number>;
  endWrites(): void;
  close(): void;
}

export interface HttpListener {
  readonly address: { readonly host: string; readonly port: number };
  accept(): Promise<HttpConnection>;
  close(): void;
}

/** What is asked of those who ask. */
export interface HttpGuard {
  /** For WWW-Authenticate: "Bearer". */
  readonly challenge: string;
  /** Paths that are answered to everybody. */
  readonly open: readonly string[];
  /** Whether the header Authorization (null: there is none) is one to let in. "busy": to be tried again. Never rejects. */
  admits(
    asker: { readonly peer: string; readonly authorization: string | null },
  ): Promise<boolean | "busy">;
}

export interface HttpSettings {
  /** Closed with the server. */
  readonly listener: HttpListener;
  /** Absent: everybody is answered. */
  readonly guard?: HttpGuard;
  readonly maxConnections: number;
  /** Whether one more may be open besides so many, as far as descriptors go; absent: yes. */
  readonly admits?: (open: number) => boolean;
  /** How long a client may take to send its header, and to read the answer. */
  readonly timeoutMs?: number;
  /** What /metrics answers, or null when metrics are off. */
  readonly metrics: { readonly contentType: string; render(): Promise<Uint8Array> } | null;
  /** What /status answers, as JSON; absent: there is none. */
  readonly status?: () => string;
  /** What answers everything else; absent: nothing does. */
  readonly pages?: Pages;
  /** Why the broker is not ready, or null when it is. */
  readonly notReady: () => string | null;
  /** What is wrong though it is, a line each. */
  readonly warnings?: () => readonly string[];
}

export interface HttpServer {
  readonly hostname: string;
  readonly port: number;
  stop(): void;
}

/** Of all connections. */
interface Serving extends HttpSettings {
  readonly bodies: LargeBodies;
}

const MAX_HEADER_BYTES = 8192;
/** Most headers are shorter: what is read of one at first. */
const USUAL_HEADER_BYTES = 512;
const log = logger("http");

export function startHttp(settings: HttpSettings): HttpServer {
  const { listener, maxConnections, admits = () => true } = settings, state = { isStopped: false };
  const askers = new Askers({
    maxConnections,
    admits,
    onClosed: ({ hasAsked }) => log.clientEvent("HTTP connection closed for another", { hasAsked }),
  });
  accept(state, askers, { ...settings, bodies: new LargeBodies() });
  const { host: hostname, port } = listener.address;
  return {
    hostname,
    port,
    stop() {
      state.isStopped = true;
      listener.close();
      askers.closeAll();
    },
  };
}

async function accept(
  state: { readonly isStopped: boolean },
  askers: Askers,
  settings: Serving,
): Promise<void> {
  while (!state.isStopped) {
    try {
      const conn = await settings.listener.accept(), asker = await askers.admit(conn);
      serve(conn, asker, settings).finally(() => askers.remove(asker));
    } catch (error) {
      if (state.isStopped) return;
      log.clientEvent("accept failed", { error });
      await askers.makeRoom(); // Out of descriptors: that of the oldest does for the next.
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

interface Reply {
  readonly status: number;
  readonly body: string | Uint8Array;
  readonly contentType?: string;
  /** Further fields of the header. */
  readonly fields?: readonly string[];
}

async function serve(conn: HttpConnection, asker: Asker, settings: Serving): Promise<void> {
  const timeoutMs = settings.timeoutMs ?? 5000;
  // A read cannot be abandoned, so the deadline answers 408 itself and closes under it.
  let isLate = false;
  const timer = setTimeout(async () => {
    isLate = true;
    await send(conn, { status: 408, body: "header not complete in time\n" }, false);
    asker.close();
  }, timeoutMs);
  try {
    await conn.secure?.();
    const read = await readHeader(conn);
    if (isLate) return;
    clearTimeout(timer);
    if (read === null) return;
    asker.hasAsked = true;
    const header = read.text, entry = await entryOf(header, conn, settings);
    if (!("reply" in entry)) return await page(conn, read, { ...entry, bodies: settings.bodies });
    const isHead = header.startsWith("HEAD ");
    const reply = entry.reply ?? await answer(header, settings);
    const ceiling = setTimeout(() => asker.close(), timeoutMs);
    await send(conn, reply, isHead);
    await drain(conn);
    clearTimeout(ceiling);
  } catch (error) {
    if (!isLate && !asker.isClosed) log.clientEvent("HTTP request failed", { error });
  } finally {
    clearTimeout(timer);
    if (!isLate) asker.close();
  }
}

/** What answers: a page, for whom; or a reply that is there already; or (null) one of the routes here. */
type Entry =
  | { readonly reply: Reply | null }
  | { readonly pages: Pages; readonly login: LogIn | null };

async function entryOf(
  header: string,
  { peer }: HttpConnection,
  { guard, pages }: HttpSettings,
): Promise<Entry> {
  const fault = faultOf(header);
  if (fault !== null) return { reply: { status: 400, body: `${fault}\n` } };
  const path = pathOf(header), authorization = authorizationOf(header);
  const asker = { peer: peer?.host ?? "", authorization };
  const isPage = pages !== undefined && !OWN_PATHS.has(path);
  const name = isPage ? nameAskedBy(header) : null;
  const refusal = name === null ? null : await pages?.refusalOf?.(name) ?? null;
  if (refusal !== null) return { reply: refusal };
  const isIn = guard === undefined
    ? !isPage || pages.login === undefined
    : guard.open.includes(path) || await guard.admits(asker);
  if (isIn === "busy") return { reply: { status: 503, body: "too many log in: try again\n" } };
  if (isIn) return isPage ? { pages, login: null } : { reply: null };
  if (!isPage || pages.login === undefined) return { reply: unknown([guard!.challenge]) };
  const login = await pages.login.admit(asker);
  if (typeof login !== "string") return { pages, login };
  const { contentType, bodies } = pages.login, body = bodies[login];
  if (login === "busy") return { reply: { status: 503, body, contentType } };
  return { reply: { ...unknown(kindsOf(pages.login, guard)), body, contentType } };
}

function unknown(challenges: readonly string[]): Reply {
  const fields = challenges.map((one) => `WWW-Authenticate: ${one}`);
  return { status: 401, body: "say who you are\n", fields };
}

/** Each scheme once: a browser asks for one password. */
function kindsOf({ challenges }: PageLogin, guard: HttpGuard | undefined): string[] {
  const all = guard === undefined ? challenges : [guard.challenge, ...challenges];
  const kinds = new Map(all.map((one) => [one.split(" ", 1)[0], one]));
  return [...kinds.values()];
}

/** A request for none of the routes here. */
async function page(
  conn: HttpConnection,
  header: ReadHeader,
  { pages, login, bodies }: {
    readonly pages: Pages;
    readonly login: LogIn | null;
    readonly bodies: LargeBodies;
  },
): Promise<void> {
  using held = new DisposableStack();
  const hold = (size: number) => {
    const one = bodies.hold(size);
    held.use(one);
    return one !== null;
  };
  const gone = new AbortController(), isHead = header.text.startsWith("HEAD ");
  const isOld = header.text.split("\r\n", 1)[0].endsWith("1.0");
  try {
    const request = await requestOf(conn, header, { pages, signal: gone.signal, hold });
    if (!(request instanceof Request)) {
      await send(conn, request, isHead);
      return await atMost(drain(conn), DRAIN_MS);
    }
    const leaving = drain(conn).then(() => gone.abort());
    const response = await pages.answer(request, { peer: conn.peer?.host ?? "", login });
    await sendResponse(conn, response, { isHead, isOld, reasons: REASONS, partMs: pages.partMs });
    conn.endWrites();
    await atMost(leaving, DRAIN_MS);
  } catch (error) {
    const isTold = error instanceof ReaderGone || error instanceof AnswerCut;
    if (!isTold && !gone.signal.aborted) throw error;
  } finally {
    gone.abort();
  }
}

/** How long is read on for what a client still sends after its answer. */
const DRAIN_MS = 1000;

async function atMost(promise: Promise<void>, ms: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  await Promise.race([promise, new Promise((resolve) => timer = setTimeout(resolve, ms))]);
  clearTimeout(timer);
}

/** The header with its empty line, the beginning of one that is too large, or null when the client left. */
async function readHeader(conn: HttpConnection): Promise<ReadHeader | null> {
  let buffer = new Uint8Array(USUAL_HEADER_BYTES), size = 0;
  let isBegun = false;
  while (size < MAX_HEADER_BYTES) {
    if (size === buffer.length) {
      const longer = new Uint8Array(MAX_HEADER_BYTES);
      longer.set(buffer);
      buffer = longer;
    }
    const n = await conn.read(buffer.subarray(size));
    if (n === null) return null;
    // What was looked through before is not again: a client may send byte by byte.
    const end = endOf(buffer, Math.max(0, size - 3), size + n);
    size += n;
    if (end >= 0) return { text: latin(buffer.subarray(0, end)), rest: buffer.slice(end, size) };
    if (isBegun) continue;
    const first = latin(buffer.subarray(0, Math.min(size, MAX_METHOD + 1)));
    if (!BEGINNING.test(first)) return { text: first, rest: NOTHING }; // TLS or something else: refused without waiting for more.
    isBegun = size > MAX_METHOD;
  }
  return { text: "", rest: NOTHING };
}

const MAX_METHOD = 16, BEGINNING = /^[A-Z]{0,16}($| )/;
const NOTHING = new Uint8Array();

/** Where the empty line that ends a header ends, looked for from `from` up to `to`; -1 where it is not there. */
function endOf(bytes: Uint8Array, from: number, to: number): number {
  for (let at = from; at + 4 <= to; at++) {
    if (bytes[at] === CR && bytes[at + 1] === LF && bytes[at + 2] === CR && bytes[at + 3] === LF) {
      return at + 4;
    }
  }
  return -1;
}

const CR = 13, LF = 10;

/** A byte is a character, and anything outside ASCII fails the checks of a header. */
function latin(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

/** The routes here, whether or not they answer now. */
const OWN_PATHS = new Set(["/metrics", "/status", "/healthz", "/readyz"]);

function pathOf(header: string): string {
  return header.split(" ", 2)[1].split("?", 1)[0];
}

async function answer(header: string, settings: HttpSettings): Promise<Reply> {
  const [method] = header.split(" ", 1), path = pathOf(header);
  const isThere = path === "/metrics"
    ? settings.metrics !== null
    : path === "/status"
    ? settings.status !== undefined
    : path === "/healthz" || path === "/readyz";
  if (!isThere) {
    return { status: 404, body: "not found: try /metrics, /status, /healthz or /readyz\n" };
  }
  if (method !== "GET" && method !== "HEAD") return { status: 405, body: "only GET and HEAD\n" };
  if (path === "/healthz") return { status: 200, body: "ok\n" };
  if (path === "/readyz") {
    const reason = settings.notReady();
    if (reason !== null) return { status: 503, body: `${reason}\n` };
    const warnings = settings.warnings?.() ?? [];
    return { status: 200, body: ["ready", ...warnings, ""].join("\n") };
  }
  if (path === "/status") {
    return { status: 200, body: settings.status!(), contentType: "application/json" };
  }
  const { contentType, render } = settings.metrics!;
  return { status: 200, body: await render.call(settings.metrics), contentType };
}

/** The value of the one field Authorization; null where there is none, or several. */
function authorizationOf(header: string): string | null {
  const found = [...header.matchAll(/^authorization:(.*)\r$/gim)];
  return found.length === 1 ? found[0][1].trim() : null;
}

/**
 * What makes the header no request we answer, or null. A pattern here has no two parts that may take the same characters:
 * anybody may send 8 KiB of them, and each way to part them would be tried.
 */
function faultOf(header: string): string | null {
  if (!header.endsWith("\r\n\r\n")) return "not HTTP, or a header over 8 KiB";
  const [first, ...lines] = header.slice(0, -4).split("\r\n");
  if (!/^[A-Z]{1,16} [\x21-\x7e]+ HTTP\/1\.[01]$/.test(first)) return "malformed request line";
  const fields = lines.map((line) =>
    /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):([\x20-\x7e\x80-\xff\t]*)$/.exec(line)
  );
  if (fields.includes(null)) return "malformed header field";
  const values = (name: string) =>
    fields.filter((field) => field![1].toLowerCase() === name).map((field) => field![2].trim());
  const [hosts, lengths, encodings] = [
    values("host"),
    values("content-length"),
    values("transfer-encoding"),
  ];
  if (hosts.length > 1 || (hosts.length === 0 && first.endsWith("1.1"))) return "needs one Host";
  if (hosts.length === 1 && !/^([A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?$/.test(hosts[0])) {
    return "malformed Host";
  }
  if (lengths.length > 1 || (lengths.length === 1 && encodings.length > 0)) {
    return "ambiguous length";
  }
  return lengths.length === 1 && !/^\d{1,15}$/.test(lengths[0]) ? "malformed Content-Length" : null;
}

const REASONS: Record<number, string> = {
  200: "OK",
  304: "Not Modified",
  308: "Permanent Redirect",
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  408: "Request Timeout",
  409: "Conflict",
  411: "Length Required",
  413: "Content Too Large",
  421: "Misdirected Request",
  429: "Too Many Requests",
  500: "Internal Server Error",
  503: "Service Unavailable",
  504: "Gateway Timeout",
};

async function send(conn: HttpConnection, reply: Reply, isHead: boolean): Promise<void> {
  const body = typeof reply.body === "string" ? new TextEncoder().encode(reply.body) : reply.body;
  const head = [
    `HTTP/1.1 ${reply.status} ${REASONS[reply.status]}`,
    `Content-Type: ${reply.contentType ?? "text/plain; charset=utf-8"}`,
    `Content-Length: ${body.length}`,
    ...(reply.status === 405 ? ["Allow: GET, HEAD"] : []),
    ...reply.fields ?? [],
    `Date: ${new Date().toUTCString()}`,
    "Cache-Control: no-store",
    "Connection: close",
  ];
  try {
    await write(conn, new TextEncoder().encode(head.join("\r\n") + "\r\n\r\n"));
    if (!isHead) await write(conn, body);
    conn.endWrites();
  } catch { /* The client left, and there is nobody to tell. */ }
}

async function write(conn: HttpConnection, bytes: Uint8Array): Promise<void> {
  for (let sent = 0; sent < bytes.length;) sent += await conn.write(bytes.subarray(sent));
}

/** Reads what the client still sends: closing with bytes unread resets the connection, and takes the answer with it. */
async function drain(conn: HttpConnection): Promise<void> {
  const buffer = new Uint8Array(16 * 1024);
  let left = 1024 * 1024;
  try {
    while (left > 0) {
      const n = await conn.read(buffer);
      if (n === null) return;
      left -= n;
    }
  } catch { /* Closed by the deadline or reset by the client. */ }
}

/**
 * Pages: what HTTP answers besides its few routes of its own, by functions from Request to Response: bodies of requests,
 * within a bound and a deadline, and answers that are streams, which end when their reader goes or does not read.
 */
import type { HttpConnection } from "./http.ts";

export interface Pages {
  /** Of a request's body, by its path. */
  readonly maxBodyBytes: (path: string) => number;
  /** How long a body may take to come, and a reader for a part of an answer; 30 s and 10 s if not given. */
  readonly bodyMs?: number;
  readonly partMs?: number;
  /** Asks everybody who they are, instead of HTTP's guard; absent: the guard does. */
  readonly login?: PageLogin;
  /**
   * What is answered to whoever asks by a name (Host, without port) that is none of ours, before a look at who it is: a
   * page that such a name leads here tries no passwords. Null: it is ours.
   */
  refusalOf?(name: string): Promise<PageRefusal | null>;
  /** Never rejects. Its signal is aborted when nobody takes the answer any more. */
  answer(request: Request, asker: PageAsker): Promise<Response>;
}

export interface PageRefusal {
  readonly status: number;
  readonly body: string;
  readonly contentType: string;
}

export interface PageAsker {
  /** Peer address without port. */
  readonly peer: string;
  /** Who it is; null: nobody was asked for a user of the broker. */
  readonly login: LogIn | null;
}

/** Somebody who was let in. */
export interface LogIn {
  /** "User:alice" */
  readonly principal: string;
  /** Whether that is over: the user is gone, or the token's time is up. */
  readonly isRevoked: () => boolean;
}

export interface PageLogin {
  /** For WWW-Authenticate, one each. */
  readonly challenges: readonly string[];
  /** The body of what is answered to whoever is not let in, of `contentType`. */
  readonly contentType: string;
  readonly bodies: { readonly wrong: string; readonly busy: string };
  /** By the header Authorization, before anything of a body is read. "busy": to be tried again. Never rejects. */
  admit(
    asker: { readonly peer: string; readonly authorization: string | null },
  ): Promise<LogIn | "wrong" | "busy">;
}

/** The header as it came, checked, and what was read behind it. */
export interface ReadHeader {
  readonly text: string;
  readonly rest: Uint8Array;
}

const BODY_MS = 30_000, PART_MS = 10_000;

/** Bodies that are larger are held so many bytes together, until they are answered; smaller ones are bounded by connections. */
const LARGE_BYTES = 64 * 1024, MAX_LARGE_BYTES = 16 * 1024 * 1024;

/** What large bodies take of memory, of all connections. */
export class LargeBodies {
  #bytes = 0;

  /** Null where it would be too much; else what gives it back. */
  hold(size: number): Disposable | null {
    const held = size > LARGE_BYTES ? size : 0;
    if (held > 0 && this.#bytes + held > MAX_LARGE_BYTES) return null;
    this.#bytes += held;
    return { [Symbol.dispose]: () => void (this.#bytes -= held) };
  }
}

/** A request with its body; or the status and the reason it is refused for. */
export async function requestOf(
  conn: HttpConnection,
  { text, rest }: ReadHeader,
  { pages, signal, hold }: {
    readonly pages: Pages;
    readonly signal: AbortSignal;
    /** Whether so large a body may be held now. */
    readonly hold: (size: number) => boolean;
  },
): Promise<Request | { readonly status: number; readonly body: string }> {
  const [first, ...lines] = text.trimEnd().split("\r\n"), [method, target] = first.split(" ");
  if (!target.startsWith("/")) return { status: 404, body: "not found\n" };
  const headers = new Headers();
  for (const line of lines) {
    const at = line.indexOf(":");
    headers.append(line.slice(0, at), line.slice(at + 1).trim());
  }
  if (headers.has("transfer-encoding")) {
    return { status: 411, body: "a body needs Content-Length\n" };
  }
  if (!METHODS.has(method)) return { status: 405, body: "only GET, HEAD and POST\n" };
  const host = headers.get("host") || UNNAMED,
    size = Number(headers.get("content-length") ?? 0);
  let url: URL;
  try {
    url = new URL(`http://${host}${target}`);
  } catch {
    return { status: 400, body: "malformed target\n" };
  }
  if (method !== "POST") {
    // A body is of no meaning here; drained with the rest.
    return new Request(url, { method, headers, signal });
  }
  const most = pages.maxBodyBytes(url.pathname);
  if (size > most) return { status: 413, body: `a body of ${size} bytes: ${most} are taken\n` };
  if (!hold(size)) return { status: 503, body: "too many large bodies at a time: try again\n" };
  const body = await bodyOf(conn, rest, { size, maxMs: pages.bodyMs ?? BODY_MS });
  if (body === null) return { status: 408, body: "body not complete in time\n" };
  return new Request(url, { method, headers, body, signal });
}

/** Who asks by no name: HTTP/1.0, or nothing behind Host. */
const UNNAMED = "localhost";

/** The name in a header's one Host, without port, as a URL has it; null where it is none. */
export function nameAskedBy(header: string): string | null {
  const host = /^host:[ \t]*(\S*)[ \t]*\r$/im.exec(header)?.[1] || UNNAMED;
  try {
    return new URL(`http://${host}/`).hostname;
  } catch {
    return null;
  }
}

const METHODS = new Set(["GET", "HEAD", "POST"]);

/** Null where it did not come. */
async function bodyOf(
  conn: HttpConnection,
  rest: Uint8Array,
  { size, maxMs }: { readonly size: number; readonly maxMs: number },
): Promise<Uint8Array<ArrayBuffer> | null> {
  const body = new Uint8Array(size);
  let at = Math.min(size, rest.length);
  body.set(rest.subarray(0, at));
  const deadlineMs = performance.now() + maxMs;
  while (at < size) {
    const reading = conn.read(body.subarray(at));
    const n = await within(reading, deadlineMs - performance.now());
    if (n === null) return null;
    at += n;
  }
  return body;
}

/** Whoever makes the answer cannot go on, and has told its log of it as far as that is worth it. */
export class AnswerCut extends Error {
  override readonly name = "AnswerCut";
}

/** The client left, or takes nothing: there is nobody to tell. */
export class ReaderGone extends Error {
  override readonly name = "ReaderGone";
}

/**
 * Writes the answer's header and body. A reader that takes no part of it for `partMs` is left. Throws ReaderGone, and what
 * the body's maker fails with.
 */
export async function sendResponse(
  conn: HttpConnection,
  response: Response,
  { isHead, isOld, reasons, partMs = PART_MS }: {
    readonly partMs?: number;
    readonly isHead: boolean;
    /** HTTP/1.0, which knows no chunks. */
    readonly isOld: boolean;
    readonly reasons: Readonly<Record<number, string>>;
  },
): Promise<void> {
  const { body, headers, status } = response;
  const isChunked = body !== null && !headers.has("content-length") && !isOld;
  const head = [`HTTP/1.1 ${status} ${reasons[status] ?? "Answer"}`];
  for (const [name, value] of headers) head.push(`${name}: ${value}`);
  if (body === null && !isHead && !headers.has("content-length")) head.push("content-length: 0");
  if (isChunked) head.push("transfer-encoding: chunked");
  head.push(`date: ${new Date().toUTCString()}`, "connection: close");
  const reader = body?.getReader();
  const writeWhole = async (bytes: Uint8Array) => {
    for (let sent = 0; sent < bytes.length;) {
      const writing = conn.write(bytes.subarray(sent)).catch(() => null);
      const n = await within(writing, partMs);
      if (n === null) throw new ReaderGone("the reader takes nothing");
      sent += n;
    }
  };
  try {
    await writeWhole(LATIN.encode(head.join("\r\n") + "\r\n\r\n"));
    if (reader === undefined || isHead) return;
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      const { value } = part;
      if (value.length === 0) continue;
      if (isChunked) await writeWhole(LATIN.encode(`${value.length.toString(16)}\r\n`));
      await writeWhole(value);
      if (isChunked) await writeWhole(CRLF);
    }
    if (isChunked) await writeWhole(LAST_CHUNK);
  } finally {
    await reader?.cancel().catch(() => {}); // whoever makes the stream is told that nobody reads it
  }
}

const LATIN = new TextEncoder(),
  CRLF = LATIN.encode("\r\n"),
  LAST_CHUNK = LATIN.encode("0\r\n\r\n");

/** Null after so long. What becomes of the promise then is nobody's. */
async function within<T>(promise: Promise<T>, ms: number): Promise<T | null> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  promise.catch(() => {});
  const late = new Promise<null>((resolve) => timer = setTimeout(() => resolve(null), ms));
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

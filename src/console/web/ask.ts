/** Ask: requests to the broker's API, and what it refuses them with. */
import { API_PATH, type ApiError, CHANGE_HEADER, CHANGE_VALUE, type ErrorWord } from "../api.ts";
import { jsonLines } from "./live/json_lines.ts";
import { basePathOf } from "./routes.ts";

export type Query = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** What the broker refused, or that it could not be asked. */
export class Refused extends Error {
  override readonly name = "Refused";
  readonly code: ErrorWord | "unreachable";
  /** The parameter or member that is at fault; null where none is. */
  readonly field: string | null;

  constructor(code: Refused["code"], message: string, field: string | null = null) {
    super(message);
    this.code = code;
    this.field = field;
  }
}

const TIMEOUT_MS = 30_000;
/** Of a stream: what one answer of records may be, and then some. */
const MAX_LINE_LENGTH = 16 * 1024 * 1024;

/** Where the API has it, for a link or a request. What is null or undefined is left out. */
export function apiAddress(path: string, query: Query = {}): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined) parameters.set(name, String(value));
  }
  const search = parameters.toString();
  return `${basePathOf(document.baseURI)}${API_PATH}/${path}${search === "" ? "" : `?${search}`}`;
}

export async function ask<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
  const answer = await asked(apiAddress(path, query), {}, withTimeout(signal));
  return await answer.json();
}

/** Asks for a change. */
export async function change<T>(path: string, body: unknown, query: Query = {}): Promise<T> {
  const answer = await asked(apiAddress(path, query), {
    method: "POST",
    body: JSON.stringify(body),
    headers: { "content-type": "application/json", [CHANGE_HEADER]: CHANGE_VALUE },
  }, withTimeout());
  return await answer.json();
}

/** Lines of a stream, until it ends or the signal says so. */
export async function* askStream<T>(
  path: string,
  query: Query,
  signal: AbortSignal,
): AsyncGenerator<T, void> {
  const { body } = await asked(apiAddress(path, query), {}, signal);
  if (body !== null) yield* jsonLines<T>(chunksOf(body), MAX_LINE_LENGTH);
}

/** Not every browser can iterate over a stream yet. */
async function* chunksOf(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

function withTimeout(signal?: AbortSignal): AbortSignal {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  return signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
}

async function asked(address: string, init: RequestInit, signal: AbortSignal): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(address, { ...init, signal, cache: "no-store", redirect: "error" });
  } catch (error) {
    if (signal.aborted && signal.reason?.name !== "TimeoutError") throw error;
    const why = signal.aborted ? `no answer within ${TIMEOUT_MS / 1000} s` : "it cannot be reached";
    throw new Refused("unreachable", `The broker was asked, but ${why}.`);
  }
  if (answer.ok) return answer;
  throw await refusalOf(answer);
}

/** A proxy in between may answer with anything. */
async function refusalOf(answer: Response): Promise<Refused> {
  try {
    const { error } = await answer.json() as ApiError;
    return new Refused(error.code, error.message, error.field);
  } catch {
    return new Refused("broker_failed", `The answer was ${answer.status} ${answer.statusText}.`);
  }
}

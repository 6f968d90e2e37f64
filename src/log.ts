/**
 * Logs: one line an event on standard error, as text or JSON, through LogTape.
 *
 * The message is fixed prose and what varies is in the fields, so that lines can be searched and nothing a client sends
 * can forge one: fields are quoted, cut at 200 characters, and masked when their name says they are secret.
 *
 * No message floods the log: of each kind so many lines a second are written, the rest is counted, and the count is told
 * in the next line of that kind, or by itself when there is none for a second. What a client can cause has the smallest
 * share; everything else ten times that, since there is always a way from a client to a line that nobody thought of.
 */
import { setTimeout } from "node:timers";
import { configureSync, getLogger, type LogLevel, type LogRecord } from "@logtape/logtape";
import { adviceOf } from "./log/events.ts";
import { type RecentEvent, RecentEvents } from "./log/recent.ts";

export type LogFields = Readonly<Record<string, unknown>>;

/** What a room logs with; made once, as a constant: `const log = logger("server")`. */
export interface Log {
  /** Whether debug() writes anything; ask before building costly fields. */
  readonly debugging: boolean;
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /**
   * What a client can cause, a warning unless told otherwise: at most `maxClientEvents` lines a second of this message;
   * the number left out is the field `suppressed` of the next line.
   */
  clientEvent(message: string, fields?: LogFields, level?: "info" | "warn" | "error"): void;
}

export interface LogSettings {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly format: "text" | "json";
  readonly maxClientEvents: number;
}

/** By what seconds are counted. */
export interface LogTime {
  nowMs(): number;
  /** Keeps no process alive. */
  after(ms: number, work: () => void): void;
}

/** Sets level and form for the whole process; until then nothing is logged. `write` takes a finished line. */
export function configureLog(
  settings: LogSettings,
  write: (line: string) => void = (line) => console.error(line),
  given: LogTime = SYSTEM_TIME,
): void {
  maxClientEvents = settings.maxClientEvents;
  writeLine = write;
  time = given;
  const level: LogLevel = settings.level === "warn" ? "warning" : settings.level;
  const format = settings.format === "json" ? jsonLine : textLine;
  configureSync({
    reset: true,
    sinks: { lines: (record) => write(format(advised(record))) },
    loggers: [
      { category: [ROOT], lowestLevel: level, sinks: ["lines"] },
      // LogTape's own news, which otherwise prints a notice at start.
      { category: ["logtape", "meta"], lowestLevel: "error", sinks: ["lines"] },
    ],
  });
}

/** Writes a finished line where lines of the log go, whatever their level and however many: those of the audit. */
export function logLine(line: string): void {
  writeLine(line);
}

/** Warnings and errors of about the last hour, whether or not lines of their level are written; the latest first. */
export function recentEvents(): readonly RecentEvent[] {
  return recent.lately();
}

export function logger(room: string): Log {
  const to = getLogger([ROOT, room]);
  const windows = new Map<string, Window>();
  const write = (level: Level, limit: number, message: string, fields: LogFields) => {
    if (level !== "info") {
      recent.note({ room, level, event: message, fields: () => shown(fields) });
    }
    if (!to.isEnabledFor(level === "warn" ? "warning" : level)) return;
    const known = windows.get(message);
    const window = known ?? { startMs: -Infinity, written: 0, suppressed: 0, isTold: false };
    if (known === undefined) windows.set(message, window);
    const suppressed = admit(window, limit, time.nowMs());
    if (suppressed !== null) {
      to[level](message, suppressed > 0 ? { ...fields, suppressed } : fields);
    } else if (window.suppressed === 1) tellLater(window, (count) => to[level](message, count));
  };
  return {
    get debugging() {
      return to.isEnabledFor("debug");
    },
    debug: (message, fields = {}) => to.debug(message, fields),
    info: (message, fields = {}) => write("info", OTHERS * maxClientEvents, message, fields),
    warn: (message, fields = {}) => write("warn", OTHERS * maxClientEvents, message, fields),
    error: (message, fields = {}) => write("error", OTHERS * maxClientEvents, message, fields),
    clientEvent: (message, fields = {}, level = "warn") =>
      write(level, maxClientEvents, message, fields),
  };
}

type Level = "info" | "warn" | "error";

const ROOT = "runnel";
const MAX_FIELD_LENGTH = 200;
const SECRET = /password|secret|credential|private_?key|salt/i;

const SYSTEM_TIME: LogTime = {
  nowMs: () => performance.now(),
  after: (ms, work) => void setTimeout(work, ms).unref(),
};

const recent = new RecentEvents();
let maxClientEvents = 10;
let writeLine: (line: string) => void = () => {};
let time = SYSTEM_TIME;
/** How many times as many lines a message has that no client causes, as far as anybody knows. */
const OTHERS = 10;
const WINDOW_MS = 1000;

/** The lines of one message within the current second. */
interface Window {
  startMs: number;
  written: number;
  /** Since the last line. */
  suppressed: number;
  /** The number will be told, if no line does it before. */
  isTold: boolean;
}

/** How many lines were suppressed since the last one written, or null when this one is suppressed too. */
function admit(window: Window, limit: number, nowMs: number): number | null {
  if (nowMs - window.startMs >= WINDOW_MS) {
    window.startMs = nowMs;
    window.written = 0;
  }
  if (window.written >= limit) {
    window.suppressed++;
    return null;
  }
  window.written++;
  const suppressed = window.suppressed;
  window.suppressed = 0;
  return suppressed;
}

/** Tells how many lines were suppressed, when no further one has. */
function tellLater(window: Window, tell: (count: { suppressed: number }) => void): void {
  window.isTold = true;
  time.after(2 * WINDOW_MS, () => {
    if (window.suppressed > 0 && time.nowMs() - window.startMs < WINDOW_MS) {
      return tellLater(window, tell); // lines are being written, and one of them may tell
    }
    const { suppressed } = window;
    window.isTold = false;
    window.suppressed = 0;
    if (suppressed > 0) tell({ suppressed });
  });
}

function textLine(record: LogRecord): string {
  const fields = Object.entries(shown(record.properties)).map(([name, value]) =>
    `${name}=${textValue(value)}`
  );
  const level = (record.level === "warning" ? "WARN" : record.level.toUpperCase()).padEnd(5);
  const head = `${timeOf(record)} ${level} ${record.category.slice(1).join(".")}: ${
    messageOf(record)
  }`;
  return fields.length === 0 ? head : `${head} ${fields.join(" ")}`;
}

function jsonLine(record: LogRecord): string {
  return quoted({
    time: timeOf(record),
    level: record.level === "warning" ? "warn" : record.level,
    room: record.category.slice(1).join("."),
    message: messageOf(record),
    ...shown(record.properties),
  });
}

function timeOf(record: LogRecord): string {
  return new Date(record.timestamp).toISOString();
}

/** The message as written: LogTape would fill in `{placeholders}`, which ours do not use. */
function messageOf(record: LogRecord): string {
  return typeof record.rawMessage === "string" ? record.rawMessage : record.rawMessage.join("");
}

/** Words stand as they are; anything that could be taken for another field or line is quoted. */
function textValue(value: unknown): string {
  if (typeof value === "string") return /^[\w.:\/@+-]+$/.test(value) ? value : quoted(value);
  return quoted(value) ?? "null";
}

/**
 * As JSON, and what JSON leaves as it is escaped too where a terminal obeys it, or a reader sees another line or another
 * order of letters: controls beyond ASCII, format characters, separators of lines and paragraphs.
 */
function quoted(value: unknown): string {
  return JSON.stringify(value)?.replace(OBEYED, (character) => {
    const units = Array.from({ length: character.length }, (_, i) => character.charCodeAt(i));
    return units.map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`).join("");
  });
}

const OBEYED = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

function shown(fields: Record<string, unknown>): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    out[name] = SECRET.test(name) ? "***" : plain(value);
  }
  return out;
}

function plain(value: unknown): unknown {
  if (typeof value === "string") return cut(value);
  if (typeof value === "bigint") return String(value);
  if (value instanceof Error) return cut(`${value.name}: ${value.message}`);
  if (value === null || typeof value !== "object") return value;
  return cut(
    JSON.stringify(value, (_, inner) => typeof inner === "bigint" ? String(inner) : inner) ?? "",
  );
}

function cut(text: string): string {
  return text.length <= MAX_FIELD_LENGTH ? text : `${text.slice(0, MAX_FIELD_LENGTH)}…`;
}

/** With what to do about it, where the event is known. */
function advised(record: LogRecord): LogRecord {
  const advice = adviceOf(messageOf(record));
  return advice === null ? record : { ...record, properties: { ...record.properties, advice } };
}

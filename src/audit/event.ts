/**
 * Events: what lines of the audit say. Each has `v`, the version of this list: a field may be added without another
 * version; one that goes or means something else comes with the next.
 */
import { bounded, visibleJson } from "./text.ts";

export const EVENT_VERSION = 1;

export type EventKind = "authentication" | "denial" | "change" | "suppressed" | "audit";

/** Who asked, and from where. */
export interface Who {
  /** "User:alice"; null where nobody was proved. */
  readonly principal: string | null;
  /** Without port. */
  readonly address: string;
  readonly port: number | null;
  readonly listener: string;
  readonly clientId: string | null;
}

/** A right that was asked on the way, and which rule decided. */
export interface Right {
  readonly operation: string;
  readonly type: string;
  readonly name: string;
  readonly allowed: boolean;
  readonly by: string;
}

/** One thing that a request was about. */
export interface Subject {
  readonly type: string;
  readonly name: string;
  /** What it was to become; names as in FIELDS. */
  readonly change?: Readonly<Record<string, unknown>>;
}

/** The same with how it went: Kafka's code; null: nobody knows. */
export interface Outcome extends Subject {
  readonly errorCode: number | null;
}

/** A line without what its place in the file adds: `"time":…,"kind":…`. */
export type Body = string;

/** The fields of one line, in this order; what is undefined is left out. Strings are bounded. */
export function body(timeMs: number, kind: EventKind, fields: Record<string, unknown>): Body {
  const all = { time: new Date(timeMs).toISOString(), kind, ...shortened(fields) as object };
  return visibleJson(all).slice(1, -1);
}

/** Who asked, as fields. */
export function whoFields({ principal, address, port, listener, clientId }: Who) {
  return { principal, address, port: port ?? undefined, listener, client_id: clientId };
}

function shortened(value: unknown): unknown {
  if (typeof value === "string") return bounded(value);
  if (typeof value === "bigint") return String(value);
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(shortened);
  return Object.fromEntries(
    Object.entries(value).filter(([, inner]) => inner !== undefined)
      .map(([name, inner]) => [bounded(name), shortened(inner)]),
  );
}

const EVERY: readonly EventKind[] = ["authentication", "denial", "change", "suppressed", "audit"];
const ASKED: readonly EventKind[] = ["denial", "change"];
const OF_SOMEBODY: readonly EventKind[] = ["authentication", "denial", "change", "suppressed"];

/** Every field there is: its name, in which kinds of lines it may stand, and what it means. docs/audit.md is made from it. */
export const FIELDS: readonly (readonly [
  name: string,
  kinds: readonly EventKind[],
  meaning: string,
])[] = [
  ["v", EVERY, "The version of these fields, 1."],
  ["seq", EVERY, "The line's number, one more than that of the line before, over all files."],
  ["time", EVERY, "When, UTC, with milliseconds."],
  ["kind", EVERY, "`authentication`, `denial`, `change`, `suppressed` or `audit`."],
  ["principal", OF_SOMEBODY, "Who, as ACLs name them; null where nobody was proved."],
  ["claimed", ["authentication"], "Who somebody said they were that failed to prove it."],
  ["address", OF_SOMEBODY, "From where, without the port; null in a count of many."],
  ["port", ["denial", "change"], "The port there."],
  ["listener", ["authentication", ...ASKED], "By which listener they came."],
  ["client_id", ["authentication", ...ASKED], "What the client calls itself."],
  [
    "mechanism",
    ["authentication"],
    "`PLAIN`, `SCRAM-SHA-256`, `SCRAM-SHA-512`, `OAUTHBEARER`, or `TLS` for a certificate.",
  ],
  [
    "result",
    ["authentication"],
    "`done`; `failed`; not looked at because too many were (`busy`) or this address fails too often (`paced`).",
  ],
  ["again", ["authentication"], "true where a session was proved again (KIP-368)."],
  ["reason", ["authentication"], "Why a TLS handshake failed."],
  ["api", ASKED, "The request: Kafka's name of it."],
  ["api_version", ASKED, "Its version."],
  ["action", ["change"], "What was asked for, in the table below."],
  ["part", ["change"], "Where one change takes several lines: which of them this is, from 1."],
  ["parts", ["change"], "How many lines it takes."],
  ["resources", ["change"], "What was changed, each with:"],
  [
    "resources[].type",
    ["change"],
    "`topic`, `partition`, `group`, `member`, `acl`, `acl_filter`, `user`, `quota`, …",
  ],
  ["resources[].name", ["change"], "Its name."],
  ["resources[].change", ["change"], "What it was to become, where there is something to say."],
  ["resources[].error", ["change"], "Kafka's name of how it went: `NONE`; null: nobody knows."],
  ["decision", ["change"], "`allowed`, `denied` or `partly`, over all resources."],
  ["outcome", ["change"], "`done`, `failed`, `partly`, or `unknown` where no answer was made."],
  ["errors", ["denial"], "Kafka's names of the errors that were answered."],
  ["rights", ASKED, "The rights that were asked (of a denial: those refused), each once, with:"],
  ["rights[].operation", ASKED, "`READ`, `ALTER`, …"],
  ["rights[].type", ASKED, "`TOPIC`, `GROUP`, `CLUSTER`, …"],
  ["rights[].name", ASKED, "Of which resource."],
  ["rights[].allowed", ASKED, "Whether it was allowed."],
  [
    "rights[].by",
    ASKED,
    "The rule that decided: the ACL, `super user`, `no acl allows it`, `no acl of the resource`, `no authorizer`.",
  ],
  ["rights_more", ASKED, "How many more there are than are told."],
  ["of", ["suppressed"], "The kind of the lines that were not written."],
  ["count", ["suppressed"], "How many."],
  ["since", ["suppressed"], "When the first of them was."],
  [
    "event",
    ["audit"],
    "`started`; `stopped`; `resumed`: the file could not be written for a while; `users_file_taken`: `auth.users_file` has changed and was read.",
  ],
  ["version", ["audit"], "Of Runnel."],
  ["torn", ["audit"], "true: the line before was cut off by a crash."],
  ["missing_from", ["audit"], "The first of the lines that are gone from the end of the file."],
  ["missing_to", ["audit"], "The last of them."],
  ["lost_changes", ["audit"], "Lines of changes that were not written, and never will be."],
  ["prev", EVERY, "With `audit.hash_chain`: the hash of the line before, in hexadecimal."],
];

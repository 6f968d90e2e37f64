/** Warnings: what is wrong with the broker, and what went wrong or was refused within the last hour, in one list. */
import type { Page, Sample, Warning } from "./api.ts";
import type { Sampler } from "./sampler.ts";
import { pageOf, pageQuery } from "./page.ts";
import { adviceOf } from "./advice.ts";
import type { Call, House, Route, StatusFacts } from "./route.ts";

export const warningRoutes: readonly Route[] = [{
  method: "GET",
  path: "warnings",
  summary: "What is wrong, and what went wrong or was refused within the last hour",
  query: pageQuery(["lastMs", "what", "count", "kind"]),
  answers: "Page<Warning>",
  isOfBroker: true,
  handle: listWarnings,
}];

function listWarnings(call: Call): Page<Warning> {
  const query = { sort: "lastMs", order: "desc", ...call.query };
  return pageOf(warningsOf(call.house), { query }, {
    nameOf: ({ what, message }) => `${what} ${message}`,
    sort: "lastMs",
  });
}

/** What was made last, of which look: all streams are told the same in one turn. */
const made = new WeakMap<Sampler, {
  readonly status: StatusFacts;
  readonly now: Sample | null;
  readonly warnings: readonly Warning[];
}>();

/** What is wrong now first; then the latest first. */
export function warningsOf(
  { sampler, nowMs, status: look }: Pick<House, "status" | "sampler" | "nowMs">,
): readonly Warning[] {
  const status = look(), { now } = sampler, known = made.get(sampler);
  if (known?.status === status && known.now === now) return known.warnings;
  const advice = adviceOf(status, sampler.disk(status.storage), nowMs());
  const warnings = listOf(status, advice);
  made.set(sampler, { status, now, warnings });
  return warnings;
}

function listOf(status: StatusFacts, advice: readonly Warning[]): Warning[] {
  const now = { count: 1, firstMs: null, lastMs: null, fields: {} };
  const standing: Warning[] = [
    ...(status.notReady === null ? [] : [status.notReady]).map((message): Warning => ({
      kind: "readiness",
      level: "error",
      what: "not_ready",
      message,
      ...now,
    })),
    ...status.warnings.map((message): Warning => ({
      kind: "readiness",
      level: "warning",
      what: "ready_with_problems",
      message,
      ...now,
    })),
    ...status.offline.map(({ topic, partition, reason }): Warning => ({
      kind: "offline",
      level: "error",
      what: "partition_offline",
      message: `${topic}-${partition}: ${reason}`,
      ...now,
    })),
  ];
  const events = status.events.map((one): Warning => ({
    kind: "event",
    level: one.level === "error" ? "error" : "warning",
    what: one.event,
    message: `${one.room}: ${one.event}`,
    count: one.count,
    firstMs: one.firstMs,
    lastMs: one.lastMs,
    fields: textsOf(one.fields),
  }));
  const refused = status.refused.map(({ kind, count, firstMs, lastMs, ...rest }): Warning => ({
    kind: "refused",
    level: "warning",
    what: kind,
    message: [rest.what, rest.reason].filter((one) => typeof one === "string").join(": ") || kind,
    count,
    firstMs,
    lastMs,
    fields: textsOf(rest),
  }));
  const past = [...events, ...refused].sort((a, b) => b.lastMs! - a.lastMs!);
  return [...standing, ...advice, ...past];
}

function textsOf(fields: { readonly [name: string]: unknown }): Record<string, string> {
  const known = Object.entries(fields).filter(([, value]) => value !== null && value !== undefined);
  return Object.fromEntries(
    known.map(([name, value]) => [
      name,
      typeof value === "object" ? JSON.stringify(value) : String(value),
    ]),
  );
}

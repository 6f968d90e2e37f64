/** Records query: what is looked for in a topic, as the address, the form and the API have it. */
import type { RecordsQuery } from "../../api.ts";
import { msOfLocal } from "../format/times.ts";

/** What the form has. */
export interface Draft {
  readonly from: "end" | "start" | "offset" | "time" | "next";
  readonly offset: string;
  /** As <input type="datetime-local"> has it. */
  readonly time: string;
  readonly partitions: string;
  readonly text: string;
  readonly key: string;
  readonly value: string;
  readonly header: string;
  readonly regex: string;
  readonly jsonpath: string;
  readonly isUncommitted: boolean;
}

const TEXTS = ["partitions", "text", "key", "value", "header", "regex", "jsonpath"] as const;

/** Of the address. */
export function queryOf(parameters: URLSearchParams): RecordsQuery {
  const query: Record<string, string> = {};
  for (const name of ["at", "isolation", ...TEXTS]) {
    const given = parameters.get(name);
    if (given !== null && given !== "") query[name] = given;
  }
  return query;
}

/** A place in the middle that the broker named stays, as long as nobody chooses another one. */
export function draftOf(query: RecordsQuery): Draft {
  const at = query.at ?? "end";
  const [, kind, number] = /^(offset|time):(-?\d+)$/.exec(at) ?? [];
  const from = kind ?? (at === "end" || at === "start" ? at : "next");
  return {
    from: from as Draft["from"],
    offset: kind === "offset" ? number : "",
    time: kind === "time" ? localInput(Number(number)) : "",
    partitions: query.partitions ?? "",
    text: query.text ?? "",
    key: query.key ?? "",
    value: query.value ?? "",
    header: query.header ?? "",
    regex: query.regex ?? "",
    jsonpath: query.jsonpath ?? "",
    isUncommitted: query.isolation === "uncommitted",
  };
}

/** For the address; a text says what is missing. */
export function parametersOf(draft: Draft, next: string | null): Record<string, string> | string {
  const at = placeOf(draft, next);
  if (at === null) {
    return draft.from === "time" ? "Which time?" : "Which offset? It is a whole number from 0.";
  }
  const parameters: Record<string, string> = { at: at === "end" ? "" : at };
  for (const name of TEXTS) parameters[name] = draft[name];
  parameters.isolation = draft.isUncommitted ? "uncommitted" : "";
  return parameters;
}

function placeOf({ from, offset, time }: Draft, next: string | null): string | null {
  if (from === "offset") return /^\d{1,16}$/.test(offset.trim()) ? `offset:${offset.trim()}` : null;
  if (from === "next") return next ?? "end";
  if (from !== "time") return from;
  const ms = msOfLocal(time);
  return ms === null ? null : `time:${ms}`;
}

/** "2026-11-30T12:25:14", in the user's zone. */
function localInput(ms: number): string {
  const date = new Date(ms - new Date(ms).getTimezoneOffset() * 60_000);
  return Number.isNaN(date.getTime()) ? "" : date.toISOString().slice(0, 19);
}

/** Lines of what was asked: the bodies of changes, which may take several, and of denials. */
import { errorName } from "../protocol/errors.ts";
import { isDenial } from "./answer_errors.ts";
import type { AuditedAccess } from "./audited_access.ts";
import { type Body, body, type Outcome, type Who, whoFields } from "./event.ts";
import { MAX_CHARACTERS } from "./text.ts";

/** Who asked for what. */
export interface AskedOf extends Who {
  readonly api: string;
  readonly apiVersion: number;
}

/** Resources are parted into lines of about so many characters. */
const LINE_CHARACTERS = 16_384;

/** The lines of a change, in order, each made when it is asked for: every resource is in one of them. */
export function* changeLines(
  timeMs: number,
  asked: AskedOf,
  { action, outcomes, parts = [...partsOf(outcomes)], access }: {
    readonly action: string;
    readonly outcomes: readonly Outcome[];
    /** Of the outcomes, where they are made already. */
    readonly parts?: readonly (readonly Outcome[])[];
    /** Null: there is no authorizer. */
    readonly access: AuditedAccess | null;
  },
): Generator<Body> {
  const rights = rightsOf(access);
  const decision = decisionOf(outcomes), outcome = outcomeOf(outcomes);
  for (const [i, some] of parts.entries()) {
    yield body(timeMs, "change", {
      ...askedFields(asked),
      action,
      ...(parts.length > 1 && { part: i + 1, parts: parts.length }),
      resources: some.map(({ errorCode, ...subject }) => ({
        ...subject,
        error: errorCode === null ? null : errorName(errorCode),
      })),
      decision,
      outcome,
      ...(i === 0 && rights),
    });
  }
}

/** One that was asked for and not allowed. */
export function denialLine(
  timeMs: number,
  asked: AskedOf,
  { errors, access }: {
    readonly errors: Iterable<number>;
    readonly access: AuditedAccess | null;
  },
): Body {
  return body(timeMs, "denial", {
    ...askedFields(asked),
    errors: [...errors].map(errorName),
    ...rightsOf(access, true),
  });
}

function askedFields({ api, apiVersion, ...who }: AskedOf) {
  return { ...whoFields(who), api, api_version: apiVersion };
}

function rightsOf(access: AuditedAccess | null, refusedOnly = false) {
  if (access === null) return { rights: [NO_AUTHORIZER] };
  const { rights, more } = access.rights({ refusedOnly });
  return { rights, ...(more > 0 && { rights_more: more }) };
}

const NO_AUTHORIZER = {
  operation: "ANY",
  type: "ANY",
  name: "*",
  allowed: true,
  by: "no authorizer",
};

function decisionOf(outcomes: readonly Outcome[]): string {
  const denied = outcomes.filter(({ errorCode }) => isDenial(errorCode)).length;
  return denied === 0 ? "allowed" : denied === outcomes.length ? "denied" : "partly";
}

function outcomeOf(outcomes: readonly Outcome[]): string {
  if (outcomes.some(({ errorCode }) => errorCode === null)) return "unknown";
  const done = outcomes.filter(({ errorCode }) => errorCode === 0).length;
  return done === outcomes.length ? "done" : done === 0 ? "failed" : "partly";
}

/** What stands in one line each. */
export function* partsOf(outcomes: Iterable<Outcome>): Generator<Outcome[]> {
  let part: Outcome[] = [], characters = 0;
  for (const whole of outcomes) {
    for (const outcome of inPieces(whole)) {
      const size = charactersOf(outcome);
      if (part.length > 0 && characters + size > LINE_CHARACTERS) {
        yield part;
        part = [];
        characters = 0;
      }
      part.push(outcome);
      characters += size;
    }
  }
  if (part.length > 0) yield part;
}

/** One that alone is more than a line, by what its change lists: each piece names it again, and has some of the list. */
function inPieces(outcome: Outcome): Outcome[] {
  const { change } = outcome;
  if (change === undefined || charactersOf(change) <= LINE_CHARACTERS) return [outcome];
  const { lists = [], rest = [] } = Object.groupBy(
    Object.entries(change),
    ([, value]) => Array.isArray(value) ? "lists" : "rest",
  );
  const pieces = lists.flatMap(([name, list]) =>
    slicesOf(list as unknown[]).map((some) => ({ [name]: some }))
  );
  if (pieces.length === 0) return [outcome];
  const others = Object.fromEntries(rest);
  return pieces.map((piece, i) => ({
    ...outcome,
    change: i === 0 ? { ...others, ...piece } : piece,
  }));
}

function slicesOf(list: readonly unknown[]): unknown[][] {
  const slices: unknown[][] = [];
  let characters = Infinity;
  for (const one of list) {
    const size = charactersOf(one);
    if (characters + size > LINE_CHARACTERS / 2) {
      slices.push([]);
      characters = 0;
    }
    slices.at(-1)!.push(one);
    characters += size;
  }
  return slices;
}

/** About what a value takes in a line. */
function charactersOf(value: unknown): number {
  if (typeof value === "string") return Math.min(value.length, MAX_CHARACTERS) + 3;
  if (value === null || typeof value !== "object") return 6;
  let characters = 2;
  for (const name in value) {
    characters += name.length + 4 + charactersOf(value[name as keyof typeof value]);
  }
  return characters;
}

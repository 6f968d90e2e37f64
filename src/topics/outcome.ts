/** Outcome: what became of one topic of an admin request. */
import { ErrorCode } from "../protocol/errors.ts";

export interface Outcome {
  readonly errorCode: number;
  readonly errorMessage: string | null;
}

export const SUCCESS: Outcome = { errorCode: ErrorCode.NONE, errorMessage: null };

export function failure(errorCode: number, errorMessage: string | null = null): Outcome {
  return { errorCode, errorMessage };
}

/** The names that occur more than once; an admin request may name a topic once. */
export function repeated(names: Iterable<string>): Set<string> {
  const steps = repeatedInSteps(names);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/** The same of what may be very many: yields where others may have a turn. */
export function* repeatedInSteps(names: Iterable<string>): Generator<void, Set<string>, void> {
  const seen = new Set<string>(), twice = new Set<string>();
  let count = 0;
  for (const name of names) {
    (seen.has(name) ? twice : seen).add(name);
    if (++count % A_STEP === 0) yield;
  }
  return twice;
}

/** Names that are looked at before others may have a turn: some tens of microseconds. */
export const A_STEP = 100;

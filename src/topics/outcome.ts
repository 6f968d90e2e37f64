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
  const seen = new Set<string>(), twice = new Set<string>();
  for (const name of names) (seen.has(name) ? twice : seen).add(name);
  return twice;
}

/**
 * Error texts as they are sent. They name what was refused, which may be as long as a string can be: so that the answer
 * leaves, where Kafka's cannot be written and its connection is closed, a text that would not fit is cut.
 */
import type { Fields } from "./schema.ts";

const NAMES: readonly (keyof Fields)[] = ["errorMessage", "batchIndexErrorMessage"];
const MAX_BYTES = 0x7fff;
/** So many characters fit, whatever they are. */
const FITTING = Math.floor(MAX_BYTES / 3);
const LEFT = 10_000;

export function isErrorText(name: string): boolean {
  return NAMES.includes(name);
}

export function fittingText(text: string): string {
  if (text.length <= FITTING) return text;
  if (text.length <= MAX_BYTES && utf8.encode(text).length <= MAX_BYTES) return text;
  const left = text.slice(0, LEFT).replace(/[\uD800-\uDBFF]$/, "");
  return `${left}… (${text.length} characters)`;
}

const utf8 = new TextEncoder();

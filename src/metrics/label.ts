/**
 * Labels: names that strangers chose, cut to a length that a scrape can hold. What is cut ends in a hash of the whole, so
 * that two names stay two series; and it is longer than anything that is not cut, so that nobody can choose a name that is
 * another's label.
 */
import { createHash } from "node:crypto";

/** Longer than any topic's name. */
const MAX_LENGTH = 256;
const HASH_DIGITS = 16;

export function labelOf(text: string): string {
  if (text.length <= MAX_LENGTH) return text;
  const hash = createHash("sha256").update(text).digest("hex").slice(0, HASH_DIGITS);
  const cut = text.slice(0, MAX_LENGTH - HASH_DIGITS).replace(/[\ud800-\udbff]$/, "?");
  return `${cut}~${hash}`;
}

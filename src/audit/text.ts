/**
 * Text: what clients sent, as it may stand in a line of the audit: bounded, and with nothing in it that could make a
 * terminal or an editor show something else than what is there.
 */
import { createHash } from "node:crypto";

/** Of a name, a value, a client id; Kafka's topics have at most 249. */
export const MAX_CHARACTERS = 256;

/** The text as it is, or its beginning and a digest of the whole, by which two long ones are told apart. */
export function bounded(text: string): string {
  if (text.length <= MAX_CHARACTERS) return text;
  const digest = createHash("sha256").update(text).digest("hex").slice(0, DIGEST_CHARACTERS);
  return `${text.slice(0, MAX_CHARACTERS)}… (${text.length} characters, sha256 ${digest})`;
}

const DIGEST_CHARACTERS = 16;

/**
 * JSON in which every character that is not plainly visible is an escape: controls beyond those that JSON escapes by
 * itself, what joins or has no width, and what turns the direction of writing (CVE-2021-42574).
 */
export function visibleJson(value: unknown): string {
  const json = JSON.stringify(value) ?? "null";
  return json.replace(
    HIDDEN,
    (found) => [...units(found)].map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`).join(""),
  );
}

const HIDDEN =
  /[\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff]|\u{1bca0}|\u{1bca1}|\u{1bca2}|\u{1bca3}|[\u{e0000}-\u{e0fff}]/gu;

function* units(text: string): Generator<number> {
  for (let i = 0; i < text.length; i++) yield text.charCodeAt(i);
}

/**
 * Chain: how lines hang together: each has a number, and may carry the hash of the one before, its bytes without the end of
 * the line. With a key the hashes are HMACs: who has no key cannot make them anew.
 */
import { createHash, createHmac } from "node:crypto";
import { type Body, EVENT_VERSION } from "./event.ts";

/** Of the last line: what the next one builds on. */
export interface Link {
  /** 0 before the first line. */
  readonly seq: number;
  /** In hexadecimal; of no line at all, as many zeros. */
  readonly hash: string;
}

export type HashLine = (line: Uint8Array) => string;

/** SHA-256 of a line, or with a key HMAC-SHA-256; in hexadecimal. */
export function hashWith(key: string): HashLine {
  return key === ""
    ? (line) => createHash("sha256").update(line).digest("hex")
    : (line) => createHmac("sha256", key).update(line).digest("hex");
}

export const FIRST_LINK: Link = { seq: 0, hash: "0".repeat(64) };

/** The lines with their ends, behind `last`; `hash` is null where they are not chained. */
export function chained(
  bodies: readonly Body[],
  last: Link,
  hash: HashLine | null,
): { readonly bytes: Uint8Array; readonly last: Link } {
  const lines: Uint8Array[] = [];
  let link = last, length = 0;
  for (const body of bodies) {
    const seq = link.seq + 1, prev = hash === null ? "" : `,"prev":"${link.hash}"`;
    const line = encoder.encode(`{"v":${EVENT_VERSION},"seq":${seq},${body}${prev}}\n`);
    lines.push(line);
    length += line.length;
    link = { seq, hash: hash === null ? "" : hash(line.subarray(0, -1)) };
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const line of lines) {
    bytes.set(line, at);
    at += line.length;
  }
  return { bytes, last: link };
}

const encoder = new TextEncoder();

/**
 * The head: the last link, in a file of its own beside the lines, which is overwritten with each batch of them: by it a tail
 * that was cut off is missed. As long as it is, it fits into one sector.
 */
export function headText({ seq, hash }: Link): Uint8Array {
  return encoder.encode(`${JSON.stringify({ v: 1, seq: String(seq).padStart(16, "0"), hash })}\n`);
}

/** What a head says; null where it says nothing that could be understood. */
export function readHead(bytes: Uint8Array | null): Link | null {
  if (bytes === null) return null;
  try {
    const { seq, hash } = JSON.parse(new TextDecoder().decode(bytes));
    const number = Number(seq);
    return Number.isSafeInteger(number) && /^[0-9a-f]{64}$/.test(hash)
      ? { seq: number, hash }
      : null;
  } catch {
    return null;
  }
}

export function headName(file: string): string {
  return `${file}.head`;
}

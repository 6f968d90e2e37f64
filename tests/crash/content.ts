/**
 * Content: what the records of the crash suites say. A value begins with its name, "once.3:4711:812345;", and goes on
 * with bytes that do not compress and follow from the name, so that a ledger keeps names alone and still sees a byte
 * that changed.
 */
import { Random } from "../random.ts";

/** The value of the record `order` of `owner`, `bytes` long (and never shorter than its name). */
export function valueOf(owner: string, order: number, bytes: number): Uint8Array {
  const head = utf8.encode(`${owner}:${order}:${bytes};`);
  const value = new Uint8Array(Math.max(bytes, head.length));
  value.set(head);
  value.set(noise(order, value.length - head.length), head.length);
  return value;
}

/** The name "owner:order" of a value, or what is wrong with it, which is no name. */
export function nameOf(value: Uint8Array): string {
  const end = value.subarray(0, MAX_HEAD).indexOf(SEMICOLON);
  const text = new TextDecoder().decode(value.subarray(0, end < 0 ? 40 : end));
  const [, name, order, bytes] = /^([\w.-]+:(\d+)):(\d+)$/.exec(text) ?? [];
  if (name === undefined) return `a value of ${value.length} bytes without a name: ${text}`;
  const rest = value.subarray(end + 1);
  if (value.length !== Math.max(Number(bytes), end + 1)) {
    return `${name} with ${value.length} bytes instead of ${bytes}`;
  }
  const expected = noise(Number(order), rest.length);
  for (let i = 0; i < rest.length; i++) {
    if (rest[i] !== expected[i]) return `${name} with another byte at ${end + 1 + i}`;
  }
  return name;
}

export const nameFor = (owner: string, order: number): string => `${owner}:${order}`;

/** The longest value there may be. */
export const MAX_VALUE_BYTES = 1 << 20;

const SEMICOLON = 0x3b, MAX_HEAD = 120;
const utf8 = new TextEncoder();
const STARTS = 1 << 16;
let pool: Uint8Array | null = null;

function noise(order: number, bytes: number): Uint8Array {
  pool ??= new Random(20_211).bytes(MAX_VALUE_BYTES + STARTS);
  const from = Math.imul(order, 40_503) & STARTS - 1;
  return pool.subarray(from, from + bytes);
}

/**
 * Streams of several parts that node:zlib decodes one by one, joined within one bound.
 */
import { CompressionError } from "./compression_error.ts";

/** What the parts so far have become. */
export interface Inflating {
  readonly name: string;
  readonly maxBytes: number;
  readonly parts: Uint8Array[];
  size: number;
}

/** More parts than any client writes: each costs a call, whatever it holds. */
const MAX_PARTS = 1000;

/** Decodes one part, within what is left of the bound. */
export function inflatedBy<Options extends object>(
  inflate: (bytes: Uint8Array, options: Options & { maxOutputLength: number }) => Uint8Array,
  bytes: Uint8Array,
  inflating: Inflating,
  options = {} as Options,
): void {
  const { name, maxBytes, parts } = inflating;
  if (parts.length === MAX_PARTS) throw CompressionError.broken(name, `over ${MAX_PARTS} parts`);
  try {
    // A bound of 0 is none: the part is then to be empty.
    const maxOutputLength = Math.max(1, maxBytes - inflating.size);
    const out = inflate(bytes, { ...options, maxOutputLength });
    parts.push(new Uint8Array(out.buffer, out.byteOffset, out.length)); // a Buffer's slice() would not copy
    inflating.size += out.length;
  } catch (error) {
    if ((error as { code?: string }).code !== "ERR_BUFFER_TOO_LARGE") {
      throw CompressionError.broken(name, (error as Error).message);
    }
    inflating.size = Infinity;
  }
  if (inflating.size > maxBytes) throw CompressionError.tooLarge(name, maxBytes);
}

/** All parts; one alone as it is. */
export function joined({ parts, size }: Inflating): Uint8Array {
  if (parts.length === 1) return parts[0];
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

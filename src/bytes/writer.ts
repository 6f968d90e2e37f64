/**
 * Writer: Kafka's primitive types appended to a message, which `finish` returns as the chunks that go to the
 * socket in that order.
 *
 * Large byte arrays are not copied but become chunks of their own. Small messages are cut one after the other from
 * a slab: allocating each its own array would cost several times what encoding it does. So a chunk's memory may
 * be shared with other chunks; who keeps one for long should `slice()` it, and nobody may transfer its buffer.
 *
 * Records may lie in memory that is lent. What becomes a chunk goes back when that has been sent; what is copied goes
 * back at once, by `giveBack`: nobody else would know that it is not looked at any more.
 */
import { type Uuid, writeUuid } from "./uuid.ts";
import { ProtocolError, readView } from "./reader.ts";

/** Byte arrays up to this size are cheaper to copy than to send as a chunk of their own. */
const COPIED_BYTES = 1024;
/** Kafka's limit for every string, compact or not. */
const MAX_STRING_BYTES = 0x7fff;
/** Small, since one kept chunk keeps the whole slab. */
const SLAB_BYTES = 8 * 1024;

export class Writer {
  #bytes = new Uint8Array(SLAB_BYTES);
  /** Where in `#bytes` the message begins; everything before belongs to messages already finished. */
  #start = 0;
  #at = 0;
  /** Chunks kept out of `#bytes`, and where in it each belongs. */
  #outside: { at: number; bytes: Uint8Array }[] = [];
  #outsideBytes = 0;
  readonly #giveBack: ((bytes: Uint8Array) => void) | null;

  constructor(giveBack: ((bytes: Uint8Array) => void) | null = null) {
    this.#giveBack = giveBack;
  }

  /** Bytes written since the last `finish` or `reset`, chunks outside included. */
  get size(): number {
    return this.#at - this.#start + this.#outsideBytes;
  }

  int8(value: number): void {
    if (value << 24 >> 24 !== value) throw misfit("an int8", value);
    if (this.#at + 1 > this.#bytes.length) this.#grow(1);
    this.#bytes[this.#at++] = value;
  }

  bool(value: boolean): void {
    if (this.#at + 1 > this.#bytes.length) this.#grow(1);
    this.#bytes[this.#at++] = value ? 1 : 0;
  }

  int16(value: number): void {
    if (value << 16 >> 16 !== value) throw misfit("an int16", value);
    this.#put16(value);
  }

  uint16(value: number): void {
    if ((value & 0xffff) !== value) throw misfit("a uint16", value);
    this.#put16(value);
  }

  int32(value: number): void {
    if ((value | 0) !== value) throw misfit("an int32", value);
    this.#put32(value);
  }

  uint32(value: number): void {
    if (value >>> 0 !== value) throw misfit("a uint32", value);
    this.#put32(value);
  }

  /** Refuses what a double cannot hold exactly. */
  int64(value: number): void {
    if (!Number.isSafeInteger(value)) throw misfit("a safe integer", value);
    this.#put32(Math.floor(value / 0x1_0000_0000));
    this.#put32(value | 0);
  }

  /** A number too, within what numbers hold exactly. */
  bigint64(value: bigint | number): void {
    if (typeof value === "number") return this.int64(value);
    if (BigInt.asIntN(64, value) !== value) throw misfit("an int64", value);
    this.#put32(Number(value >> 32n));
    this.#put32(Number(value & 0xffff_ffffn));
  }

  float64(value: number): void {
    if (typeof value !== "number") throw misfit("a float64", value);
    this.#need(8);
    new DataView(this.#bytes.buffer).setFloat64(this.#at, value);
    this.#at += 8;
  }

  uuid(id: Uuid): void {
    if (typeof id !== "string" || id.length !== 22) throw misfit("a uuid", id);
    this.#need(16);
    writeUuid(this.#bytes, this.#at, id);
    this.#at += 16;
  }

  uvarint(value: number): void {
    if (value >>> 0 !== value) throw misfit("a varint", value);
    this.#need(5);
    for (; value > 0x7f; value >>>= 7) this.#bytes[this.#at++] = value & 0x7f | 0x80;
    this.#bytes[this.#at++] = value;
  }

  /** A string with its length in two bytes in front. */
  string(text: string): void {
    this.#need(2 + text.length * 3);
    const length = this.#encodeText(text, this.#at + 2);
    this.#bytes[this.#at] = length >> 8;
    this.#bytes[this.#at + 1] = length;
    this.#at += 2 + length;
  }

  /** A string with its length plus one as a varint in front. */
  compactString(text: string): void {
    this.#need(3 + text.length * 3);
    // Nearly every string is ASCII, so its length is known before it is encoded; when not, move it.
    const guess = text.length < 127 ? 1 : text.length < 16383 ? 2 : 3;
    const start = this.#at + guess;
    const length = this.#encodeText(text, start);
    const taken = length < 127 ? 1 : length < 16383 ? 2 : 3;
    if (taken !== guess) this.#bytes.copyWithin(this.#at + taken, start, start + length);
    this.uvarint(length + 1);
    this.#at += length;
  }

  /** Bytes without a length in front, copied when few and kept as a chunk of their own when many. */
  raw(bytes: Uint8Array): void {
    if (bytes.length > COPIED_BYTES) {
      this.#outside.push({ at: this.#at, bytes });
      this.#outsideBytes += bytes.length;
      return;
    }
    this.#need(bytes.length);
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  /** The same of records. */
  records(bytes: Uint8Array): void {
    this.raw(bytes);
    if (this.#giveBack !== null && bytes.length <= COPIED_BYTES) this.#giveBack(bytes);
  }

  /**
   * Puts the size of what was written since `from` (an earlier `size`) in front of it, as a varint. A tagged
   * field's size is known only once it is written.
   */
  prefixSize(from: number): void {
    const size = this.size - from;
    let outsideBefore = 0, first = this.#outside.length;
    for (let i = 0; i < this.#outside.length; i++) {
      if (this.#outside[i].at - this.#start + outsideBefore >= from) {
        first = i;
        break;
      }
      outsideBefore += this.#outside[i].bytes.length;
    }
    this.#need(5);
    const start = this.#start + from - outsideBefore, end = this.#at;
    this.#at = start;
    const taken = size < 1 << 7
      ? 1
      : size < 1 << 14
      ? 2
      : size < 1 << 21
      ? 3
      : size < 1 << 28
      ? 4
      : 5;
    this.#bytes.copyWithin(start + taken, start, end);
    this.uvarint(size);
    this.#at = end + taken;
    for (let i = first; i < this.#outside.length; i++) this.#outside[i].at += taken;
  }

  /** Overwrites the message's first four bytes, which must have been written. */
  patchFirstInt32(value: number): void {
    const end = this.#at;
    this.#at = this.#start;
    this.#put32(value);
    this.#at = end;
  }

  /** The message as chunks in order; the next one begins with nothing. */
  finish(): Uint8Array[] {
    const chunks: Uint8Array[] = [];
    let from = this.#start;
    for (const { at, bytes } of this.#outside) {
      if (at > from) chunks.push(readView(this.#bytes, from, at - from));
      chunks.push(bytes);
      from = at;
    }
    if (this.#at > from || chunks.length === 0) {
      chunks.push(readView(this.#bytes, from, this.#at - from));
    }
    this.#start = this.#at;
    this.reset();
    return chunks;
  }

  /** Forgets the message. */
  reset(): void {
    if (this.#bytes.length > SLAB_BYTES) {
      this.#bytes = new Uint8Array(SLAB_BYTES);
      this.#start = 0;
    }
    this.#at = this.#start;
    if (this.#outside.length > 0) this.#outside = [];
    this.#outsideBytes = 0;
  }

  #put16(value: number): void {
    if (this.#at + 2 > this.#bytes.length) this.#grow(2);
    const bytes = this.#bytes, at = this.#at;
    bytes[at] = value >> 8;
    bytes[at + 1] = value;
    this.#at = at + 2;
  }

  #put32(value: number): void {
    if (this.#at + 4 > this.#bytes.length) this.#grow(4);
    const bytes = this.#bytes, at = this.#at;
    bytes[at] = value >> 24;
    bytes[at + 1] = value >> 16;
    bytes[at + 2] = value >> 8;
    bytes[at + 3] = value;
    this.#at = at + 4;
  }

  #need(size: number): void {
    if (this.#at + size > this.#bytes.length) this.#grow(size);
  }

  /** Moves the message to a new slab, or to an array of its own when it is large. */
  #grow(size: number): void {
    const used = this.#at - this.#start;
    // What is the message's own is seen by nobody else yet: no copy of it waits for the collector.
    if (this.#bytes.length > SLAB_BYTES) {
      const { buffer } = this.#bytes as Uint8Array<ArrayBuffer>;
      this.#bytes = new Uint8Array(buffer.transfer((used + size) * 2));
      return;
    }
    const grown = new Uint8Array(used + size > SLAB_BYTES / 2 ? (used + size) * 2 : SLAB_BYTES);
    grown.set(this.#bytes.subarray(this.#start, this.#at));
    for (const chunk of this.#outside) chunk.at -= this.#start;
    this.#bytes = grown;
    this.#at = used;
    this.#start = 0;
  }

  /** Writes UTF-8 at `at`, where there is room for three bytes a character; returns the bytes taken. */
  #encodeText(text: string, at: number): number {
    const bytes = this.#bytes;
    if (text.length > MAX_STRING_BYTES) throw tooLong(text.length);
    if (text.length < 64) {
      let i = 0;
      for (; i < text.length; i++) {
        const code = text.charCodeAt(i);
        if (code > 127) break;
        bytes[at + i] = code;
      }
      if (i === text.length) return i;
    }
    const { written } = utf8.encodeInto(text, bytes.subarray(at));
    if (written > MAX_STRING_BYTES) throw tooLong(written);
    return written;
  }
}

const utf8 = new TextEncoder();

function misfit(wanted: string, value: unknown): ProtocolError {
  return new ProtocolError(`${String(value)} is not ${wanted}`);
}

function tooLong(bytes: number): ProtocolError {
  return new ProtocolError(`A string takes ${bytes} bytes, at most ${MAX_STRING_BYTES} fit`);
}

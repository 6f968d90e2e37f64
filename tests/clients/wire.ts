/**
 * Kafka requests written byte by byte, for what no well-behaved client would send.
 *
 * Stands on nothing of the broker's own protocol code on purpose: a defect there must not hide itself here.
 */
export class Wire {
  readonly #conn: Deno.TcpConn;
  #pending = new Uint8Array(0);

  private constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
    conn.setNoDelay(true);
  }

  static async connect(to: { hostname: string; port: number }): Promise<Wire> {
    return new Wire(await Deno.connect(to));
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let sent = 0; sent < bytes.length;) sent += await this.#conn.write(bytes.subarray(sent));
  }

  /** One short write as the kernel takes it; what back-pressure tests count. */
  writeSome(bytes: Uint8Array): Promise<number> {
    return this.#conn.write(bytes);
  }

  /** Ends the sending half, the receiving half stays open. */
  closeWrite(): Promise<void> {
    return this.#conn.closeWrite();
  }

  /** The next response without its length, or null once the broker has closed the connection. */
  async read(): Promise<Fields | null> {
    while (true) {
      if (this.#pending.length >= 4) {
        const length = new DataView(this.#pending.buffer, this.#pending.byteOffset).getInt32(0);
        if (this.#pending.length >= 4 + length) {
          const frame = this.#pending.subarray(4, 4 + length);
          this.#pending = this.#pending.subarray(4 + length);
          return new Fields(frame);
        }
      }
      const chunk = new Uint8Array(65536);
      const count = await this.#conn.read(chunk).catch((error) => {
        // A broker that closes with bytes of ours unread resets the connection: closed all the same.
        if (error instanceof Deno.errors.ConnectionReset) return null;
        throw error;
      });
      if (count === null) return null;
      this.#pending = concat([this.#pending, chunk.subarray(0, count)]);
    }
  }

  /** The next response, for which the broker may not close the connection. */
  async answer(): Promise<Fields> {
    const fields = await this.read();
    if (fields === null) throw new Error("the broker closed the connection");
    return fields;
  }

  close(): void {
    this.#conn.close();
  }

  [Symbol.dispose](): void {
    try {
      this.#conn.close();
    } catch { /* the test closed it already */ }
  }
}

/** Big-endian fields of a response, read in order. */
export class Fields {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  int8(): number {
    return this.#view.getInt8(this.#at++);
  }
  int16(): number {
    return this.#view.getInt16((this.#at += 2) - 2);
  }
  int32(): number {
    return this.#view.getInt32((this.#at += 4) - 4);
  }
  int64(): number {
    return Number(this.#view.getBigInt64((this.#at += 8) - 8));
  }
  string(): string | null {
    const length = this.int16();
    if (length < 0) return null;
    return new TextDecoder().decode(this.take(length));
  }
  take(length: number): Uint8Array {
    return this.bytes.subarray(this.#at, this.#at += length);
  }
  get rest(): number {
    return this.bytes.length - this.#at;
  }
}

/** Length, header v1 (api key, version, correlation id, client id) and body. */
export function request(
  head: { key: number; version: number; correlation: number; clientId?: string | null },
  ...body: Uint8Array[]
): Uint8Array {
  const clientId = head.clientId === undefined ? "frames" : head.clientId;
  const frame = concat([
    int16(head.key),
    int16(head.version),
    int32(head.correlation),
    string(clientId),
    ...body,
  ]);
  return concat([int32(frame.length), frame]);
}

export function int8(value: number): Uint8Array {
  return new Uint8Array([value]);
}

export function int16(value: number): Uint8Array {
  const bytes = new Uint8Array(2);
  new DataView(bytes.buffer).setInt16(0, value);
  return bytes;
}

export function int32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, value);
  return bytes;
}

export function int64(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigInt64(0, BigInt(value));
  return bytes;
}

export function string(value: string | null): Uint8Array {
  if (value === null) return int16(-1);
  const text = new TextEncoder().encode(value);
  return concat([int16(text.length), text]);
}

/** A string as flexible versions write it: its length plus one (an unsigned varint), then its bytes. */
export function compactString(value: string): Uint8Array {
  const text = new TextEncoder().encode(value);
  return concat([unsignedVarint(text.length + 1), text]);
}

export function unsignedVarint(value: number): Uint8Array {
  const bytes: number[] = [];
  for (; value > 127; value >>>= 7) bytes.push(value & 127 | 128);
  return new Uint8Array([...bytes, value]);
}

export function concat(parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** A record batch (magic 2) of one uncompressed record without a key. */
export function batchOf(value: Uint8Array): Uint8Array {
  const body = concat([
    new Uint8Array([0]), // attributes
    zigzag(0), // timestamp delta
    zigzag(0), // offset delta
    zigzag(-1), // no key
    zigzag(value.length),
    value,
    zigzag(0), // no headers
  ]);
  const record = concat([zigzag(body.length), body]);
  const checked = concat([
    int16(0), // attributes: not compressed
    int32(0), // last offset delta
    int64(Date.now()), // base timestamp
    int64(Date.now()), // max timestamp
    int64(-1), // producer id
    int16(-1), // producer epoch
    int32(-1), // base sequence
    int32(1), // records
    record,
  ]);
  const guarded = concat([int32(-1), int8(2), int32(crc32c(checked)), checked]);
  return concat([int64(0), int32(guarded.length), guarded]);
}

function zigzag(value: number): Uint8Array {
  return unsignedVarint((value << 1) ^ (value >> 31));
}

function crc32c(bytes: Uint8Array): number {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return ~crc;
}

/** wrongSize: what it was that began with a size that no request has; other protocols are known by how they begin. */

/** `size`: the first four bytes, as Kafka reads them. `maxBytes`: how large a request may be, of who sent this. */
export function wrongSize(size: number, maxBytes: number): string {
  if (size >>> 16 === TLS_HANDSHAKE) return "TLS, where it is spoken in clear";
  if (METHODS.has(size)) return "HTTP, which http_port speaks";
  return `a request of ${size} bytes, allowed are 1 to ${maxBytes}`;
}

/** A record of TLS 1.x that begins a handshake: its type, and the first half of its version. */
const TLS_HANDSHAKE = 0x1603;

const METHODS: ReadonlySet<number> = new Set(
  ["GET ", "HEAD", "POST", "PUT ", "OPTI", "DELE", "PRI "].map((word) =>
    new DataView(new TextEncoder().encode(word).buffer).getInt32(0)
  ),
);

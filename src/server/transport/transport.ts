/**
 * Transport: the bytes of one connection, whatever they travel in, and a way to accept such connections. Plain sockets
 * (tcp.ts) and TLS ones (tls.ts, relayed_tls.ts) are transports; above here nobody knows which it is.
 *
 * Errors are told apart here and nowhere else: what a peer causes by going, or by sending what is no TLS, is
 * "disconnected", anything else is a "fault", of either kind of API (Deno.errors, and codes of node:net and node:tls).
 */

/** What reading and writing needs. */
export interface Socket {
  /** Reads what is there into `into`, at least a byte; null at the end of the stream. One at a time. */
  read(into: Uint8Array): Promise<number | null>;
  /** Writes some of the bytes, and says how many. They have to stay as they are until then. One at a time. */
  write(bytes: Uint8Array): Promise<number>;
  /** Ends reads and writes under way. Never waits; may be called again. */
  close(): void;
}

export interface Address {
  /** "127.0.0.1", "::1" */
  readonly host: string;
  readonly port: number;
}

/** One accepted connection. */
export interface Transport extends Socket {
  readonly peer: Address;
  /** The address of this machine that the peer came by. */
  readonly local: Address;
  /**
   * Shakes hands, before the first read: what the handshake found. Rejects when the peer cannot or may not come in, with
   * the reason. Nothing is done for a peer that has not said anything, and then not before `mayBegin` is kept, where it is given. Absent where
   * there is none: bytes are bytes from the first one on.
   */
  secure?(mayBegin?: () => Promise<void>): Promise<Handshake>;
  /** Send small writes at once. */
  setNoDelay(): void;
  /** Nothing more is written; the peer may read what is on its way. */
  endWrites(): void;
}

/** What a TLS handshake found. */
export interface Handshake {
  /** "TLSv1.3"; null where the runtime does not say. */
  readonly protocol: string | null;
  /** "TLS_AES_256_GCM_SHA384"; null where the runtime does not say. */
  readonly cipher: string | null;
  /** The certificate (DER) that the peer presented, proved to hold the key of, and that the listener trusts; or null. */
  readonly peerCertificate: Uint8Array | null;
}

export interface TransportListener {
  /** Where it listens: with the port that was bound. */
  readonly address: Address;
  /**
   * Listens, for one that only has its address until then: before that whoever comes waits in the system, and has to come
   * again. Absent where it listens already. Rejects as listening does.
   */
  open?(): Promise<void>;
  /**
   * The next connection, before its handshake. Rejects when the system gave none (descriptors) or the listener is closed;
   * accepting may go on after the former.
   */
  accept(): Promise<Transport>;
  close(): void;
}

export type ErrorKind = "disconnected" | "fault";

/** Whether an error is a peer that went, or one that nobody causes by going. */
export function errorKind(error: unknown): ErrorKind {
  const isGone = error instanceof HandshakeError ||
    DISCONNECTS.some((kind) => error instanceof kind) ||
    isNodeDisconnect((error as { code?: unknown } | null)?.code);
  return isGone ? "disconnected" : "fault";
}

/** Why a peer is not let in: its TLS, or its certificate. Its own doing, whatever it is. */
export class HandshakeError extends Error {
  override readonly name = "HandshakeError";
}

/**
 * Connections that the system holds until they are accepted, where it has no lower limit of its own: enough that a flood of
 * them has nobody refused, who would come again a second later, then three, then seven.
 */
export const LISTEN_BACKLOG = 4096;

/** The error of listening, with the address that it is of, for whoever has to say which one it was. */
export function listenError(error: unknown, address: Address): unknown {
  return error instanceof Error ? Object.assign(error, { address }) : error;
}

const DISCONNECTS = [
  Deno.errors.ConnectionReset,
  Deno.errors.BrokenPipe,
  Deno.errors.ConnectionAborted,
  Deno.errors.BadResource,
  Deno.errors.Interrupted,
  Deno.errors.TimedOut,
  Deno.errors.NotConnected,
  Deno.errors.UnexpectedEof,
];

/** Codes of errno, of streams that have ended, and of TLS records that are none. */
function isNodeDisconnect(code: unknown): boolean {
  return typeof code === "string" && (NODE_CODES.has(code) || code.startsWith("ERR_SSL_"));
}

const NODE_CODES = new Set([
  "ECONNRESET",
  "EPIPE",
  "ECONNABORTED",
  "ETIMEDOUT",
  "ENOTCONN",
  "EBADF",
  "ECANCELED",
  "EOF",
  "ERR_STREAM_DESTROYED",
  "ERR_STREAM_PREMATURE_CLOSE",
  "ERR_STREAM_WRITE_AFTER_END",
  "ERR_SOCKET_CLOSED",
]);

/** TcpTransport: a plain socket as a transport, Deno's, and in the npm package what that has in its place. */
import type { Address, Transport } from "./transport.ts";

interface NetAddress {
  readonly hostname: string;
  readonly port: number;
}

/** What it needs of a socket; a Deno.TcpConn is one. */
export interface TcpConn {
  readonly remoteAddr: NetAddress;
  readonly localAddr: NetAddress;
  read(into: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number>;
  close(): void;
  setNoDelay(isSet: boolean): void;
  closeWrite(): Promise<void>;
}

/** What is read and written goes straight to the system. */
export class TcpTransport implements Transport {
  readonly peer: Address;
  readonly local: Address;
  readonly #conn: TcpConn;

  constructor(conn: TcpConn) {
    this.#conn = conn;
    this.peer = addressOf(conn.remoteAddr);
    this.local = addressOf(conn.localAddr);
  }

  read(into: Uint8Array): Promise<number | null> {
    return this.#conn.read(into);
  }

  write(bytes: Uint8Array): Promise<number> {
    return this.#conn.write(bytes);
  }

  close(): void {
    closeQuietly(this.#conn);
  }

  setNoDelay(): void {
    this.#conn.setNoDelay(true);
  }

  endWrites(): void {
    this.#conn.closeWrite().catch(() => {}); // the peer was faster
  }
}

/** Of a listener or either end of a connection. */
export function addressOf({ hostname, port }: NetAddress): Address {
  return { host: hostname, port };
}

/** Closing what its peer has closed is no error. */
export function closeQuietly(closable: { close(): void }): void {
  try {
    closable.close();
  } catch { /* closed already */ }
}

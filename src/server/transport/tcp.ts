/** Tcp: plain sockets as transports. What is read and written goes straight to the system. */
import {
  type Address,
  LISTEN_BACKLOG,
  listenError,
  type Transport,
  type TransportListener,
} from "./transport.ts";

/**
 * Listens; throws what Deno.listen throws (AddrInUse, PermissionDenied, AddrNotAvailable), with the address. Port 0 takes
 * any free one.
 */
export function listenTcp(address: Address): TransportListener {
  return new TcpListener(listen(address));
}

/** What Deno.listen gives, and its errors with the address. */
export function listen({ host, port }: Address): Deno.TcpListener {
  try {
    return Deno.listen({ hostname: host, port, tcpBacklog: LISTEN_BACKLOG });
  } catch (error) {
    throw listenError(error, { host, port });
  }
}

class TcpListener implements TransportListener {
  readonly address: Address;
  readonly #listener: Deno.TcpListener;

  constructor(listener: Deno.TcpListener) {
    this.#listener = listener;
    this.address = addressOf(listener.addr);
  }

  async accept(): Promise<Transport> {
    return new TcpTransport(await this.#listener.accept());
  }

  close(): void {
    closeQuietly(this.#listener);
  }
}

class TcpTransport implements Transport {
  readonly peer: Address;
  readonly local: Address;
  readonly #conn: Deno.TcpConn;

  constructor(conn: Deno.TcpConn) {
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
export function addressOf(address: Deno.Addr): Address {
  const { hostname, port } = address as Deno.NetAddr;
  return { host: hostname, port };
}

/** Closing what its peer has closed is no error. */
export function closeQuietly(closable: { close(): void }): void {
  try {
    closable.close();
  } catch { /* closed already */ }
}

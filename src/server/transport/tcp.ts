/** Tcp: listens for plain sockets. */
import { addressOf, closeQuietly, TcpTransport } from "./tcp_transport.ts";
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

/**
 * ListenTls: TLS by Deno.listenTls, for runtimes whose node:tls cannot do what tls.ts needs. It asks no client for a
 * certificate. Another certificate is another listener on the same port, beside the first until that has given out whom
 * the system had for it; where the runtime cannot have two (--unstable-net), it takes a restart.
 */
import { addressOf, closeQuietly } from "./tcp.ts";
import type { TlsMaterial } from "./tls_material.ts";
import {
  type Address,
  type Handshake,
  HandshakeError,
  type Transport,
  type TransportListener,
} from "./transport.ts";

export interface ReloadedListener extends TransportListener {
  /** Shows another certificate from now on; throws an Error with the reason where that cannot be. */
  use(material: TlsMaterial): void;
}

/** Listens; throws what Deno.listen throws. */
export function listenRuntimeTls({ host, port }: Address, material: TlsMaterial): ReloadedListener {
  const reusePort = canShareAPort();
  // Who shares a port shares it with everybody: first find out whether somebody else has it.
  if (reusePort && port !== 0) Deno.listen({ hostname: host, port }).close();
  return new RuntimeTlsListener(bind({ host, port }, material), reusePort);
}

function bind({ host, port }: Address, { certificate, key }: TlsMaterial): Deno.TlsListener {
  const reusePort = canShareAPort() ? { reusePort: true } : {};
  return Deno.listenTls({ hostname: host, port, cert: certificate, key, ...reusePort });
}

/** Asking for it where it may not be had would end the process; what else comes with the same flag tells. */
function canShareAPort(): boolean {
  return typeof (Deno as { listenDatagram?: unknown }).listenDatagram === "function";
}

class RuntimeTlsListener implements ReloadedListener {
  readonly address: Address;
  readonly #isShared: boolean;
  #listener: Deno.TlsListener;
  readonly #arrived: (Deno.TlsConn | Error)[] = [];
  #wake: (() => void) | null = null;
  #isClosed = false;

  constructor(listener: Deno.TlsListener, isShared: boolean) {
    this.#listener = listener;
    this.#isShared = isShared;
    this.address = addressOf(listener.addr);
    this.#acceptFrom(listener);
  }

  async accept(): Promise<Transport> {
    for (;;) {
      const next = this.#arrived.shift();
      if (next instanceof Error) throw next;
      if (next !== undefined) return new RuntimeTlsTransport(next);
      if (this.#isClosed) throw new Deno.errors.BadResource("Listener is closed");
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  use(material: TlsMaterial): void {
    if (!this.#isShared) {
      throw new Error("this runtime takes another certificate at the next start only");
    }
    if (this.#isClosed) return;
    const before = this.#listener;
    this.#listener = bind(this.address, material);
    this.#acceptFrom(this.#listener);
    this.#retire(before);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    closeQuietly(this.#listener);
    for (const one of this.#arrived.splice(0)) if (!(one instanceof Error)) closeQuietly(one);
    this.#stir();
  }

  /** Closes a listener at a moment when nobody has come to it, whom closing would cut off. */
  async #retire(listener: Deno.TlsListener): Promise<void> {
    for (let quiet = 0; quiet < QUIET_TURNS && !this.#isClosed;) {
      const before = this.#accepted;
      await new Promise((resolve) => setTimeout(resolve, 0));
      quiet = this.#accepted === before ? quiet + 1 : 0;
    }
    closeQuietly(listener);
  }

  /** Counts who came. */
  #accepted = 0;

  async #acceptFrom(listener: Deno.TlsListener): Promise<void> {
    for (;;) {
      try {
        const conn = await listener.accept();
        this.#accepted++;
        if (this.#isClosed) closeQuietly(conn);
        else this.#arrived.push(conn);
      } catch (error) {
        if (this.#isClosed || listener !== this.#listener) return;
        this.#arrived.push(error as Error);
        await new Promise((resolve) => setTimeout(resolve, FAILED_MS)); // no descriptors, most likely
      }
      this.#stir();
    }
  }

  #stir(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }
}

/** Turns of the event loop in which nobody came. */
const QUIET_TURNS = 3;
const FAILED_MS = 100;

class RuntimeTlsTransport implements Transport {
  readonly peer: Address;
  readonly local: Address;
  readonly #conn: Deno.TlsConn;

  constructor(conn: Deno.TlsConn) {
    this.#conn = conn;
    this.peer = addressOf(conn.remoteAddr);
    this.local = addressOf(conn.localAddr);
  }

  async secure(): Promise<Handshake> {
    try {
      await this.#conn.handshake();
    } catch (error) {
      throw new HandshakeError((error as Error).message);
    }
    return { protocol: null, cipher: null, peerCertificate: null };
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

  /** The runtime has no say over it. */
  setNoDelay(): void {}

  endWrites(): void {
    this.#conn.closeWrite().catch(() => {}); // the peer was faster
  }
}

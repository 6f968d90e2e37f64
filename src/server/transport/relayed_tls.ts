/**
 * RelayedTls: TLS by Deno.listenTls, for runtimes whose node:tls cannot do what tls.ts needs. It asks no client for a
 * certificate.
 *
 *     peer ⇄ accepted plain ⇄ relayed within this process ⇄ Deno.listenTls on a port of its own ⇄ what is read and written
 *
 * A connection of Deno.listenTls is closed only when its peer agrees, so that one which stops in its handshake stays for
 * ever; and another certificate needs another listener, which cuts off whoever is about to come to the first. So neither
 * is what peers connect to: they are accepted plain, and closed, as on any listener, and another certificate is another
 * listener inside. It costs two more descriptors a connection and the copying, which is why it is for want of better.
 */
import { listen } from "./tcp.ts";
import { addressOf, closeQuietly } from "./tcp_transport.ts";
import type { TlsMaterial } from "./tls_material.ts";
import {
  type Address,
  type Handshake,
  HandshakeError,
  type Transport,
  type TransportListener,
} from "./transport.ts";

/** Listens; throws what Deno.listen throws. */
export function listenRelayedTls(address: Address, material: TlsMaterial): RelayedListener {
  const inside = new Inside(material);
  try {
    return new RelayedListener(listen(address), inside);
  } catch (error) {
    inside.close();
    throw error;
  }
}

export class RelayedListener implements TransportListener {
  readonly address: Address;
  readonly #listener: Deno.TcpListener;
  #inside: Inside;

  constructor(listener: Deno.TcpListener, inside: Inside) {
    this.#listener = listener;
    this.#inside = inside;
    this.address = addressOf(listener.addr);
  }

  async accept(): Promise<Transport> {
    return new RelayedTransport(await this.#listener.accept(), () => this.#inside);
  }

  /** Shows another certificate from the next handshake on. */
  use(material: TlsMaterial): void {
    const before = this.#inside;
    this.#inside = new Inside(material);
    before.closeWhenIdle();
  }

  close(): void {
    closeQuietly(this.#listener);
    this.#inside.close();
  }
}

/** Both ends of one connection within this process. */
interface Relay {
  /** What passes here is TLS. */
  readonly far: Deno.TcpConn;
  /** What passes here is in clear. */
  readonly near: Deno.TlsConn;
}

/** The listener that speaks TLS. It serves those whom this process connects to it, told by their ports. */
class Inside {
  readonly #listener: Deno.TlsListener;
  readonly #arrived = new Map<number, Deno.TlsConn>();
  readonly #expected = new Map<number, (near: Deno.TlsConn | null) => void>();
  #connecting = 0;
  #isToClose = false;
  #isClosed = false;

  constructor({ certificate, key }: TlsMaterial) {
    this.#listener = Deno.listenTls({ hostname: INSIDE, port: 0, cert: certificate, key });
    this.#accept();
  }

  async connect(): Promise<Relay> {
    this.#connecting++;
    try {
      const far = await Deno.connect({ hostname: INSIDE, port: this.#listener.addr.port });
      far.setNoDelay(true);
      const near = await this.#nearOf(addressOf(far.localAddr).port);
      if (near !== null) return { far, near };
      closeQuietly(far);
      throw new Deno.errors.BadResource("Listener is closed");
    } finally {
      if (--this.#connecting === 0 && this.#isToClose) this.close();
    }
  }

  /** When those who are about to connect have. */
  closeWhenIdle(): void {
    this.#isToClose = true;
    if (this.#connecting === 0) this.close();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    closeQuietly(this.#listener);
    for (const near of this.#arrived.values()) closeQuietly(near);
    for (const resolve of this.#expected.values()) resolve(null);
  }

  #nearOf(port: number): Promise<Deno.TlsConn | null> {
    const near = this.#arrived.get(port);
    this.#arrived.delete(port);
    if (near !== undefined || this.#isClosed) return Promise.resolve(near ?? null);
    return new Promise((resolve) =>
      this.#expected.set(port, (near) => {
        this.#expected.delete(port);
        resolve(near);
      })
    );
  }

  async #accept(): Promise<void> {
    while (!this.#isClosed) {
      try {
        this.#arrives(await this.#listener.accept());
      } catch {
        if (!this.#isClosed) await new Promise((resolve) => setTimeout(resolve, FAILED_MS)); // no descriptors
      }
    }
  }

  #arrives(near: Deno.TlsConn): void {
    const { port } = addressOf(near.remoteAddr);
    const expected = this.#expected.get(port);
    if (expected !== undefined) expected(near);
    else if (this.#connecting > 0 && !this.#isClosed) this.#arrived.set(port, near);
    else closeQuietly(near); // not one of ours
    // Whoever came while others were connecting and is none of ours goes as the next one comes.
    if (this.#arrived.size <= this.#connecting) return;
    const [oldest, stranger] = this.#arrived.entries().next().value!;
    this.#arrived.delete(oldest);
    closeQuietly(stranger);
  }
}

const INSIDE = "127.0.0.1";
const FAILED_MS = 100;

class RelayedTransport implements Transport {
  readonly peer: Address;
  readonly local: Address;
  readonly #conn: Deno.TcpConn;
  readonly #insideOf: () => Inside;
  #relay: Relay | null = null;
  #isSecured = false;
  #isWriting = false;
  #isClosed = false;

  constructor(conn: Deno.TcpConn, insideOf: () => Inside) {
    this.#conn = conn;
    this.#insideOf = insideOf;
    this.peer = addressOf(conn.remoteAddr);
    this.local = addressOf(conn.localAddr);
  }

  async secure(mayBegin?: () => Promise<void>): Promise<Handshake> {
    const first = new Uint8Array(FIRST_BYTES), read = await this.#conn.read(first);
    if (read === null) throw new Deno.errors.ConnectionReset("it went without a word");
    if (first[0] !== TLS_HANDSHAKE) throw new HandshakeError("it speaks no TLS");
    await mayBegin?.();
    const relay = await this.#insideOf().connect();
    this.#relay = relay;
    if (this.#isClosed) this.#end();
    const ended = pass(relay.far, this.#conn);
    pass(this.#conn, relay.far, first.subarray(0, read)).catch(ignore).finally(() =>
      closeWrites(relay.far)
    );
    ended.catch(ignore).finally(() => this.#end());
    try {
      await relay.near.handshake();
    } catch (error) {
      throw new HandshakeError((error as Error).message);
    }
    this.#isSecured = true;
    return { protocol: null, cipher: null, peerCertificate: null };
  }

  read(into: Uint8Array): Promise<number | null> {
    return this.#relay!.near.read(into);
  }

  async write(bytes: Uint8Array): Promise<number> {
    this.#isWriting = true;
    const written = await this.#relay!.near.write(bytes);
    this.#isWriting = false;
    return written;
  }

  /** What is on its way out may leave, and the peer is told that this is the end, unless it does not take it. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (!this.#isSecured || this.#isWriting) return this.#end();
    closeQuietly(this.#relay!.near);
    this.#timer = setTimeout(() => this.#end(), CLOSE_MS);
  }

  #timer: ReturnType<typeof setTimeout> | undefined;

  setNoDelay(): void {
    this.#conn.setNoDelay(true);
  }

  endWrites(): void {
    this.#relay?.near.closeWrite().catch(ignore); // the peer was faster
  }

  #end(): void {
    clearTimeout(this.#timer);
    closeQuietly(this.#conn);
    if (this.#relay === null) return;
    closeQuietly(this.#relay.near);
    closeQuietly(this.#relay.far);
  }
}

/** A ClientHello of usual size. */
const FIRST_BYTES = 2048;
/** The type of the record that a handshake begins with. */
const TLS_HANDSHAKE = 0x16;
const CLOSE_MS = 1000;
const SMALL_BYTES = 4096, LARGE_BYTES = 1 << 16;

/** Passes bytes on until one side ends, or fails; `first` are read already. */
async function pass(from: Deno.TcpConn, to: Deno.TcpConn, first?: Uint8Array): Promise<void> {
  if (first !== undefined) await writeAll(to, first);
  let buffer = new Uint8Array(SMALL_BYTES);
  for (;;) {
    const read = await from.read(buffer);
    if (read === null) return;
    await writeAll(to, buffer.subarray(0, read));
    // Who sends much gets more room for it.
    if (read === buffer.length && read < LARGE_BYTES) buffer = new Uint8Array(LARGE_BYTES);
  }
}

async function writeAll(to: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await to.write(bytes.subarray(at));
}

function closeWrites(conn: Deno.TcpConn): void {
  conn.closeWrite().catch(ignore);
}

const ignore = () => {};

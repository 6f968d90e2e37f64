/**
 * Proves the way to TLS that runtimes without a better one have: it passes every byte, shows another certificate without
 * cutting off anybody, lets go of peers that stop anywhere in a handshake, and lets nobody in by its inner port.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { Authority } from "../../testing/certificates.ts";
import { listenRelayedTls, type RelayedListener } from "./relayed_tls.ts";
import type { TlsMaterial } from "./tls_material.ts";
import { HandshakeError, type Transport } from "./transport.ts";

const authority = await Authority.make();

async function material(): Promise<TlsMaterial> {
  return { ...await authority.issue(), clientCa: "" };
}

async function listen(): Promise<RelayedListener> {
  return listenRelayedTls({ host: "127.0.0.1", port: 0 }, await material());
}

function connect({ address: { port } }: RelayedListener): Promise<Deno.TlsConn> {
  return Deno.connectTls({ hostname: "localhost", port, caCerts: [authority.certificate] });
}

async function pair(listener: RelayedListener): Promise<[Transport, Deno.TlsConn]> {
  const client = await connect(listener), transport = await listener.accept();
  await Promise.all([transport.secure!(), client.handshake()]);
  return [transport, client];
}

Deno.test("bytes pass both ways, small and large, until either side ends", async () => {
  const listener = await listen();
  const [transport, client] = await pair(listener);
  assertEquals(transport.peer.port, (client.localAddr as Deno.NetAddr).port);
  assertEquals(transport.local, listener.address);
  const sent = new Uint8Array(3_000_000).map((_, index) => index * 31 >> 5);
  for (const [from, to] of [[transport, client], [client, transport]] as const) {
    const writing = writeAll(from, sent);
    assertEquals(await readAll(to, sent.length), sent);
    await writing;
  }
  client.close();
  assertEquals(await transport.read(new Uint8Array(1)), null);
  transport.close();
  listener.close();
});

Deno.test("another certificate counts from the next handshake on, and nobody who is in or coming is cut off", async () => {
  const listener = await listen();
  const [first, client] = await pair(listener);
  const coming = Array.from({ length: 20 }, () => connect(listener));
  const serving: Promise<Transport>[] = [];
  const accepting = (async () => {
    for (const _ of coming) serving.push(serveOne(await listener.accept()));
  })();
  for (let i = 0; i < 5; i++) listener.use(await material());
  for (const conn of await Promise.all(coming)) {
    assertEquals(await readAll(conn, 1), new Uint8Array([7]));
    conn.close();
  }
  await accepting;
  await client.write(new Uint8Array([1]));
  assertEquals(await readAll(first, 1), new Uint8Array([1]));
  client.close();
  for (const transport of [first, ...await Promise.all(serving)]) {
    await transport.read(new Uint8Array(1)).catch(() => {});
    transport.close();
  }
  listener.close();
});

Deno.test("a peer that says nothing, half a word, or what is no TLS is let go of", async () => {
  const listener = await listen(), { port } = listener.address;
  const words = [[], [0x16, 3, 1, 2, 0, 1], [0x47, 0x45, 0x54]];
  for (const word of words) {
    const peer = await Deno.connect({ hostname: "127.0.0.1", port });
    const transport = await listener.accept();
    const securing = assertRejects(() => transport.secure!());
    await peer.write(new Uint8Array(word));
    if (word[0] === 0x47) assert(await securing instanceof HandshakeError);
    else await new Promise((resolve) => setTimeout(resolve, 50));
    transport.close();
    await securing;
    assertEquals(await peer.read(new Uint8Array(1)).catch(() => null), null);
    peer.close();
  }
  listener.close();
});

async function serveOne(transport: Transport): Promise<Transport> {
  await transport.secure!();
  await transport.write(new Uint8Array([7]));
  return transport;
}

async function writeAll(to: Pick<Transport, "write">, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await to.write(bytes.subarray(at));
}

async function readAll(from: Pick<Transport, "read">, size: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size;) {
    const read = await from.read(bytes.subarray(at));
    if (read === null) throw new Error(`the end after ${at} bytes`);
    at += read;
  }
  return bytes;
}

/** Proves that TLS begins when a peer has spoken and it is its turn, and that what is no TLS is refused by its first byte. */
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Authority } from "../../testing/certificates.ts";
import { holdTls, listenTls, TlsContext } from "./tls.ts";
import { errorKind, HandshakeError } from "./transport.ts";

const authority = await Authority.make(), { certificate, key } = await authority.issue();
const material = { certificate, key, clientCa: "" };

async function accepted() {
  const context = new TlsContext(material, { clientAuth: "none", nowMs: () => Date.now() });
  const listener = await listenTls({ host: "127.0.0.1", port: 0 }, context);
  const { host: hostname, port } = listener.address;
  const client = await Deno.connect({ hostname, port });
  return { listener, client, transport: await listener.accept() };
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

Deno.test("nothing is done for a peer that says nothing, and then not before it may begin", async () => {
  const { listener, client, transport } = await accepted();
  let asked = 0;
  const mayBegin = Promise.withResolvers<void>();
  const securing = transport.secure!(() => {
    asked++;
    return mayBegin.promise;
  });
  await pause(50);
  assertEquals(asked, 0);
  const shaking = Deno.startTls(client, {
    hostname: "localhost",
    caCerts: [authority.certificate],
  });
  const secured = shaking.then(async (socket) => {
    await socket.handshake();
    return socket;
  });
  let isDone = false;
  secured.then(() => isDone = true);
  while (asked === 0) await pause(5);
  await pause(50);
  assertEquals([asked, isDone], [1, false]);
  mayBegin.resolve();
  assertEquals((await securing).protocol, "TLSv1.3");
  const socket = await secured;
  await transport.write(Uint8Array.of(7));
  const into = new Uint8Array(10);
  assertEquals([await socket.read(into), into[0]], [1, 7]);
  socket.close();
  transport.close();
  listener.close();
});

Deno.test("a first byte of no handshake is refused without asking whether it may begin", async () => {
  const { listener, client, transport } = await accepted();
  let asked = 0;
  const securing = transport.secure!(() => Promise.resolve(void asked++));
  await client.write(new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"));
  await assertRejects(() => securing, HandshakeError, "it speaks no TLS");
  assertEquals(asked, 0);
  transport.close();
  client.close();
  listener.close();
});

Deno.test("who says nothing and goes only looked whether somebody is here", async () => {
  const { listener, client, transport } = await accepted();
  const securing = transport.secure!();
  client.close();
  const error = await assertRejects(() => securing, Deno.errors.ConnectionReset, "without a word");
  assertEquals(errorKind(error), "disconnected");
  transport.close();
  listener.close();
});

Deno.test("who goes while it waits for its turn is no handshake", async () => {
  const { listener, client, transport } = await accepted();
  const mayBegin = Promise.withResolvers<void>();
  const securing = transport.secure!(() => mayBegin.promise);
  await client.write(Uint8Array.of(0x16, 3, 1));
  await pause(20);
  transport.close();
  mayBegin.resolve();
  await assertRejects(() => securing, Error);
  client.close();
  listener.close();
});

Deno.test("who comes before a listener is opened is not accepted, and has to come again", async () => {
  const context = new TlsContext(material, { clientAuth: "none", nowMs: () => Date.now() });
  const listener = holdTls({ host: "127.0.0.1", port: 0 }, context);
  const { host: hostname, port } = listener.address;
  assertThrows(() => holdTls(listener.address, context), Deno.errors.AddrInUse);
  const early = await Promise.all(
    Array.from({ length: 5 }, () => Deno.connect({ hostname, port })),
  );
  await listener.open!();
  const accepting = listener.accept();
  const client = await Deno.connect({ hostname, port });
  const transport = await accepting;
  assertEquals(transport.peer.port, (client.localAddr as Deno.NetAddr).port);
  for (const one of early) {
    await assertRejects(() => one.read(new Uint8Array(1)), Deno.errors.ConnectionReset);
    one.close();
  }
  client.close();
  transport.close();
  listener.close();
  const closed = holdTls({ host: "127.0.0.1", port: 0 }, context);
  closed.close();
  await closed.open!();
  await assertRejects(() => closed.accept(), Deno.errors.BadResource);
});

Deno.test("nobody keeps descriptors of a listener that takes its time, beyond a few", async () => {
  const context = new TlsContext(material, { clientAuth: "none", nowMs: () => Date.now() });
  const listener = await listenTls({ host: "127.0.0.1", port: 0 }, context);
  const { host: hostname, port } = listener.address, count = 300;
  const clients = await Promise.all(
    Array.from({ length: count }, () => Deno.connect({ hostname, port })),
  );
  let closed = 0;
  const reads = clients.map((one) =>
    one.read(new Uint8Array(1)).then(() => closed++, () => closed++)
  );
  while (closed < count - 256) await pause(5);
  await pause(50);
  assertEquals(closed, count - 256);
  for (let i = 0; i < 256; i++) (await listener.accept()).close();
  const late = await Deno.connect({ hostname, port }), transport = await listener.accept();
  assertEquals(transport.peer.port, (late.localAddr as Deno.NetAddr).port);
  transport.close();
  listener.close();
  await Promise.all(reads);
  for (const one of [...clients, late]) one.close();
});

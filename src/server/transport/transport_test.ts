/** Proves that what a peer causes by going is told from a fault, in errors of both kinds of API, by causing them. */
import { assertEquals, assertRejects } from "@std/assert";
import { errorKind, HandshakeError, type Transport, type TransportListener } from "./transport.ts";
import { listenTcp } from "./tcp.ts";

const withCode = (code: string) => Object.assign(new Error(code), { code });

Deno.test("errors of peers that go, of Deno and of Node, are no faults, and anything else is one", () => {
  const gone = [
    new Deno.errors.ConnectionReset(),
    new Deno.errors.BrokenPipe(),
    new Deno.errors.UnexpectedEof(),
    new Deno.errors.TimedOut(),
    new Deno.errors.BadResource(),
    new HandshakeError("no certificate"),
    ...["ECONNRESET", "EPIPE", "ETIMEDOUT", "ECANCELED", "ERR_STREAM_DESTROYED"].map(withCode),
    ...["ERR_SSL_UNSUPPORTED_PROTOCOL", "ERR_SSL_WRONG_VERSION_NUMBER"].map(withCode),
  ];
  for (const error of gone) assertEquals(errorKind(error), "disconnected", String(error));
  const faults = [
    new Error("a bug"),
    new TypeError("undefined is no function"),
    new Deno.errors.InvalidData(),
    withCode("ENOMEM"),
    withCode("ERR_INVALID_ARG_TYPE"),
    undefined,
    null,
    "text",
    { code: 7 },
  ];
  for (const error of faults) assertEquals(errorKind(error), "fault", String(error));
});

async function pair(listener: TransportListener): Promise<[Transport, Deno.TcpConn]> {
  const { host: hostname, port } = listener.address;
  const client = await Deno.connect({ hostname, port });
  return [await listener.accept(), client];
}

Deno.test("a plain transport knows both ends, passes bytes, and tells the end and a reset apart from faults", async () => {
  const listener = listenTcp({ host: "127.0.0.1", port: 0 });
  const [transport, client] = await pair(listener);
  assertEquals(transport.peer, {
    host: "127.0.0.1",
    port: (client.localAddr as Deno.NetAddr).port,
  });
  assertEquals(transport.local, listener.address);
  assertEquals(transport.secure, undefined);
  transport.setNoDelay();
  await client.write(new Uint8Array([1, 2, 3]));
  const buffer = new Uint8Array(8);
  assertEquals(await transport.read(buffer), 3);
  await transport.write(buffer.subarray(0, 3));
  assertEquals(await client.read(buffer), 3);
  transport.endWrites();
  assertEquals(await client.read(buffer), null);
  const reading = transport.read(buffer).catch((error) => errorKind(error));
  transport.close();
  transport.close();
  assertEquals(await reading, "disconnected");
  client.close();
  const accepting = assertRejects(() => listener.accept());
  listener.close();
  listener.close();
  await accepting;
});

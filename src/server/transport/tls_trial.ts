/**
 * TlsTrial: what the runtime and a certificate are good for, found out by a handshake of this process with itself, on an
 * address that only this machine reaches.
 */
import net from "node:net";
import tls from "node:tls";
import type { TlsMaterial } from "./tls_material.ts";
import { HandshakeError, type TransportListener } from "./transport.ts";

/**
 * Whether node:tls here serves connections that were accepted plain, and asks clients for certificates: a client shows
 * one to a server, which has to see it.
 */
export async function canAskForCertificates({ certificate, key }: TlsMaterial): Promise<boolean> {
  if (typeof tls.TLSSocket.prototype.getPeerX509Certificate !== "function") return false;
  const secured = tls.createServer({
    cert: certificate,
    key,
    requestCert: true,
    rejectUnauthorized: false,
  });
  const server = net.createServer({ pauseOnConnect: true }, (plain) => {
    plain.on("error", ignore);
    secured.emit("connection", plain);
  });
  try {
    return await within(TRIAL_MS, async (ends) => {
      const seen = new Promise<boolean>((resolve) => {
        secured.on("tlsClientError", () => resolve(false));
        secured.on("secureConnection", (socket) => {
          socket.on("error", ignore);
          ends.push(() => socket.destroy());
          resolve(socket.getPeerX509Certificate()?.raw !== undefined);
        });
      });
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen({ host: "127.0.0.1", port: 0 }, () => resolve());
      });
      const { port } = server.address() as net.AddressInfo;
      const client = tls.connect({
        host: "127.0.0.1",
        port,
        cert: certificate,
        key,
        rejectUnauthorized: false,
      });
      client.on("error", ignore);
      ends.push(() => client.destroy());
      return await seen;
    });
  } catch {
    return false;
  } finally {
    server.close();
  }
}

/**
 * Shakes hands with a listener of this process and passes a byte; throws HandshakeError with the reason where that does
 * not come to an end, or with another certificate than that of `sha256`.
 */
export async function tryHandshake(listener: TransportListener, sha256: string): Promise<void> {
  await within(TRIAL_MS, async (ends) => {
    ends.push(() => listener.close());
    const served = serveOne(listener, ends);
    served.catch(ignore); // awaited below, when the client has failed first
    const shown = await connectOnce(listener.address.port, ends);
    await served;
    if (shown !== sha256) {
      throw new HandshakeError("another certificate than the first one is shown");
    }
  });
}

async function serveOne(listener: TransportListener, ends: (() => void)[]): Promise<void> {
  const transport = await listener.accept();
  ends.push(() => transport.close());
  await transport.secure!();
  await transport.write(new Uint8Array([1]));
}

/** The fingerprint of the certificate that is shown, when a byte has come. */
function connectOnce(port: number, ends: (() => void)[]): Promise<string> {
  return new Promise((resolve, reject) => {
    // Whether anybody trusts it is not the question.
    const client = tls.connect({ host: "127.0.0.1", port, rejectUnauthorized: false });
    ends.push(() => client.destroy());
    client.on("error", (error) => reject(new HandshakeError(error.message)));
    client.on("close", () => reject(new HandshakeError("the handshake did not come to its end")));
    client.on("data", () => resolve(client.getPeerCertificate().fingerprint256));
  });
}

/** The work, or an error when it takes too long; either way all that was to be ended is. */
async function within<T>(ms: number, work: (ends: (() => void)[]) => Promise<T>): Promise<T> {
  const ends: (() => void)[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new HandshakeError(`no handshake within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work(ends), late]);
  } finally {
    clearTimeout(timer);
    for (const end of ends) end();
  }
}

const TRIAL_MS = 10_000;
const ignore = () => {};

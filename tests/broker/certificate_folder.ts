/** CertificateFolder: the files of a TLS listener in a folder of their own, and clients that connect to it. */
import type { Authority, Issued } from "../../src/testing/certificates.ts";

export class CertificateFolder implements AsyncDisposable {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  static async make(): Promise<CertificateFolder> {
    return new CertificateFolder(await Deno.makeTempDir({ prefix: "runnel-tls-" }));
  }

  /** What a listener is configured with. */
  get files() {
    return {
      certificateFile: `${this.#path}/server.pem`,
      keyFile: `${this.#path}/server.key`,
      clientCaFile: `${this.#path}/client-ca.pem`,
    };
  }

  /** Writes a certificate and its key, one after the other, as programs do that renew them. */
  async write({ certificate, key }: Pick<Issued, "certificate" | "key">): Promise<void> {
    await Deno.writeTextFile(this.files.certificateFile, certificate);
    await Deno.writeTextFile(this.files.keyFile, key, { mode: 0o600 });
  }

  /** Whose clients are trusted. */
  async trust(...authorities: Pick<Authority, "certificate">[]): Promise<void> {
    const text = authorities.map(({ certificate }) => certificate).join("");
    await Deno.writeTextFile(this.files.clientCaFile, text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#path, { recursive: true });
  }
}

/** A `dial` for src/client that trusts these authorities, and shows a certificate where it has one. */
export function dialTls(
  authorities: readonly Pick<Authority, "certificate">[],
  shown?: Pick<Issued, "certificate" | "key">,
) {
  return async ({ hostname, port }: { hostname: string; port: number }) => {
    const conn = await Deno.connectTls({
      hostname,
      port,
      caCerts: authorities.map(({ certificate }) => certificate),
      ...shown && { cert: shown.certificate, key: shown.key },
    });
    try {
      await conn.handshake();
      return conn;
    } catch (error) {
      conn.close();
      throw error;
    }
  };
}

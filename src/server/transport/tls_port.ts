/**
 * TlsPort: one listener with TLS, by whichever way this runtime has, on each of its addresses; and its certificate, which
 * is looked at from time to time and taken when it is good.
 */
import type { ListenerTls } from "../../config/listeners.ts";
import { listenRelayedTls, type RelayedListener } from "./relayed_tls.ts";
import { holdTls, listenTls, TlsContext } from "./tls.ts";
import {
  examineMaterial,
  isSameMaterial,
  readTlsMaterial,
  type ShownCertificate,
  type TlsMaterial,
  TlsMaterialError,
} from "./tls_material.ts";
import { canAskForCertificates, tryHandshake } from "./tls_trial.ts";
import type { Address, TransportListener } from "./transport.ts";

export interface TlsPortOptions {
  /** The listener's name, for what is said of it. */
  readonly name: string;
  readonly tls: ListenerTls;
  readonly addresses: readonly string[];
  readonly port: number;
  /** The wall clock. */
  readonly nowMs: () => number;
}

/** What a look at the files came to; null: nothing to say. */
export type Look =
  | { readonly kind: "taken"; readonly certificate: ShownCertificate }
  | { readonly kind: "refused"; readonly reason: string }
  | null;

export class TlsPort {
  readonly name: string;
  readonly transports: readonly TransportListener[];
  readonly #options: TlsPortOptions;
  readonly #context: TlsContext | null;
  #used: TlsMaterial;
  #certificate: ShownCertificate;
  /** What the last look found, and what was judged before. */
  #seen: TlsMaterial | string;
  #judged: TlsMaterial | string;

  private constructor(
    options: TlsPortOptions,
    parts: {
      material: TlsMaterial;
      certificate: ShownCertificate;
      transports: readonly TransportListener[];
      context: TlsContext | null;
    },
  ) {
    this.name = options.name;
    this.#options = options;
    this.#used = this.#seen = this.#judged = parts.material;
    this.#certificate = parts.certificate;
    this.transports = parts.transports;
    this.#context = parts.context;
  }

  /** Throws TlsMaterialError for files and demands that cannot be met, and what Deno.listen throws. */
  static async open(options: TlsPortOptions): Promise<TlsPort> {
    const { name, tls, addresses, nowMs } = options;
    const material = readTlsMaterial(tls), certificate = examineMaterial(material, tls);
    const canAsk = await canAskForCertificates(material);
    if (!canAsk && tls.clientAuth !== "none") {
      throw new TlsMaterialError(
        `the listener ${name} has client_auth = ${tls.clientAuth}, and this runtime cannot ask clients for ` +
          "certificates: without them anybody could come, so it is refused. Deno 2.9 and later can (`deno task start`), " +
          "and an executable that has its runtime from dl.deno.land (`deno task compile` says if it has not)",
      );
    }
    await tryMaterial({ material, tls, certificate, canAsk, nowMs });
    const context = canAsk ? new TlsContext(material, { clientAuth: tls.clientAuth, nowMs }) : null;
    const transports: TransportListener[] = [];
    try {
      let { port } = options;
      for (const host of addresses) {
        const transport = context === null
          ? listenRelayedTls({ host, port }, material)
          : holdTls({ host, port }, context);
        port = transport.address.port;
        transports.push(transport);
      }
    } catch (error) {
      for (const transport of transports) transport.close();
      throw error;
    }
    return new TlsPort(options, { material, certificate, transports, context });
  }

  /** What is shown now. */
  get certificate(): ShownCertificate {
    return this.#certificate;
  }

  /**
   * Looks at the files. Contents that have changed and are the same at the next look are judged by a handshake and taken,
   * or refused; so a certificate and a key that are written one after the other are not met halfway.
   */
  async look(): Promise<Look> {
    const found = this.#read(), before = this.#seen;
    this.#seen = found;
    if (isSame(found, this.#judged) || !isSame(found, before)) return null;
    this.#judged = found;
    if (typeof found === "string") return { kind: "refused", reason: found };
    if (isSameMaterial(found, this.#used)) return null;
    try {
      const certificate = await this.#judge(found);
      this.#use(found);
      this.#used = found;
      this.#certificate = certificate;
      return { kind: "taken", certificate };
    } catch (error) {
      return { kind: "refused", reason: (error as Error).message };
    }
  }

  /** The files' contents, or why they cannot be read. */
  #read(): TlsMaterial | string {
    try {
      return readTlsMaterial(this.#options.tls);
    } catch (error) {
      return (error as Error).message;
    }
  }

  async #judge(material: TlsMaterial): Promise<ShownCertificate> {
    const { tls, nowMs } = this.#options;
    const certificate = examineMaterial(material, tls), now = nowMs();
    if (now > certificate.notAfterMs || now < certificate.notBeforeMs) {
      const [from, to] = [certificate.notBeforeMs, certificate.notAfterMs].map((ms) =>
        new Date(ms).toISOString()
      );
      throw new TlsMaterialError(
        `the certificate is valid from ${from} to ${to}, which is not now`,
      );
    }
    await tryMaterial({ material, tls, certificate, canAsk: this.#context !== null, nowMs });
    return certificate;
  }

  #use(material: TlsMaterial): void {
    if (this.#context !== null) return this.#context.use(material);
    for (const transport of this.transports) (transport as RelayedListener).use(material);
  }
}

/** A handshake with a listener of the same kind, that nobody else knows of. */
async function tryMaterial({ material, tls, certificate, canAsk, nowMs }: {
  readonly material: TlsMaterial;
  readonly tls: ListenerTls;
  readonly certificate: ShownCertificate;
  readonly canAsk: boolean;
  readonly nowMs: () => number;
}): Promise<void> {
  const address: Address = { host: "127.0.0.1", port: 0 };
  try {
    // Who asks itself for a certificate has none to show.
    const clientAuth = tls.clientAuth === "none" ? "none" : "requested";
    const listener = canAsk
      ? await listenTls(address, new TlsContext(material, { clientAuth, nowMs }))
      : listenRelayedTls(address, material);
    await tryHandshake(listener, certificate.sha256);
  } catch (error) {
    throw new TlsMaterialError(
      `no handshake comes about with the certificate in ${tls.certificateFile}: ${
        (error as Error).message
      }`,
    );
  }
}

function isSame(a: TlsMaterial | string, b: TlsMaterial | string): boolean {
  if (typeof a === "string" || typeof b === "string") return a === b;
  return isSameMaterial(a, b);
}

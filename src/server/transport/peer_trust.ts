/**
 * PeerTrust: whether a client's certificate says who it is. It does when the client presented it, proved to hold its key
 * and its chain ends at an authority that this listener trusts, all of that in a handshake; and when by its own words it
 * is a client's, is no authority, and is valid now.
 *
 * A resumed session proves only that it is continued. The runtime hands out tickets for all listeners of a process and
 * after handshakes whose certificate it then does not trust, and calls what resumes from them authorized (seen in Deno
 * 2.9.6). So what was trusted here is remembered, by the certificate, and a resumed session counts only for one of
 * those. When the authorities change, what is remembered of those that stayed remains.
 *
 * Certificates are not looked up in revocation lists; a client that is to be kept out loses its CA, or its rights.
 */
import { X509Certificate } from "node:crypto";
import type { ClientAuth } from "../../config/listener_settings.ts";
import { type CertificateFacts, certificateFacts } from "../../security/certificate.ts";
import { certificatesOf } from "./tls_material.ts";
import { HandshakeError } from "./transport.ts";

/** What a handshake brought to light. */
export interface PresentedCertificate {
  readonly der: Uint8Array;
  /** Whether the runtime says that the chain is good. */
  readonly isAuthorized: boolean;
  /** Why it is not. */
  readonly reason: string;
  readonly isResumed: boolean;
}

export class PeerTrust {
  readonly #clientAuth: ClientAuth;
  readonly #nowMs: () => number;
  /** By fingerprint, the longest unused first: the authority that signed it, or null where others stand between. */
  readonly #trusted = new Map<string, string | null>();
  #authorities: readonly X509Certificate[] = [];

  constructor(clientAuth: ClientAuth, nowMs: () => number) {
    this.#clientAuth = clientAuth;
    this.#nowMs = nowMs;
  }

  /** Trusts these authorities (PEM) from now on. */
  use(clientCa: string): void {
    const before = new Set(this.#authorities.map(({ fingerprint256 }) => fingerprint256));
    this.#authorities = clientCa === "" ? [] : certificatesOf(clientCa, "the client CAs");
    const now = new Set(this.#authorities.map(({ fingerprint256 }) => fingerprint256));
    if ([...before].every((one) => now.has(one))) return;
    for (const [certificate, authority] of this.#trusted) {
      if (authority === null || !now.has(authority)) this.#trusted.delete(certificate);
    }
  }

  /** The certificate that the client may be taken for, or null; throws HandshakeError where it may not come in. */
  judge(presented: PresentedCertificate | null): Uint8Array | null {
    if (this.#clientAuth === "none") return null;
    if (presented === null) {
      if (this.#clientAuth === "requested") return null;
      throw new HandshakeError("it has no certificate, and this listener requires one");
    }
    const certificate = new X509Certificate(presented.der), { fingerprint256 } = certificate;
    const subject = certificate.subject.replaceAll("\n", ", ").slice(0, 300);
    const isTrusted = presented.isResumed
      ? this.#trusted.has(fingerprint256)
      : presented.isAuthorized;
    if (!isTrusted) {
      const reason = presented.isResumed ? "its session is not of this listener" : presented.reason;
      throw new HandshakeError(`its certificate (${subject}) is not trusted: ${reason}`);
    }
    const fault = faultOf(certificateFacts(presented.der), this.#nowMs());
    if (fault !== null) throw new HandshakeError(`its certificate (${subject}) ${fault}`);
    this.#remember(fingerprint256, certificate);
    return presented.der;
  }

  #remember(fingerprint: string, certificate: X509Certificate): void {
    const known = this.#trusted.get(fingerprint);
    this.#trusted.delete(fingerprint);
    this.#trusted.set(fingerprint, known === undefined ? this.#signerOf(certificate) : known);
    if (this.#trusted.size <= REMEMBERED) return;
    const [oldest] = this.#trusted.keys();
    this.#trusted.delete(oldest);
  }

  #signerOf(certificate: X509Certificate): string | null {
    const signer = this.#authorities.find((authority) =>
      certificate.checkIssued(authority) && certificate.verify(authority.publicKey)
    );
    return signer?.fingerprint256 ?? null;
  }
}

/** Certificates of clients that are remembered for their next sessions. */
const REMEMBERED = 16_384;
const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2", ANY_PURPOSE = "2.5.29.37.0";

function faultOf(facts: CertificateFacts, nowMs: number): string | null {
  if (facts.isCa) return "is an authority's, which is no client";
  if (nowMs < facts.notBeforeMs) return "is not valid yet";
  if (nowMs > facts.notAfterMs) return "has expired";
  const { purposes } = facts;
  const isForClients = purposes === null || purposes.includes(CLIENT_AUTH) ||
    purposes.includes(ANY_PURPOSE);
  return isForClients ? null : "is not for clients (its extended key usage says what for)";
}

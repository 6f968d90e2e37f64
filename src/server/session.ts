/**
 * Session: who is at the other end of a connection, and what it may do before that is known.
 *
 *     securing ──(handshake)──▶ authenticating ──(Authenticator says who)──▶ authenticated
 *         └──────── a listener without mechanisms: the certificate's name, or ANONYMOUS ────▲
 *
 * A plain connection has nothing to secure. Before it is authenticated a client has `authenticationTimeoutMs` for all of
 * it, handshake included, its requests are small, and no API but ApiVersions, SaslHandshake and SaslAuthenticate is
 * answered, nor is the body of another one looked at (SaslServerAuthenticator).
 */
import type { NewAuthenticator } from "../security/authenticator.ts";
import type { Handshake } from "./transport/transport.ts";

/** What a session has to know of the listener that its connection came by. */
export interface SessionListener {
  /** "PLAINTEXT", "EXTERNAL" */
  readonly name: string;
  /** Whether connections begin with a TLS handshake. */
  readonly isTls: boolean;
  /** How clients authenticate, by Kafka's name of the mechanism ("SCRAM-SHA-512"); empty: not by SASL. */
  readonly mechanisms: ReadonlyMap<string, NewAuthenticator>;
  /** "User:CN=alice" of a certificate that the listener trusts, in DER; throws where it can be nobody's. */
  readonly principalOf: (certificate: Uint8Array) => string;
}

export interface SessionLimits {
  /** Bytes of one request. */
  readonly maxFrameBytes: number;
  /** The same before it is known whose it is. */
  readonly unauthenticatedFrameBytes: number;
  /** From the first packet to being authenticated. */
  readonly authenticationTimeoutMs: number;
}

export type SessionState = "securing" | "authenticating" | "authenticated";

/** Of a client that nobody asked who it is. */
export const ANONYMOUS = "User:ANONYMOUS";

const SASL_HANDSHAKE = 17, API_VERSIONS = 18, SASL_AUTHENTICATE = 36;

export class Session {
  readonly listener: SessionListener;
  principal = ANONYMOUS;
  /** Bytes of one request, now. */
  maxFrameBytes: number;
  #state: SessionState = "securing";
  /** What TLS found; null on a plain connection. */
  #handshake: Handshake | null = null;
  readonly #limits: SessionLimits;
  readonly #beganMs: number;

  /** `nowMs` is monotonic. */
  constructor(listener: SessionListener, limits: SessionLimits, nowMs: number) {
    this.listener = listener;
    this.#limits = limits;
    this.#beganMs = nowMs;
    this.maxFrameBytes = Math.min(limits.unauthenticatedFrameBytes, limits.maxFrameBytes);
    if (!listener.isTls) this.#begin();
  }

  get state(): SessionState {
    return this.#state;
  }

  get handshake(): Handshake | null {
    return this.#handshake;
  }

  /** The handshake is done. Throws where the certificate can be nobody's. */
  secured(handshake: Handshake): void {
    if (this.#state !== "securing") throw new Error(`secured while ${this.#state}`);
    this.#handshake = handshake;
    this.#begin();
  }

  /** The client is who it says: from now on it may ask for everything that this principal may. */
  authenticated(principal: string): void {
    if (this.#state !== "authenticating") throw new Error(`authenticated while ${this.#state}`);
    this.principal = principal;
    this.#state = "authenticated";
    this.maxFrameBytes = this.#limits.maxFrameBytes;
  }

  /** Whether an API may be asked for now. */
  admits(apiKey: number): boolean {
    return this.#state === "authenticated" || this.#state === "authenticating" &&
        (apiKey === API_VERSIONS || apiKey === SASL_HANDSHAKE || apiKey === SASL_AUTHENTICATE);
  }

  /** Whether the client has had its time to say who it is. */
  isLate(nowMs: number): boolean {
    return this.#state !== "authenticated" &&
      nowMs - this.#beganMs > this.#limits.authenticationTimeoutMs;
  }

  #begin(): void {
    const { mechanisms, principalOf } = this.listener;
    this.#state = "authenticating";
    if (mechanisms.size > 0) return; // SASL says who, whatever the certificate does (DefaultKafkaPrincipalBuilder)
    const certificate = this.#handshake?.peerCertificate ?? null;
    this.authenticated(certificate === null ? ANONYMOUS : principalOf(certificate));
  }
}

/**
 * Session: who is at the other end of a connection, and what it may do before that is known.
 *
 *     securing ──(handshake)──▶ authenticating ──(Authenticator says who)──▶ authenticated
 *         └──────── a listener without mechanisms: the certificate's name, or ANONYMOUS ────▲
 *
 * A plain connection has nothing to secure. Before it is authenticated a client has `authenticationTimeoutMs` for all of
 * it, handshake included, its requests are small, and no API but ApiVersions, SaslHandshake and SaslAuthenticate, each when
 * it is its turn, is answered, nor is the body of another one looked at (security/sasl/conversation.ts).
 */
import type { NewAuthenticator } from "../security/authenticator.ts";
import {
  type LoginRules,
  type LoginSession,
  SaslConversation,
} from "../security/sasl/conversation.ts";
import type { Handshake } from "./transport/transport.ts";

/** What a session has to know of the listener that its connection came by. */
export interface SessionListener {
  /** "PLAINTEXT", "EXTERNAL" */
  readonly name: string;
  /** Whether connections begin with a TLS handshake. */
  readonly isTls: boolean;
  /** How clients authenticate, by Kafka's name of the mechanism ("SCRAM-SHA-512"); empty: not by SASL. */
  readonly mechanisms: ReadonlyMap<string, NewAuthenticator>;
  /** What log-ins go by; there where there are mechanisms. */
  readonly logins?: LoginRules;
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

export type SessionState = "securing" | "authenticating" | "authenticated" | "failed";

/** Of a client that nobody asked who it is. */
export const ANONYMOUS = "User:ANONYMOUS";

const SASL_HANDSHAKE = 17;

export class Session implements LoginSession {
  readonly listener: SessionListener;
  principal = ANONYMOUS;
  /** Whether it was proved by a delegation token. */
  isByToken = false;
  /** Bytes of one request, now. */
  maxFrameBytes: number;
  /** How its client says who it is; null where nobody asks that by SASL. */
  readonly sasl: SaslConversation | null;
  #state: SessionState = "securing";
  /** Whether every API may be asked for, whenever: so it is for nearly all requests. */
  #isOpen = false;
  /** Monotonic; what it was proved by holds no longer (KIP-368). */
  #expiresAtMs = Infinity;
  #isRevoked: () => boolean = never;
  /** When a re-authentication has begun that is not done. */
  #reauthBeganMs = Infinity;
  /** What TLS found; null on a plain connection. */
  #handshake: Handshake | null = null;
  readonly #limits: SessionLimits;
  readonly #beganMs: number;

  /** `nowMs` is monotonic, `peer` an address without port. */
  constructor(listener: SessionListener, limits: SessionLimits, nowMs: number, peer = "") {
    this.listener = listener;
    this.sasl = conversationOf(listener, { peer, session: this });
    this.#limits = limits;
    this.#beganMs = nowMs;
    this.maxFrameBytes = Math.min(limits.unauthenticatedFrameBytes, limits.maxFrameBytes);
    if (!listener.isTls) this.#begin();
  }

  get state(): SessionState {
    return this.#state;
  }

  get isStranger(): boolean {
    return this.#state !== "authenticated";
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

  /**
   * The client is who it says: from now on it may ask for everything that this principal may, as long as that holds.
   * Said again when it has proved itself again.
   */
  authenticated(principal: string, { expiresAtMs, isRevoked, isByToken }: Proof = FOR_EVER): void {
    const isAgain = this.#state === "authenticated" && this.#reauthBeganMs !== Infinity;
    if (this.#state !== "authenticating" && !isAgain) {
      throw new Error(`authenticated while ${this.#state}`);
    }
    this.principal = principal;
    this.isByToken = isByToken;
    this.#state = "authenticated";
    this.#reauthBeganMs = Infinity;
    this.#expiresAtMs = expiresAtMs;
    this.#isRevoked = isRevoked;
    this.#isOpen = expiresAtMs === Infinity;
    this.maxFrameBytes = this.#limits.maxFrameBytes;
  }

  /** The client has begun to prove itself again, and asks for nothing else meanwhile. */
  reauthenticating(): void {
    this.#isOpen = false;
    this.#reauthBeganMs = this.#nowMs();
  }

  /** It could not: nothing is admitted any more, and the connection ends when what is on its way has left. */
  failed(): void {
    this.#state = "failed";
    this.#isOpen = false;
  }

  /** Whether an API may be asked for now. */
  admits(apiKey: number): boolean {
    return this.#isOpen || this.#admitsNow(apiKey);
  }

  /** Whether the client has had its time to say who it is, for the first time or again. */
  isLate(nowMs: number): boolean {
    const beganMs = this.#state === "authenticated" ? this.#reauthBeganMs : this.#beganMs;
    return nowMs - beganMs > this.#limits.authenticationTimeoutMs;
  }

  /** Until when what it was proved by holds (monotonic); Infinity: for ever. */
  get endsMs(): number {
    return this.#expiresAtMs;
  }

  /** Whether its user was taken away since it was let in. */
  isRevoked(): boolean {
    return this.#state === "authenticated" && this.#isRevoked();
  }

  #admitsNow(apiKey: number): boolean {
    if (this.#state === "authenticating") return this.sasl?.admits(apiKey) ?? false;
    if (this.#state !== "authenticated") return false;
    if (this.#reauthBeganMs !== Infinity) return this.sasl!.admits(apiKey);
    // What has expired may only be proved again.
    return apiKey === SASL_HANDSHAKE || this.#nowMs() < this.#expiresAtMs;
  }

  #nowMs(): number {
    return this.listener.logins!.clock.monotonicMs();
  }

  #begin(): void {
    const { mechanisms, principalOf } = this.listener;
    this.#state = "authenticating";
    if (mechanisms.size > 0) return; // SASL says who, whatever the certificate does (DefaultKafkaPrincipalBuilder)
    const certificate = this.#handshake?.peerCertificate ?? null;
    this.authenticated(certificate === null ? ANONYMOUS : principalOf(certificate));
  }
}

type Proof = Parameters<LoginSession["authenticated"]>[1];

const never = () => false;
const FOR_EVER: Proof = { expiresAtMs: Infinity, isRevoked: never, isByToken: false };

function conversationOf(
  { name, mechanisms, logins }: SessionListener,
  { peer, session }: { readonly peer: string; readonly session: LoginSession },
): SaslConversation | null {
  if (mechanisms.size === 0) return null;
  if (logins === undefined) throw new Error(`the listener ${name} has mechanisms and no rules`);
  return new SaslConversation({ listener: name, peer, mechanisms, rules: logins, session });
}

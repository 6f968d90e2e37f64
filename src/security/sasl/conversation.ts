/**
 * SaslConversation: the log-ins of one connection, as Kafka's SaslServerAuthenticator takes them.
 *
 *     start ──(ApiVersions, once)──▶ handshake ──(SaslHandshake)──▶ tokens ──(done)──▶ in
 *       └────────────(SaslHandshake)──────────────────▲  ▲                             │
 *                                                         └───(SaslHandshake, KIP-368)─┘
 *
 * Whatever does not fit fails the connection, as does a re-authentication that would change who it is or how. A failure is
 * answered late, and an address that fails often waits before its next attempts are looked at.
 */
import type { AuthenticationStep, Authenticator, NewAuthenticator } from "../authenticator.ts";
import type { Attempt, AttemptPace } from "./attempt_pace.ts";

/** What all conversations of a broker go by. */
export interface LoginRules {
  /** How long a failure's answer waits (connection.failed.authentication.delay.ms). */
  readonly failureDelayMs: number;
  /** How long a session may last until it is proved again (connections.max.reauth.ms); 0: for ever. */
  readonly maxReauthMs: number;
  readonly pace: AttemptPace;
  readonly clock: { nowMs(): number; monotonicMs(): number };
  readonly pause: (ms: number) => Promise<void>;
  /** Told of every log-in that ended. */
  readonly onEnd: (end: LoginEnd) => void;
}

export interface LoginEnd {
  readonly listener: string;
  readonly peer: string;
  readonly mechanism: string;
  /** "busy" and "paced" were not looked at. */
  readonly result: "done" | "failed" | "busy" | "paced";
  readonly isAgain: boolean;
  /** Who was proved, "User:alice"; where nobody was, who the session was of. */
  readonly principal?: string | null;
  /** Whose name was given, as far as that was understood. */
  readonly claimed?: string | null;
  /** What the client calls itself. */
  readonly clientId?: string | null;
}

/** Whose log-ins they are. */
export interface LoginSession {
  /** Who was proved, and for how long (monotonic; Infinity: for ever). */
  authenticated(
    principal: string,
    proof: { expiresAtMs: number; isRevoked: () => boolean; isByToken: boolean },
  ): void;
  /** A re-authentication has begun. */
  reauthenticating(): void;
  /** Nothing is answered any more. */
  failed(): void;
}

export interface ConversationOptions {
  readonly listener: string;
  readonly peer: string;
  readonly mechanisms: ReadonlyMap<string, NewAuthenticator>;
  readonly rules: LoginRules;
  readonly session: LoginSession;
}

/** Null: the mechanism was taken; else it is not one of ours, and this is the last answer. */
export type HandshakeAnswer = "taken" | "unsupported" | "illegal";

export type TokenAnswer =
  | { readonly kind: "token"; readonly token: Uint8Array; readonly lifetimeMs: number }
  | { readonly kind: "failed"; readonly message: string }
  /** The connection ends without an answer. */
  | { readonly kind: "close" };

type State = "start" | "handshake" | "tokens" | "otherMechanism" | "in" | "failed";

const SASL_HANDSHAKE = 17, API_VERSIONS = 18, SASL_AUTHENTICATE = 36;
/** As Kafka: nobody authenticates again more often. */
const MIN_REAUTH_MS = 1000;
/** Kafka's clients need few; one that goes on for ever is cut off by the time it has. */
const MAX_TOKENS = 8;

export class SaslConversation {
  readonly #options: ConversationOptions;
  #state: State = "start";
  #authenticator: Authenticator | null = null;
  #mechanism = "";
  /** Handshake v0: what follows are tokens, without requests around them. */
  #isRaw = false;
  #tokens = 0;
  /** Whether the attempt has failed already, and that was counted. */
  #isRefused = false;
  #principal: string | null = null;
  #mechanismBefore = "";
  #reauthBeganMs = -Infinity;
  /** As its handshake says. */
  #clientId: string | null = null;

  constructor(options: ConversationOptions) {
    this.#options = options;
  }

  /** The names of the mechanisms there are. */
  get mechanisms(): string[] {
    return [...this.#options.mechanisms.keys()];
  }

  /** Whether the next frame is a bare token. */
  get takesRawTokens(): boolean {
    return this.#isRaw && this.#state === "tokens";
  }

  /** Whether a token is what is due. */
  get takesTokens(): boolean {
    return this.#state === "tokens";
  }

  /** Whether an API may be asked for now, while the client is not in, or proves itself again. */
  admits(apiKey: number): boolean {
    switch (this.#state) {
      case "start":
        return apiKey === API_VERSIONS || apiKey === SASL_HANDSHAKE;
      case "handshake":
        return apiKey === SASL_HANDSHAKE;
      case "tokens":
        return apiKey === SASL_AUTHENTICATE;
      default:
        return this.#state === "in";
    }
  }

  /** ApiVersions were told, which is asked once. */
  toldVersions(): void {
    if (this.#state === "start") this.#state = "handshake";
  }

  /** Chooses the mechanism. `isRaw`: by a handshake of version 0. */
  async handshake(
    mechanism: string,
    { isRaw, clientId = null }: { readonly isRaw: boolean; readonly clientId?: string | null },
  ): Promise<HandshakeAnswer> {
    this.#clientId = clientId;
    const { mechanisms, rules, session, listener, peer } = this.#options;
    const isAgain = this.#state === "in", nowMs = rules.clock.monotonicMs();
    if (isAgain) {
      if (nowMs - this.#reauthBeganMs < MIN_REAUTH_MS) return "illegal";
      this.#reauthBeganMs = nowMs;
      session.reauthenticating();
    }
    const make = mechanisms.get(mechanism);
    if (make === undefined) {
      await this.#fail("failed", "unknown");
      return "unsupported";
    }
    this.#isRaw = isRaw;
    this.#tokens = 0;
    this.#isRefused = false;
    // Kafka answers such a handshake well, and ends the connection with what comes next.
    this.#state = isAgain && mechanism !== this.#mechanismBefore ? "otherMechanism" : "tokens";
    this.#mechanism = mechanism;
    this.#authenticator = make({ listener, peer });
    return "taken";
  }

  /** The answer to a token, which must be a copy. Never rejects. */
  async token(token: Uint8Array): Promise<TokenAnswer> {
    const { rules: { pace } } = this.#options, attempt = this.#attempt;
    if (!await pace.enter(attempt)) {
      await this.#fail("paced");
      return { kind: "close" };
    }
    const step = await this.#step(token), isRefusal = step.kind === "challenge" && step.isRefusal;
    const isFailure = isRefusal === true || (step.kind === "failed" && !this.#isRefused);
    this.#isRefused ||= isFailure;
    pace.leave(attempt, { isFailure });
    if (this.#state !== "tokens") return { kind: "close" };
    switch (step.kind) {
      case "challenge":
        return { kind: "token", token: step.token, lifetimeMs: 0 };
      case "done":
        return await this.#done(step);
      case "failed":
        return await this.#refuse(step.message ?? this.#badCredentials());
      case "busy":
        await this.#fail("busy");
        return { kind: "close" };
    }
  }

  get #attempt(): Attempt {
    return { peer: this.#options.peer, principal: this.#principal };
  }

  async #step(token: Uint8Array): Promise<AuthenticationStep> {
    try {
      return ++this.#tokens > MAX_TOKENS
        ? { kind: "failed", message: null }
        : await this.#authenticator!.step(token);
    } catch {
      return { kind: "failed", message: null }; // what cannot be checked is not let in
    }
  }

  async #done(step: AuthenticationStep & { kind: "done" }): Promise<TokenAnswer> {
    const { listener, peer, rules, session } = this.#options, before = this.#principal;
    if (before !== null && before !== step.principal) {
      return await this.#refuse(
        `Cannot change principals during re-authentication from ${before}: ${step.principal}`,
      );
    }
    const lifetimeMs = this.#lifetimeMs(step.expiresAtMs);
    if (lifetimeMs !== null && lifetimeMs <= 0 && step.expiresAtMs !== null) {
      return await this.#refuse(this.#badCredentials());
    }
    this.#state = "in";
    this.#principal = step.principal;
    this.#mechanismBefore = this.#mechanism;
    this.#authenticator = null;
    const { principal } = step, clientId = this.#clientId;
    session.authenticated(step.principal, {
      expiresAtMs: lifetimeMs === null ? Infinity : rules.clock.monotonicMs() + lifetimeMs,
      isRevoked: step.isRevoked ?? never,
      isByToken: step.isByToken ?? false,
    });
    const isAgain = before !== null;
    const mechanism = this.#mechanism;
    rules.onEnd({ listener, peer, mechanism, result: "done", isAgain, principal, clientId });
    return { kind: "token", token: step.token, lifetimeMs: lifetimeMs ?? 0 };
  }

  /** How long the session lasts: what the credential has left, and what is configured; null: for ever. */
  #lifetimeMs(expiresAtMs: number | null): number | null {
    const { maxReauthMs, clock } = this.#options.rules;
    const leftMs = expiresAtMs === null ? Infinity : Math.max(0, expiresAtMs - clock.nowMs());
    const lifetimeMs = Math.min(leftMs, maxReauthMs > 0 ? maxReauthMs : Infinity);
    return lifetimeMs === Infinity ? null : Math.floor(lifetimeMs);
  }

  /** Kafka's words, which do not say what was wrong. */
  #badCredentials(): string {
    const during = this.#principal === null ? "authentication" : "re-authentication";
    return `Authentication failed during ${during} due to invalid credentials with SASL mechanism ${this.#mechanism}`;
  }

  async #refuse(message: string): Promise<TokenAnswer> {
    if (!this.#isRefused) this.#options.rules.pace.failed(this.#attempt);
    await this.#fail("failed");
    return { kind: "failed", message };
  }

  /** From now on nothing is answered but what is on its way, and that late. */
  async #fail(result: "failed" | "busy" | "paced", mechanism = this.#mechanism): Promise<void> {
    const { listener, peer, rules, session } = this.#options;
    const claimed = this.#authenticator?.claimed ?? null, principal = this.#principal;
    this.#state = "failed";
    this.#authenticator = null;
    session.failed();
    const isAgain = principal !== null, clientId = this.#clientId;
    rules.onEnd({ listener, peer, mechanism, result, isAgain, principal, claimed, clientId });
    if (rules.failureDelayMs > 0) await rules.pause(rules.failureDelayMs);
  }
}

const never = () => false;

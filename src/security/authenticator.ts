/**
 * Authenticator: how a client proves who it is, one mechanism each. A listener names the mechanisms it has, with a
 * function for each that makes the authenticator of one log-in; the session (server/session.ts) feeds it the client's
 * tokens, one at a time, and becomes the principal that comes out.
 */

/** One log-in over one connection. Made anew for each, also for re-authentication (KIP-368). */
export interface Authenticator {
  /**
   * The answer to the client's next token. Never throws for what a client sent: that is `failed`. No token is given to
   * it while another is on its way, nor after `done` or `failed`.
   */
  step(token: Uint8Array): Promise<AuthenticationStep>;
  /** Whose name the client gave, whether or not it proves it. */
  readonly claimed?: string | null;
}

export type AuthenticationStep =
  /** The client is to answer this; where it says that the attempt has failed, that counts now. */
  | { readonly kind: "challenge"; readonly token: Uint8Array; readonly isRefusal?: boolean }
  /** "User:alice", and until when on the wall clock; null: as long as the connection lasts. */
  | {
    readonly kind: "done";
    readonly token: Uint8Array;
    readonly principal: string;
    readonly expiresAtMs: number | null;
    /** Whether this user was taken away since: asked now and then, and then the connection ends. */
    readonly isRevoked?: () => boolean;
    /** Whether it came by a delegation token, with which no further one can be had. */
    readonly isByToken?: boolean;
  }
  /** For the client, the same for whatever it got wrong; null: Kafka's words for bad credentials. */
  | { readonly kind: "failed"; readonly message: string | null }
  /** There is no room to find out now: the connection ends without an answer, so that the client tries again. */
  | { readonly kind: "busy" };

/** What an authenticator may know of the connection. */
export interface AuthenticationContext {
  readonly listener: string;
  /** The peer's address without port. */
  readonly peer: string;
}

export type NewAuthenticator = (context: AuthenticationContext) => Authenticator;

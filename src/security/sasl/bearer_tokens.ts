/**
 * BearerTokens: whether a JSON web token (RFC 7519) is from who may issue them, for us, and not over; and whose it is.
 *
 * Only signatures of a public key count; which key is asked of the configured set by `kid`, and what else a token says of
 * keys (jku, x5u, jwk) is not looked at. iss, aud and exp must be there.
 */
import { jwtVerify } from "jose";
import type { SigningKeys } from "./signing_keys.ts";

/** Signatures of private keys; not HS*, whose key whoever verifies has, nor "none". */
const ALGORITHMS = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
  "Ed25519",
];

export interface TokenRules {
  readonly issuer: string;
  /** Any of them. */
  readonly audiences: readonly string[];
  /** The claim that names the user: "sub" */
  readonly principalClaim: string;
  /** How far clocks may be apart. */
  readonly clockSkewSeconds: number;
  /** The wall clock. */
  readonly nowMs: () => number;
  /** Told why a token was refused, without what is in it. */
  readonly onRefused: (reason: string) => void;
}

/** The last moment that there is a date of. */
const LAST_MS = 8.64e15;

/** Who a token is, and until when on the wall clock. */
export interface ProvedToken {
  readonly name: string;
  readonly expiresAtMs: number;
}

export class BearerTokens {
  readonly #keys: SigningKeys;
  readonly #rules: TokenRules;

  constructor(keys: SigningKeys, rules: TokenRules) {
    this.#keys = keys;
    this.#rules = rules;
  }

  /** Null where it is refused. */
  async verify(token: string): Promise<ProvedToken | null> {
    const { issuer, audiences, principalClaim, clockSkewSeconds, nowMs, onRefused } = this.#rules;
    try {
      const { payload } = await jwtVerify(
        token,
        ({ kid, alg }) => this.#keys.find(kid ?? null, alg),
        {
          algorithms: ALGORITHMS,
          issuer,
          audience: [...audiences],
          requiredClaims: ["iss", "aud", "exp", principalClaim],
          clockTolerance: clockSkewSeconds,
          currentDate: new Date(nowMs()),
        },
      );
      const name = payload[principalClaim];
      if (typeof name !== "string" || name.trim() === "" || name.includes("\0")) {
        onRefused(`its claim ${principalClaim} is no name`);
        return null;
      }
      const exp = payload.exp! > nowMs() / 1000 ? payload.exp! : payload.exp! + clockSkewSeconds;
      return { name, expiresAtMs: Math.min(exp * 1000, LAST_MS) };
    } catch (error) {
      onRefused(error instanceof Error ? error.message : String(error));
      return null;
    }
  }
}

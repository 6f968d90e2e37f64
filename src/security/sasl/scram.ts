/**
 * SCRAM-SHA-256 and SCRAM-SHA-512 as Kafka's ScramSaslServer has them (RFC 5802, 7677), without channel binding.
 *
 * A user that is not there gets a challenge like any other, and fails where a wrong password does: after the proof.
 */
import { randomBytes, timingSafeEqual } from "node:crypto";
import type { AuthenticationStep, Authenticator } from "../authenticator.ts";
import {
  digest,
  hmac,
  mockCredential,
  type ScramCredential,
  type ScramHash,
} from "./scram_credential.ts";
import { base64, type ClientFirst, readClientFinal, readClientFirst } from "./scram_message.ts";

/** Where the credentials of one mechanism are. */
export interface ScramCredentials {
  find(name: string): ScramCredential | null;
  /** What a user that is not there is said to have: what most have. */
  readonly usualIterations: number;
  /** Of this server, the same after a restart. */
  readonly secret: Uint8Array;
}

export class ScramLogin implements Authenticator {
  /** As Authenticator. */
  claimed: string | null = null;
  readonly #hash: ScramHash;
  readonly #credentials: ScramCredentials;
  readonly #newNonce: () => string;
  #challenged: Challenged | null = null;

  constructor(
    hash: ScramHash,
    credentials: ScramCredentials,
    { newNonce = randomNonce }: { readonly newNonce?: () => string } = {},
  ) {
    this.#hash = hash;
    this.#credentials = credentials;
    this.#newNonce = newNonce;
  }

  step(token: Uint8Array): Promise<AuthenticationStep> {
    const challenged = this.#challenged;
    return Promise.resolve(
      challenged === null ? this.#first(token) : this.#final(token, challenged),
    );
  }

  #first(token: Uint8Array): AuthenticationStep {
    const first = readClientFirst(token);
    if (first === null) return FAILED;
    const { name, authorizationId, extensions } = first;
    this.claimed = name;
    if (authorizationId !== "" && authorizationId !== name) return OTHER_ID;
    // Delegation tokens are not built: their ids are nobody's.
    const isToken = extensions.get("tokenauth")?.toLowerCase() === "true";
    const found = isToken ? null : this.#credentials.find(name);
    const { secret, usualIterations: iterations } = this.#credentials;
    // Made for everybody, as making it takes a time that could be told.
    const mock = mockCredential(this.#hash, { secret, name, iterations });
    const credential = found ?? mock;
    const nonce = first.nonce + this.#newNonce();
    const text = `r=${nonce},s=${base64(credential.salt)},i=${credential.iterations}`;
    this.#challenged = { first, credential, isKnown: found !== null, nonce, text };
    return { kind: "challenge", token: utf8(text) };
  }

  #final(token: Uint8Array, challenged: Challenged): AuthenticationStep {
    const { first, credential, isKnown, nonce, text } = challenged;
    const final = readClientFinal(token);
    if (final === null) return FAILED;
    // librdkafka before 2.6.1 says its own nonce twice; the server's is there in full, which is what counts. Kafka did not look
    // until 3.8, and refuses those clients by now (4.3 and 4.4 do).
    if (final.nonce !== nonce && final.nonce !== first.nonce + nonce) return FAILED;
    const { channelBinding, withoutProof, proof } = final;
    // Kafka's own client says "n,," whatever its first message had.
    if (channelBinding !== base64(utf8(first.gs2Header)) && channelBinding !== NO_BINDING) {
      return FAILED;
    }
    const signed = `${first.bare},${text},${withoutProof}`;
    const isProved = proves(this.#hash, { credential, signed, proof });
    if (!isProved || !isKnown) return FAILED;
    const { name } = first, credentials = this.#credentials;
    return {
      kind: "done",
      token: utf8(`v=${base64(hmac(this.#hash, credential.serverKey, signed))}`),
      principal: `User:${name}`,
      expiresAtMs: null,
      isRevoked: () => credentials.find(name) === null,
    };
  }
}

interface Challenged {
  readonly first: ClientFirst;
  readonly credential: ScramCredential;
  readonly isKnown: boolean;
  readonly nonce: string;
  /** What the client was told, which is signed too. */
  readonly text: string;
}

const FAILED: AuthenticationStep = { kind: "failed", message: null };
/** As Kafka has it, with PLAIN too. */
export const OTHER_ID: AuthenticationStep = {
  kind: "failed",
  message:
    "Authentication failed: Client requested an authorization id that is different from username",
};
/** Base64 of "n,," */
const NO_BINDING = "biws";

/** Whether who sent the proof has the key that the stored one is the hash of. */
function proves(
  hash: ScramHash,
  { credential, signed, proof }: {
    readonly credential: ScramCredential;
    readonly signed: string;
    readonly proof: Uint8Array;
  },
): boolean {
  const signature = hmac(hash, credential.storedKey, signed);
  const key = new Uint8Array(hash.bytes);
  for (let i = 0; i < key.length; i++) key[i] = signature[i] ^ (proof[i] ?? 0);
  const isEqual = timingSafeEqual(digest(hash, key), credential.storedKey);
  return isEqual && proof.length === hash.bytes;
}

function randomNonce(): string {
  return randomBytes(24).toString("base64url");
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

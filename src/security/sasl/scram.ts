/**
 * SCRAM-SHA-256 and SCRAM-SHA-512 as Kafka's ScramSaslServer has them (RFC 5802, 7677), without channel binding.
 *
 * A user that is not there gets a challenge like any other, and fails where a wrong password does: after the proof. So does
 * a delegation token that is not there (tokenauth=true, KIP-48); who has one is its owner.
 */
import { randomBytes, timingSafeEqual } from "node:crypto";
import type { AuthenticationStep, Authenticator } from "../authenticator.ts";
import {
  digest,
  hmac,
  mockCredential,
  type ScramCredential,
  type ScramHash,
  standOf,
  TOKEN_ITERATIONS,
} from "./scram_credential.ts";
import type { CredentialLook, Population } from "./population.ts";
import { base64, type ClientFirst, readClientFinal, readClientFirst } from "./scram_message.ts";

/** Where the credentials of one mechanism are. */
export interface ScramCredentials {
  find(name: string): ScramCredential | null;
  /** The delegation token of this id; `salt` is what its credential is to have. */
  findToken(tokenId: string, salt: Uint8Array): TokenLogin | null;
  /** What a user that is not there looks like one of. */
  readonly population: Population;
  /** Of this server, the same after a restart. */
  readonly secret: Uint8Array;
}

/** A delegation token, as far as a log-in has to know it. */
export interface TokenLogin {
  /** What verifies its password, the HMAC in base64; "busy" when too many log in. */
  readonly credential: Promise<ScramCredential | "busy">;
  /** "User:alice" */
  readonly owner: string;
  /** Until when it is good, as things are now: it may have been renewed. Null when it is no more. */
  expiresAtMs(): number | null;
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
    return challenged === null
      ? this.#first(token)
      : Promise.resolve(this.#final(token, challenged));
  }

  async #first(token: Uint8Array): Promise<AuthenticationStep> {
    const first = readClientFirst(token);
    if (first === null) return FAILED;
    const { name, authorizationId, extensions } = first;
    this.claimed = name;
    if (authorizationId !== "" && authorizationId !== name) return OTHER_ID;
    const isByToken = extensions.get("tokenauth")?.toLowerCase() === "true";
    const { secret, population } = this.#credentials;
    // Made for everybody, as making it takes a time that could be told.
    const stand = standOf(this.#hash, { secret, name });
    const look = isByToken ? TOKEN_LOOK : population.at(stand);
    const mock = mockCredential(this.#hash, { secret, name, look });
    const delegated = isByToken ? this.#credentials.findToken(name, mock.salt) : null;
    const found = isByToken ? await delegated?.credential : this.#credentials.find(name);
    if (found === "busy") return { kind: "busy" };
    const credential = found ?? mock;
    const nonce = first.nonce + this.#newNonce();
    const text = `r=${nonce},s=${base64(credential.salt)},i=${credential.iterations}`;
    this.#challenged = { first, credential, isKnown: found != null, delegated, nonce, text };
    return { kind: "challenge", token: utf8(text) };
  }

  #final(token: Uint8Array, challenged: Challenged): AuthenticationStep {
    const { first, credential, isKnown, delegated, nonce, text } = challenged;
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
    const answer = utf8(`v=${base64(hmac(this.#hash, credential.serverKey, signed))}`);
    if (delegated !== null) return byToken(delegated, answer);
    const { name } = first, credentials = this.#credentials;
    return {
      kind: "done",
      token: answer,
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
  /** Of a log-in by token. */
  readonly delegated: TokenLogin | null;
  readonly nonce: string;
  /** What the client was told, which is signed too. */
  readonly text: string;
}

/** All tokens look so. */
const TOKEN_LOOK: CredentialLook = { iterations: TOKEN_ITERATIONS, saltBytes: null };
const FAILED: AuthenticationStep = { kind: "failed", message: null };
/** As Kafka has it, with PLAIN too. */
export const OTHER_ID: AuthenticationStep = {
  kind: "failed",
  message:
    "Authentication failed: Client requested an authorization id that is different from username",
};
/** Base64 of "n,," */
const NO_BINDING = "biws";

/** Who proved to have a token is its owner, until it ends: as it stands now, also when it is renewed afterwards. */
function byToken(delegated: TokenLogin, token: Uint8Array): AuthenticationStep {
  const expiresAtMs = delegated.expiresAtMs();
  if (expiresAtMs === null) return FAILED;
  const isRevoked = () => delegated.expiresAtMs() === null;
  const { owner: principal } = delegated;
  return { kind: "done", token, principal, expiresAtMs, isRevoked, isByToken: true };
}

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

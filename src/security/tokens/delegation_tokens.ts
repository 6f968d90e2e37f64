/**
 * DelegationTokens: the delegation tokens there are (KIP-48), with their passwords. A token is a record of the metadata,
 * which has no password in it: that is the HMAC-SHA-512 of the token's id under the cluster's secret key, as in Kafka, so
 * that nobody finds it in a directory, a backup or a snapshot, and every broker with the key makes the same.
 *
 * Who renews or ends a token shows its HMAC; who logs in proves to know it by SCRAM, as the password of a user that is
 * called like the token's id.
 */
import { createHmac } from "node:crypto";
import { Buffer } from "node:buffer";
import type { Derivations } from "../sasl/derivations.ts";
import {
  credentialOf,
  DEFAULT_ITERATIONS,
  saltedPassword,
  type ScramCredential,
  type ScramHash,
} from "../sasl/scram_credential.ts";

/** A token as the metadata has it (DelegationTokenRecord). Principals are "User:alice", times ms since 1970. */
export interface DelegationToken {
  readonly tokenId: string;
  /** Who one is with the token. */
  readonly owner: string;
  /** Who asked for it. */
  readonly requester: string;
  /** Who may renew or end it, besides. */
  readonly renewers: readonly string[];
  readonly issueTimestamp: number;
  readonly maxTimestamp: number;
  readonly expirationTimestamp: number;
}

/** Where the tokens are kept. */
export interface TokenRecords {
  /** Another one whenever there may be others. */
  readonly version: number;
  all(): Iterable<DelegationToken>;
}

interface Kept {
  token: DelegationToken;
  readonly hmac: Uint8Array;
  /** What verifies the HMAC, by mechanism: made at the token's first log-in, and kept as long as the token is. */
  readonly credentials: Map<number, Promise<ScramCredential | "busy">>;
}

export class DelegationTokens {
  readonly #secretKey: Uint8Array;
  readonly #records: TokenRecords;
  readonly #byId = new Map<string, Kept>();
  /** Ids by HMAC, in base64. */
  readonly #ids = new Map<string, string>();
  #version = -1;

  constructor(secretKey: string, records: TokenRecords) {
    this.#secretKey = new TextEncoder().encode(secretKey);
    this.#records = records;
  }

  /** 64 bytes; also of an id that no token has yet. */
  hmacOf(tokenId: string): Uint8Array {
    return new Uint8Array(createHmac("sha512", this.#secretKey).update(tokenId, "utf8").digest());
  }

  find(tokenId: string): DelegationToken | null {
    this.#follow();
    return this.#byId.get(tokenId)?.token ?? null;
  }

  /** The token that has this HMAC. */
  findByHmac(hmac: Uint8Array): DelegationToken | null {
    this.#follow();
    const id = this.#ids.get(base64(hmac));
    return id === undefined ? null : this.#byId.get(id)!.token;
  }

  /** Every token, expired ones too until they are removed, with its HMAC. */
  all(): { readonly token: DelegationToken; readonly hmac: Uint8Array }[] {
    this.#follow();
    return [...this.#byId.values()];
  }

  /** What verifies the token's HMAC by a mechanism; "busy" when too many log in; null where there is no such token. */
  credential(
    hash: ScramHash,
    tokenId: string,
    { salt, derivations }: { readonly salt: Uint8Array; readonly derivations: Derivations },
  ): Promise<ScramCredential | "busy"> | null {
    this.#follow();
    const kept = this.#byId.get(tokenId);
    if (kept === undefined) return null;
    const { credentials, hmac } = kept, made = credentials.get(hash.number);
    if (made !== undefined) return made;
    const making = derivations.run(() => newCredential(hash, base64(hmac), salt));
    credentials.set(hash.number, making);
    const again = () => void credentials.delete(hash.number); // who waits is told
    making.then((done) => done === "busy" && again(), again);
    return making;
  }

  /** Takes up what became of the tokens since. HMACs are made of new ones alone. */
  #follow(): void {
    const { version } = this.#records;
    if (version === this.#version) return;
    const seen = new Set<string>();
    for (const token of this.#records.all()) {
      const { tokenId } = token, known = this.#byId.get(tokenId);
      seen.add(tokenId);
      if (known !== undefined) {
        known.token = token;
        continue;
      }
      const hmac = this.hmacOf(tokenId);
      this.#byId.set(tokenId, { token, hmac, credentials: new Map() });
      this.#ids.set(base64(hmac), tokenId);
    }
    if (seen.size < this.#byId.size) this.#forget((tokenId) => !seen.has(tokenId));
    this.#version = version;
  }

  #forget(isGone: (tokenId: string) => boolean): void {
    for (const [tokenId, { hmac }] of this.#byId) {
      if (!isGone(tokenId)) continue;
      this.#byId.delete(tokenId);
      this.#ids.delete(base64(hmac));
    }
  }
}

async function newCredential(
  hash: ScramHash,
  text: string,
  salt: Uint8Array,
): Promise<ScramCredential> {
  const iterations = DEFAULT_ITERATIONS, password = new TextEncoder().encode(text);
  const salted = await saltedPassword(hash, { password, salt, iterations });
  return credentialOf(hash, { salted, salt, iterations });
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64");
}

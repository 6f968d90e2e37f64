/**
 * DelegationTokens: the delegation tokens there are (KIP-48), with their passwords. A token is a record of the metadata,
 * which has no password in it: that is the HMAC-SHA-512 of the token's id under the cluster's secret key, as in Kafka, so
 * that nobody finds it in a directory, a backup or a snapshot, and every broker with the key makes the same.
 *
 * Who renews or ends a token shows its HMAC; who logs in proves to know it by SCRAM, as the password of a user that is
 * called like the token's id.
 */
import type { GivesWay } from "../../clock.ts";
import { createHmac } from "node:crypto";
import { Buffer } from "node:buffer";
import type { Derivations } from "../sasl/derivations.ts";
import {
  credentialOf,
  saltedPassword,
  type ScramCredential,
  type ScramHash,
  TOKEN_ITERATIONS,
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
  /** Null until somebody asks: all of them take seconds where there are very many. */
  hmac: Uint8Array | null;
  /** What verifies the HMAC, by mechanism: made at the token's first log-in, and kept as long as the token is. */
  readonly credentials: Map<number, Promise<ScramCredential | "busy">>;
}

export class DelegationTokens {
  readonly #secretKey: Uint8Array;
  readonly #records: TokenRecords;
  readonly #byId = new Map<string, Kept>();
  /** Ids by HMAC, in base64, but for those that are not there yet. */
  readonly #ids = new Map<string, string>();
  readonly #missing = new Set<string>();
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

  /** Makes ready for findByHmac(), and gives others their turn meanwhile; leaves off when it `isOver`. */
  async prepare(turn: GivesWay, isOver: () => boolean = () => false): Promise<void> {
    while (!isOver()) {
      this.#follow();
      for (const tokenId of this.#missing) {
        this.#index(tokenId);
        if (turn.isLong) break;
      }
      if (this.#missing.size === 0) return;
      await turn.next();
    }
  }

  /** The token that has this HMAC. */
  findByHmac(hmac: Uint8Array): DelegationToken | null {
    this.#follow();
    for (const tokenId of this.#missing) this.#index(tokenId); // few: those since prepare()
    const id = this.#ids.get(base64(hmac));
    return id === undefined ? null : this.#byId.get(id)!.token;
  }

  /** Every token, expired ones too until they are removed. */
  all(): DelegationToken[] {
    this.#follow();
    return Array.from(this.#byId.values(), ({ token }) => token);
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
    const { credentials } = kept, made = credentials.get(hash.number);
    if (made !== undefined) return made;
    const password = base64(this.#hmacOfKept(kept));
    const making = derivations.run(() => newCredential(hash, password, salt));
    credentials.set(hash.number, making);
    const again = () => void credentials.delete(hash.number); // who waits is told
    making.then((done) => done === "busy" && again(), again);
    return making;
  }

  #hmacOfKept(kept: Kept): Uint8Array {
    return kept.hmac ??= this.hmacOf(kept.token.tokenId);
  }

  #index(tokenId: string): void {
    this.#ids.set(base64(this.#hmacOfKept(this.#byId.get(tokenId)!)), tokenId);
    this.#missing.delete(tokenId);
  }

  /** Takes up what became of the tokens since: whoever asks sees what has been committed. */
  #follow(): void {
    const { version } = this.#records;
    if (version === this.#version) return;
    let count = 0;
    for (const token of this.#records.all()) {
      count++;
      const { tokenId } = token, known = this.#byId.get(tokenId);
      if (known !== undefined) known.token = token;
      else {
        this.#byId.set(tokenId, { token, hmac: null, credentials: new Map() });
        this.#missing.add(tokenId);
      }
    }
    if (count < this.#byId.size) this.#forgetGone();
    this.#version = version;
  }

  #forgetGone(): void {
    const there = new Set<string>();
    for (const { tokenId } of this.#records.all()) there.add(tokenId);
    for (const [tokenId, { hmac }] of this.#byId) {
      if (there.has(tokenId)) continue;
      this.#byId.delete(tokenId);
      this.#missing.delete(tokenId);
      if (hmac !== null) this.#ids.delete(base64(hmac));
    }
  }
}

async function newCredential(
  hash: ScramHash,
  text: string,
  salt: Uint8Array,
): Promise<ScramCredential> {
  const iterations = TOKEN_ITERATIONS, password = new TextEncoder().encode(text);
  const salted = await saltedPassword(hash, { password, salt, iterations });
  return credentialOf(hash, { salted, salt, iterations });
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64");
}

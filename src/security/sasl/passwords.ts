/**
 * Passwords: whether a password is a user's, for PLAIN. The work is the same whoever is asked about: for a user that is not
 * there, and for one with fewer iterations than another has.
 */
import { timingSafeEqual } from "node:crypto";
import type { Derivations } from "./derivations.ts";
import {
  credentialOf,
  DEFAULT_ITERATIONS,
  hashOf,
  mockCredential,
  saltedPassword,
  type ScramCredential,
  type ScramHash,
} from "./scram_credential.ts";

/** Whose passwords there are, all of one hash. */
export interface PasswordStore {
  find(name: string): ScramCredential | null;
  /** Of whoever has most; 0 where there is nobody. */
  readonly mostIterations: number;
}

export class Passwords {
  readonly store: PasswordStore;
  readonly #secret: Uint8Array;
  readonly #derivations: Derivations;
  readonly #hash: ScramHash;

  constructor(
    store: PasswordStore,
    secret: Uint8Array,
    derivations: Derivations,
    hash: ScramHash = hashOf("SCRAM-SHA-512")!,
  ) {
    this.#hash = hash;
    this.store = store;
    this.#secret = secret;
    this.#derivations = derivations;
  }

  /** Whether it is; "busy" when too many wait already. */
  async check(name: string, password: Uint8Array): Promise<boolean | "busy"> {
    return await this.#derivations.run(() => this.#check(name, password));
  }

  async #check(name: string, password: Uint8Array): Promise<boolean> {
    const hash = this.#hash, found = this.store.find(name);
    const most = this.store.mostIterations || DEFAULT_ITERATIONS;
    const mock = mockCredential(hash, {
      secret: this.#secret,
      name,
      look: { iterations: most, saltBytes: null },
    });
    const credential = found ?? mock;
    const { salt, iterations } = credential;
    const salted = await saltedPassword(hash, { password, salt, iterations });
    if (most > iterations) {
      await saltedPassword(hash, { password, salt, iterations: most - iterations });
    }
    const { storedKey } = credentialOf(hash, { salted, salt, iterations });
    const isEqual = timingSafeEqual(storedKey, credential.storedKey);
    return isEqual && found !== null;
  }
}

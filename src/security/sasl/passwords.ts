/**
 * Passwords: whether a password is a user's, for PLAIN. PBKDF2 runs on the runtime's threads, a few at a time, and as many
 * wait as can be answered before clients give up: a flood of log-ins takes no time from those who are in.
 *
 * The work is the same whoever is asked about: for a user that is not there, and for one with fewer iterations than
 * another has.
 */
import { timingSafeEqual } from "node:crypto";
import {
  credentialOf,
  DEFAULT_ITERATIONS,
  hashOf,
  mockCredential,
  saltedPassword,
  type ScramCredential,
} from "./scram_credential.ts";

/** Whose passwords there are, all in SHA-512. */
export interface PasswordStore {
  find(name: string): ScramCredential | null;
  /** Of whoever has most; 0 where there is nobody. */
  readonly mostIterations: number;
}

const HASH = hashOf("SCRAM-SHA-512")!;
/** As many at a time as leave a core for the others. */
const AT_ONCE = 2;
const MOST_WAITING = 1000;

export class Passwords {
  readonly store: PasswordStore;
  readonly #secret: Uint8Array;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(store: PasswordStore, secret: Uint8Array) {
    this.store = store;
    this.#secret = secret;
  }

  /** Whether it is; "busy" when too many wait already. */
  async check(name: string, password: Uint8Array): Promise<boolean | "busy"> {
    if (this.#running >= AT_ONCE) {
      if (this.#waiting.length >= MOST_WAITING) return "busy";
      await new Promise<void>((resolve) => this.#waiting.push(resolve)); // takes over the place of who ends
    } else this.#running++;
    try {
      return await this.#check(name, password);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }

  async #check(name: string, password: Uint8Array): Promise<boolean> {
    const found = this.store.find(name);
    const most = this.store.mostIterations || DEFAULT_ITERATIONS;
    const mock = mockCredential(HASH, { secret: this.#secret, name, iterations: most });
    const credential = found ?? mock;
    const { salt, iterations } = credential;
    const salted = await saltedPassword(HASH, { password, salt, iterations });
    if (most > iterations) {
      await saltedPassword(HASH, { password, salt, iterations: most - iterations });
    }
    const { storedKey } = credentialOf(HASH, { salted, salt, iterations });
    const isEqual = timingSafeEqual(storedKey, credential.storedKey);
    return isEqual && found !== null;
  }
}

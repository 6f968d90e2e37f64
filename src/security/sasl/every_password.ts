/**
 * EveryPassword: whether a password is a user's, whichever mechanism the user has it for. All are looked into, one after
 * the other, whoever is asked about: what it takes tells nobody which users there are.
 */
import { Buffer } from "node:buffer";
import type { Passwords } from "./passwords.ts";
import type { ScramCredential } from "./scram_credential.ts";

export class EveryPassword {
  readonly #kinds: readonly Passwords[];

  constructor(kinds: readonly Passwords[]) {
    this.#kinds = kinds;
  }

  readonly store = {
    find: (name: string): ScramCredential | null => {
      for (const { store } of this.#kinds) {
        const found = store.find(name);
        if (found !== null) return found;
      }
      return null;
    },
  };

  /** Whether what the user's passwords are proved by is another from now on: one was set, or the user is gone. */
  watch(name: string): () => boolean {
    const keysOf = () => this.#kinds.map(({ store }) => store.find(name)?.storedKey ?? NONE);
    const before = keysOf();
    return () => keysOf().some((key, i) => Buffer.compare(key, before[i]) !== 0);
  }

  /** As Passwords. */
  async check(name: string, password: Uint8Array): Promise<boolean | "busy"> {
    let isRight = false;
    for (const passwords of this.#kinds) {
      const answer = await passwords.check(name, password);
      if (answer === "busy") return "busy";
      isRight ||= answer;
    }
    return isRight;
  }
}

const NONE = new Uint8Array();

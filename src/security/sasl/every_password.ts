/**
 * EveryPassword: whether a password is a user's, whichever mechanism the user has it for. All are looked into, one after
 * the other, whoever is asked about: what it takes tells nobody which users there are.
 */
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

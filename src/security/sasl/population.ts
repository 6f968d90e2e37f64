/**
 * Population: what the credentials of a mechanism look like, so that those which are made up for users that are not there
 * (scram_credential.ts) look like one of them, as often as they do.
 *
 * What shows before a log-in is how many iterations there are and what kind of salt: Kafka's tools make text of base 36,
 * Runnel too; librdkafka, kafkajs and franz-go so many random bytes. Everybody who is not there looking alike would tell
 * all apart who look otherwise.
 *
 * A name stays what it is as long as the population does. Of a hundred names about one changes its look when the hundredth
 * user comes or goes, as a user does whose password is changed by another tool.
 */
import type { ScramCredential } from "./scram_credential.ts";

/** What a stranger sees of a credential. */
export interface CredentialLook {
  readonly iterations: number;
  /** How many random bytes its salt is; null: text as Kafka's tools make it. */
  readonly saltBytes: number | null;
}

export class Population {
  readonly #looks: readonly { readonly look: CredentialLook; readonly count: number }[];
  readonly #count: number;

  /** Of nobody everyone looks like `otherwise`. */
  constructor(
    credentials: Iterable<Pick<ScramCredential, "salt" | "iterations">>,
    otherwise: CredentialLook,
  ) {
    const counts = new Map<string, { look: CredentialLook; count: number }>();
    let count = 0;
    for (const credential of credentials) {
      const look = lookOf(credential), key = `${look.iterations} ${look.saltBytes}`;
      const same = counts.get(key);
      if (same === undefined) counts.set(key, { look, count: 1 });
      else same.count++;
      count++;
    }
    if (count === 0) counts.set("", { look: otherwise, count: ++count });
    // In an order of their own, so that who comes moves the bounds between them by no more than its share.
    this.#looks = [...counts].sort(([a], [b]) => a < b ? -1 : 1).map(([, one]) => one);
    this.#count = count;
  }

  /** The look of the one who stands there, from 0 up to 1, among all. */
  at(share: number): CredentialLook {
    let before = 0;
    for (const { look, count } of this.#looks) {
      before += count;
      if (share * this.#count < before) return look;
    }
    return this.#looks[this.#looks.length - 1].look;
  }
}

function lookOf(
  { salt, iterations }: Pick<ScramCredential, "salt" | "iterations">,
): CredentialLook {
  const isText = salt.length >= LEAST_TEXT && salt.length <= MOST_TEXT && salt.every(isBase36);
  return { iterations, saltBytes: isText ? null : salt.length };
}

/** 130 bits as text of base 36; one in a hundred thousand is shorter. */
const LEAST_TEXT = 23, MOST_TEXT = 26;

function isBase36(byte: number): boolean {
  return byte >= 48 && byte <= 57 || byte >= 97 && byte <= 122;
}

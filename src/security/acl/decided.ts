/**
 * Decided: what was decided, by who asked and for which resource, until an ACL comes or goes. Most requests ask what others
 * of the same user asked before.
 *
 * A request keeps what it began with, so that it is answered as one thing; whoever begins after a change begins anew.
 */

/** Of all askers, at about 100 bytes each; then all are forgotten. Longer names than topics have are not remembered. */
const MAX_DECISIONS = 50_000, MAX_NAME = 249;

export class Decided {
  #byAsker = new Map<string, DecidedFor>();
  #version = 0;
  #count = 0;

  /** `version` is that of the ACLs: of another one nothing is known. */
  for(principal: string, peer: string, version: number): DecidedFor {
    if (version !== this.#version || this.#count >= MAX_DECISIONS) {
      this.#byAsker = new Map();
      this.#version = version;
      this.#count = 0;
    }
    const asker = `${peer} ${principal}`, known = this.#byAsker.get(asker);
    if (known !== undefined) return known;
    const fresh = new DecidedFor(() => this.#count++);
    this.#count++;
    this.#byAsker.set(asker, fresh);
    return fresh;
  }
}

/** For one principal from one address. */
export class DecidedFor {
  readonly #byType: (Map<string, number> | undefined)[] = [];
  readonly #count: () => void;

  constructor(count: () => void) {
    this.#count = count;
  }

  /** The operations allowed, as bits; undefined where that is not known. */
  get(resourceType: number, name: string): number | undefined {
    return this.#byType[resourceType]?.get(name);
  }

  set(resourceType: number, name: string, allowed: number): void {
    if (name.length > MAX_NAME) return;
    (this.#byType[resourceType] ??= new Map()).set(name, allowed);
    this.#count();
  }
}

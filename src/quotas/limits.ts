/**
 * Limits: which quota of those that are set holds for a user and a client id, the most specific first, in Kafka's order
 * (DefaultQuotaCallback): the user with the client id, the user with any client id, the user; the same for any user; the
 * client id, any client id. It is asked for each kind by itself, so that a quota for one hides none for another.
 */
export const QUOTA_KINDS = [
  "producer_byte_rate",
  "consumer_byte_rate",
  "request_percentage",
  "controller_mutation_rate",
] as const;
export type QuotaKind = typeof QUOTA_KINDS[number];

/** Of whom something is counted together; null where it is of all alike. */
export interface Counted {
  readonly user: string | null;
  readonly clientId: string | null;
}

export interface Limit {
  readonly of: Counted;
  readonly value: number;
}

/** A quota for a user, a client id or both; the name null is the default. */
export interface ClientLimit {
  readonly user?: string | null;
  readonly clientId?: string | null;
  readonly kind: QuotaKind;
  readonly value: number;
}

export class Limits {
  readonly #values = new Map<string, number>();

  /** Whether there are none. */
  get isEmpty(): boolean {
    return this.#values.size === 0;
  }

  set({ user, clientId, kind, value }: ClientLimit): void {
    this.#values.set(keyOf(kind, user, clientId), value);
  }

  delete({ user, clientId, kind }: Omit<ClientLimit, "value">): void {
    this.#values.delete(keyOf(kind, user, clientId));
  }

  /** What holds for a client, or null. */
  find(kind: QuotaKind, user: string, clientId: string): Limit | null {
    const value = (user?: string | null, clientId?: string | null) =>
      this.#values.get(keyOf(kind, user, clientId));
    for (const name of [user, null]) {
      const together = value(name, clientId) ?? value(name, null);
      if (together !== undefined) return { of: { user, clientId }, value: together };
      const alone = value(name);
      if (alone !== undefined) return { of: { user, clientId: null }, value: alone };
    }
    const ofClient = value(undefined, clientId) ?? value(undefined, null);
    return ofClient === undefined ? null : { of: { user: null, clientId }, value: ofClient };
  }
}

function keyOf(kind: QuotaKind, user?: string | null, clientId?: string | null): string {
  return `${kind} ${partOf(user)} ${partOf(clientId)}`;
}

/** "-" for no such part, "*" for the default; what is quoted is a name. */
function partOf(name?: string | null): string {
  return name === undefined ? "-" : name === null ? "*" : JSON.stringify(name);
}

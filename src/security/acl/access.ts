/**
 * Access: what the one who sent a request may do. Handlers ask it, `access.may(operation, type, name)`; what was found
 * of a resource stays as long as the request takes, so that it is answered as one thing, and for others of the same user
 * until an ACL comes or goes.
 *
 * Made new for every request, and when a request has waited: what a removed ACL allowed is refused from then on, on whatever
 * connection, and in fetch sessions too.
 */
import { bit, CLUSTER_NAME, Operation, ResourceType, SUPPORTED_OPERATIONS } from "./acl.ts";
import type { Authorizer, Decision } from "./authorizer.ts";
import type { DecidedFor } from "./decided.ts";

/** What an Access is made of. */
export interface Asker {
  /** "User:alice" */
  readonly principal: string;
  /** Peer address without port. */
  readonly peer: string;
}

/** A right that was not there. */
export interface Refused {
  readonly operation: number;
  readonly resourceType: number;
  readonly name: string;
}

export class Access {
  readonly #authorizer: Authorizer | null;
  readonly #asker: Asker | null;
  #known: DecidedFor | null = null;
  /** What was asked and not allowed, the last of each type of resource; null while all was. */
  #refused: Map<number, Refused> | null = null;
  /** The one that this is anew, which is told of what is refused. */
  #first: Access | null = null;

  /** Null: there is no authorizer, and everything is allowed. */
  constructor(authorizer: Authorizer | null, asker: Asker | null) {
    this.#authorizer = authorizer;
    this.#asker = asker;
  }

  /** The same with nothing remembered, for a request that has waited. */
  again(): Access {
    if (this.#authorizer === null) return this;
    const again = new Access(this.#authorizer, this.#asker);
    again.#first = this.#first ?? this;
    return again;
  }

  /** Whether everything is allowed, so that nothing need be asked. */
  get isOpen(): boolean {
    return this.#authorizer === null;
  }

  /** Whether the operation is allowed on the resource. */
  may(operation: number, resourceType: number, name: string): boolean {
    if (this.#authorizer === null) return true;
    if ((this.allowed(resourceType, name) & bit(operation)) !== 0) return true;
    const told = this.#first ?? this;
    told.#refused ??= new Map();
    told.#refused.set(resourceType, { operation, resourceType, name });
    return false;
  }

  /** What was asked and not allowed, the last of each type of resource; null while all was. */
  get refused(): ReadonlyMap<number, Refused> | null {
    return this.#refused;
  }

  mayTopic(operation: number, name: string): boolean {
    return this.#authorizer === null || this.may(operation, ResourceType.TOPIC, name);
  }

  mayGroup(operation: number, groupId: string): boolean {
    return this.#authorizer === null || this.may(operation, ResourceType.GROUP, groupId);
  }

  mayCluster(operation: number): boolean {
    return this.#authorizer === null || this.may(operation, ResourceType.CLUSTER, CLUSTER_NAME);
  }

  mayTransactional(operation: number, transactionalId: string): boolean {
    return this.#authorizer === null ||
      this.may(operation, ResourceType.TRANSACTIONAL_ID, transactionalId);
  }

  /** Whether a producer without a transactional id may have an id: who may write to some topic (KIP-679). */
  mayProduce(): boolean {
    const { IDEMPOTENT_WRITE, WRITE } = Operation;
    if (this.mayCluster(IDEMPOTENT_WRITE)) return true;
    const { principal, peer } = this.#asker!;
    return this.#authorizer!.allowedOnSome(principal, peer, WRITE, ResourceType.TOPIC);
  }

  /** What is decided by the ACLs there are now, and by which rule: for who writes down what was asked. */
  explain(operation: number, resourceType: number, name: string): Decision {
    if (this.#authorizer === null) return { isAllowed: true, rule: { kind: "no authorizer" } };
    const { principal, peer } = this.#asker!;
    return this.#authorizer.explain(principal, peer, operation, resourceType, name);
  }

  /** The operations allowed, as bits, as Kafka's answers have them in fields of authorized operations. */
  allowed(resourceType: number, name: string): number {
    if (this.#authorizer === null) return SUPPORTED_OPERATIONS[resourceType] ?? 0;
    const { principal, peer } = this.#asker!;
    const known = this.#known ??= this.#authorizer.decided(principal, peer);
    const found = known.get(resourceType, name);
    if (found !== undefined) return found;
    const allowed = this.#authorizer.allowed(principal, peer, resourceType, name);
    known.set(resourceType, name, allowed);
    return allowed;
  }

  allowedCluster(): number {
    return this.allowed(ResourceType.CLUSTER, CLUSTER_NAME);
  }
}

/** Without an authorizer: one for all requests. */
export const OPEN_ACCESS = new Access(null, null);

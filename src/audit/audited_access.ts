/** AuditedAccess: an Access that remembers what was asked of it, and which rule decided. */
import { ErrorCode } from "../protocol/errors.ts";
import { Access, type Asker } from "../security/acl/access.ts";
import { type Acl, Operation, PatternType, Permission, ResourceType } from "../security/acl/acl.ts";
import type { Authorizer, Decision } from "../security/acl/authorizer.ts";
import type { Right } from "./event.ts";

const DENIAL_OF: Readonly<Record<number, number>> = {
  [ResourceType.TOPIC]: ErrorCode.TOPIC_AUTHORIZATION_FAILED,
  [ResourceType.GROUP]: ErrorCode.GROUP_AUTHORIZATION_FAILED,
  [ResourceType.CLUSTER]: ErrorCode.CLUSTER_AUTHORIZATION_FAILED,
  [ResourceType.TRANSACTIONAL_ID]: ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
  [ResourceType.DELEGATION_TOKEN]: ErrorCode.DELEGATION_TOKEN_AUTHORIZATION_FAILED,
};

/** Of one request; so many are told, the rest counted. */
const MAX_RIGHTS = 20;

interface Asked {
  readonly operation: number;
  readonly resourceType: number;
  readonly name: string;
  readonly isAllowed: boolean;
  /** Explained at once where the request itself may change the rules. */
  readonly decision: Decision | null;
}

export class AuditedAccess extends Access {
  readonly #rules: Authorizer;
  readonly #who: Asker;
  /** Null until something is remembered: mostly nothing is. */
  #asked: Map<string, Asked> | null = null;
  #more = 0;
  #remembersAll = false;

  constructor(authorizer: Authorizer, asker: Asker) {
    super(authorizer, asker);
    this.#rules = authorizer;
    this.#who = asker;
  }

  /** From now on what is allowed is remembered, too. */
  rememberAll(): void {
    this.#remembersAll = true;
  }

  /** Whether anything was refused. */
  get hasRefused(): boolean {
    if (this.#asked === null) return false;
    return this.#more > 0 || [...this.#asked.values()].some(({ isAllowed }) => !isAllowed);
  }

  /** What Kafka answers to what was refused. */
  get refusals(): ReadonlySet<number> {
    const refused = [...this.#asked?.values() ?? []].filter(({ isAllowed }) => !isAllowed);
    return new Set(refused.map(({ resourceType }) => DENIAL_OF[resourceType]));
  }

  override may(operation: number, resourceType: number, name: string): boolean {
    const isAllowed = super.may(operation, resourceType, name);
    if (!isAllowed || this.#remembersAll) {
      this.#remember({ operation, resourceType, name, isAllowed });
    }
    return isAllowed;
  }

  /** What was asked, each once, and how many more. */
  rights({ refusedOnly = false } = {}): { readonly rights: Right[]; readonly more: number } {
    const asked = [...this.#asked?.values() ?? []].filter(({ isAllowed }) =>
      !refusedOnly || !isAllowed
    );
    return { rights: asked.map((one) => this.#right(one)), more: this.#more };
  }

  #remember(asked: Omit<Asked, "decision">): void {
    const { operation, resourceType, name } = asked;
    const key = `${operation} ${resourceType} ${name}`, known = this.#asked ??= new Map();
    if (known.has(key)) return;
    if (known.size >= MAX_RIGHTS) {
      this.#more++;
      return;
    }
    known.set(key, { ...asked, decision: this.#remembersAll ? this.#explain(asked) : null });
  }

  #explain({ operation, resourceType, name }: Omit<Asked, "decision">): Decision {
    const { principal, peer } = this.#who;
    return this.#rules.explain(principal, peer, operation, resourceType, name);
  }

  #right(asked: Asked): Right {
    const { rule } = asked.decision ?? this.#explain(asked);
    return {
      operation: wordOf(Operation, asked.operation),
      type: wordOf(ResourceType, asked.resourceType),
      name: asked.name,
      allowed: asked.isAllowed,
      by: rule.kind === "acl" ? aclText(rule.acl) : rule.kind,
    };
  }
}

/** "ALLOW READ on TOPIC LITERAL:orders for User:alice from *" */
export function aclText(acl: Acl): string {
  const rule = `${wordOf(Permission, acl.permissionType)} ${wordOf(Operation, acl.operation)}`;
  const pattern = `${wordOf(PatternType, acl.patternType)}:${acl.resourceName}`;
  const type = wordOf(ResourceType, acl.resourceType);
  return `${rule} on ${type} ${pattern} for ${acl.principal} from ${acl.host}`;
}

/** Kafka's word for a number; the number itself where it has none. */
export function wordOf(words: Readonly<Record<string, number>>, number: number): string {
  for (const word in words) if (words[word] === number) return word;
  return String(number);
}

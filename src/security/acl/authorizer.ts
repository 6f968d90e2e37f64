/**
 * Authorizer: decides by the ACLs as Kafka's StandardAuthorizer: super users may everything; a deny beats every allow;
 * what no ACL allows is denied, or, where it is so configured, allowed on resources that no ACL is of.
 */
import {
  type Acl,
  ALLOWED_BY,
  bit,
  DENIED_BY,
  Permission,
  sameHost,
  SUPPORTED_OPERATIONS,
} from "./acl.ts";
import { Decided, type DecidedFor } from "./decided.ts";
import { AclIndex, type Verdict } from "./acl_index.ts";

export interface AuthorizerOptions {
  /** "User:admin"; they may do everything, whatever the ACLs say. */
  readonly superUsers: readonly string[];
  readonly allowEveryoneIfNoAclFound: boolean;
}

/** Which rule decides: an ACL, or what holds where none does. */
export interface Decision {
  readonly isAllowed: boolean;
  readonly rule:
    | { readonly kind: "acl"; readonly acl: Acl }
    | { readonly kind: RuleWithoutAcl };
}

export type RuleWithoutAcl =
  | "no authorizer"
  | "super user"
  | "no acl of the resource"
  | "no acl allows it";

export class Authorizer {
  readonly index = new AclIndex();
  readonly #decided = new Decided();
  readonly #superUsers: ReadonlySet<string>;
  readonly #isOpenWithoutAcls: boolean;

  constructor({ superUsers, allowEveryoneIfNoAclFound }: AuthorizerOptions) {
    this.#superUsers = new Set(superUsers);
    this.#isOpenWithoutAcls = allowEveryoneIfNoAclFound;
  }

  /** What is known already of somebody, by the ACLs there are now. */
  decided(principal: string, host: string): DecidedFor {
    return this.#decided.for(principal, host, this.index.version);
  }

  /** The operations allowed, those implied among them, as bits. `host` is the peer's address as it came. */
  allowed(principal: string, host: string, resourceType: number, name: string): number {
    const supported = SUPPORTED_OPERATIONS[resourceType] ?? 0;
    if (this.#superUsers.has(principal)) return supported;
    const verdict = this.index.verdict(principal, sameHost(host), resourceType, name);
    if (!verdict.hasAcls) return this.#isOpenWithoutAcls ? supported : 0;
    return allowedOf(verdict, supported);
  }

  /** Whether an operation is allowed on some resource of the type (Authorizer.authorizeByResourceType). */
  allowedOnSome(
    principal: string,
    host: string,
    operation: number,
    resourceType: number,
  ): boolean {
    // Any name will do: Kafka asks for this one, so that super users, and everybody where that is so, are let through.
    const anyName = this.allowed(principal, host, resourceType, "hardcode");
    return (anyName & bit(operation)) !== 0 ||
      this.index.isAllowedOnSome(principal, sameHost(host), operation, resourceType);
  }

  /**
   * What is decided, and by which rule: for the log and for people. Costs as much as a decision. Where several ACLs
   * decide, one of them is told, its host as addresses are compared.
   */
  explain(
    principal: string,
    host: string,
    operation: number,
    resourceType: number,
    name: string,
  ): Decision {
    if (this.#superUsers.has(principal)) return { isAllowed: true, rule: { kind: "super user" } };
    const asked = { principal, host: sameHost(host), resourceType, name };
    const deny = this.index.deciding(asked, Permission.DENY, DENIED_BY[operation]);
    if (deny !== null) return { isAllowed: false, rule: { kind: "acl", acl: deny } };
    const allow = this.index.deciding(asked, Permission.ALLOW, ALLOWED_BY[operation]);
    if (allow !== null) return { isAllowed: true, rule: { kind: "acl", acl: allow } };
    const { hasAcls } = this.index.verdict(principal, asked.host, resourceType, name);
    return hasAcls
      ? { isAllowed: false, rule: { kind: "no acl allows it" } }
      : { isAllowed: this.#isOpenWithoutAcls, rule: { kind: "no acl of the resource" } };
  }
}

function allowedOf({ allowed, denied }: Verdict, supported: number): number {
  if (allowed === 0) return 0;
  let operations = 0;
  for (let operation = 0; operation < ALLOWED_BY.length; operation++) {
    if ((supported & bit(operation)) === 0) continue;
    const isAllowed = (allowed & ALLOWED_BY[operation]) !== 0;
    if (isAllowed && (denied & DENIED_BY[operation]) === 0) operations |= bit(operation);
  }
  return operations;
}

/** ACLs as `runnel acl` reads and writes them: `alice read topic:orders`. */
import { ConfigError } from "../../config/load.ts";
import {
  type Acl,
  bit,
  CLUSTER_NAME,
  Operation,
  PatternType,
  Permission,
  ResourceType,
  SUPPORTED_OPERATIONS,
} from "../../security/acl/acl.ts";
import type { Decision } from "../../security/acl/authorizer.ts";
import type { Call } from "../call.ts";
import type { Output } from "../output.ts";

/** Throws ConfigError. */
export function aclOf(call: Call): Acl {
  return aclFrom(call.words, {
    isPrefixed: call.has("--prefixed"),
    isDenied: call.has("--deny"),
    host: call.text("--host"),
  });
}

/** What an ACL has beside its user, operation and resource. */
interface AclDetails {
  readonly isPrefixed: boolean;
  readonly isDenied: boolean;
  /** Null: any. */
  readonly host: string | null;
}

/** Of user, operation and resource. Throws ConfigError. */
export function aclFrom(
  [user, operation, resource]: readonly string[],
  { isPrefixed, isDenied, host }: AclDetails,
): Acl {
  const colon = resource.indexOf(":"), kind = colon < 0 ? resource : resource.slice(0, colon);
  const resourceType = numberOf(ResourceType, kind), operationCode = numberOf(Operation, operation);
  const isCluster = resourceType === ResourceType.CLUSTER;
  const resourceName = isCluster && colon < 0 ? CLUSTER_NAME : resource.slice(colon + 1);
  const isNamed = resourceName !== "" && (colon >= 0 || isCluster);
  if (resourceType === null || resourceType === ResourceType.ANY || !isNamed) {
    throw new ConfigError(
      `acl: "${resource}" is no resource: needs topic:NAME, group:NAME, transactional-id:NAME, delegation-token:ID, user:NAME or cluster`,
    );
  }
  const supported = SUPPORTED_OPERATIONS[resourceType] | bit(Operation.ALL);
  if (operationCode === null || (bit(operationCode) & supported) === 0) {
    throw new ConfigError(
      `acl: "${operation}" is nothing that can be done with a ${kind}: needs one of ${
        operationsOf(supported).join(", ")
      }`,
    );
  }
  return {
    resourceType,
    resourceName,
    patternType: isPrefixed ? PatternType.PREFIXED : PatternType.LITERAL,
    principal: user.includes(":") ? user : `User:${user}`,
    host: host ?? "*",
    operation: operationCode,
    permissionType: isDenied ? Permission.DENY : Permission.ALLOW,
  };
}

function operationsOf(bits: number): string[] {
  return Object.values(Operation).filter((operation) => (bits & bit(operation)) !== 0)
    .map((operation) => wordOf(Operation, operation));
}

function numberOf(codes: Readonly<Record<string, number>>, word: string): number | null {
  const name = word.toUpperCase().replaceAll("-", "_");
  return Object.hasOwn(codes, name) ? codes[name] : null;
}

/** "describe-configs" */
export function wordOf(codes: Readonly<Record<string, number>>, code: number): string {
  const found = Object.entries(codes).find(([, value]) => value === code);
  return found === undefined ? String(code) : found[0].toLowerCase().replaceAll("_", "-");
}

/** User, rule, operation, resource and host. */
export function aclRow(acl: Acl): string[] {
  return [
    acl.principal,
    wordOf(Permission, acl.permissionType),
    wordOf(Operation, acl.operation),
    resourceText(acl),
    acl.host,
  ];
}

function resourceText({ resourceType, resourceName, patternType }: Acl): string {
  const kind = wordOf(ResourceType, resourceType);
  if (resourceType === ResourceType.CLUSTER) return kind;
  return `${kind}:${resourceName}${patternType === PatternType.PREFIXED ? " (prefixed)" : ""}`;
}

/** For programs: whether it is of a prefix stands apart from the name. */
export function aclJson(acl: Acl) {
  const { resourceType, resourceName, patternType } = acl;
  return {
    user: acl.principal,
    rule: wordOf(Permission, acl.permissionType),
    operation: wordOf(Operation, acl.operation),
    resource: { type: wordOf(ResourceType, resourceType), name: resourceName },
    prefixed: patternType === PatternType.PREFIXED,
    host: acl.host,
  };
}

/** What was added or removed. */
export function tellRule(out: Output, acl: Acl): void {
  if (out.isJson) out.json(aclJson(acl));
  else out.line(ruleText(acl));
}

export function ruleText(acl: Acl): string {
  const from = acl.host === "*" ? "" : ` from ${acl.host}`;
  const rule = `${wordOf(Permission, acl.permissionType)} ${wordOf(Operation, acl.operation)}`;
  return `${acl.principal}: ${rule} on ${resourceText(acl)}${from}`;
}

/** "denied, by: no ACL allows it" */
export function decisionText({ isAllowed, rule }: Decision): string {
  return `${isAllowed ? "allowed" : "denied"}, by: ${
    rule.kind === "acl" ? ruleText(rule.acl) : WORDS[rule.kind](isAllowed)
  }`;
}

const WORDS = {
  "no authorizer": () => "the broker asks no ACLs (authorization.mode)",
  "super user": () =>
    "a super user of the broker's configuration (authorization.super_users, or auth.plain_username)",
  "no acl of the resource": (isAllowed: boolean) =>
    isAllowed
      ? "no ACL is of it, and authorization.allow_everyone_if_no_acl_found is set"
      : "no ACL is of it",
  "no acl allows it": () => "no ACL allows it",
} as const;

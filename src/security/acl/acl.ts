/**
 * Acl: one rule of who may or may not do what with which resources, and the words it is made of, with Kafka's numbers
 * (org.apache.kafka.common.acl, .resource). Names are compared as they are: no case folding, no Unicode normalisation.
 */

export const ResourceType = {
  ANY: 1,
  TOPIC: 2,
  GROUP: 3,
  CLUSTER: 4,
  TRANSACTIONAL_ID: 5,
  DELEGATION_TOKEN: 6,
  USER: 7,
} as const;

export const PatternType = { ANY: 1, MATCH: 2, LITERAL: 3, PREFIXED: 4 } as const;

export const Operation = {
  ANY: 1,
  ALL: 2,
  READ: 3,
  WRITE: 4,
  CREATE: 5,
  DELETE: 6,
  ALTER: 7,
  DESCRIBE: 8,
  CLUSTER_ACTION: 9,
  DESCRIBE_CONFIGS: 10,
  ALTER_CONFIGS: 11,
  IDEMPOTENT_WRITE: 12,
  CREATE_TOKENS: 13,
  DESCRIBE_TOKENS: 14,
  TWO_PHASE_COMMIT: 15,
} as const;

export const Permission = { ANY: 1, DENY: 2, ALLOW: 3 } as const;

/** The only name of the only CLUSTER resource. */
export const CLUSTER_NAME = "kafka-cluster";
/** Every name, as the name of a literal pattern; every host; and, after "User:", every user. */
export const WILDCARD = "*";
export const EVERY_USER = "User:*";

export interface Acl {
  readonly resourceType: number;
  readonly resourceName: string;
  /** LITERAL or PREFIXED. */
  readonly patternType: number;
  /** "User:alice"; "User:*" is everybody. */
  readonly principal: string;
  /** An IP address as text, or "*". */
  readonly host: string;
  readonly operation: number;
  /** DENY or ALLOW. */
  readonly permissionType: number;
}

/** What matches ACLs: null, ANY and MATCH stand for more than one value (AclBindingFilter). */
export interface AclFilter {
  readonly resourceType: number;
  readonly resourceName: string | null;
  readonly patternType: number;
  readonly principal: string | null;
  readonly host: string | null;
  readonly operation: number;
  readonly permissionType: number;
}

/** Bits of operations; bit n is the operation n, as in Kafka's fields of authorized operations. */
export function bit(operation: number): number {
  return 1 << operation;
}

function bits(...operations: number[]): number {
  return operations.reduce((sum, operation) => sum | bit(operation), 0);
}

const { ALL, READ, WRITE, CREATE, DELETE, ALTER, DESCRIBE } = Operation;
const { CLUSTER_ACTION, DESCRIBE_CONFIGS, ALTER_CONFIGS, IDEMPOTENT_WRITE } = Operation;
const { CREATE_TOKENS, DESCRIBE_TOKENS, TWO_PHASE_COMMIT } = Operation;

/** What can be done with a resource of a type (AclEntry.supportedOperations), as bits. */
export const SUPPORTED_OPERATIONS: readonly number[] = [
  0,
  0,
  bits(READ, WRITE, CREATE, DELETE, ALTER, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS),
  bits(READ, DELETE, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS),
  bits(
    CREATE,
    ALTER,
    DESCRIBE,
    CLUSTER_ACTION,
    DESCRIBE_CONFIGS,
    ALTER_CONFIGS,
    IDEMPOTENT_WRITE,
  ),
  bits(WRITE, DESCRIBE, TWO_PHASE_COMMIT),
  bits(DESCRIBE),
  bits(CREATE_TOKENS, DESCRIBE_TOKENS),
];

/** By operation: the operations of an ACL that allow it. */
export const ALLOWED_BY: readonly number[] = byOperation((operation) => {
  if (operation === DESCRIBE) return bits(ALL, DESCRIBE, READ, WRITE, DELETE, ALTER);
  if (operation === DESCRIBE_CONFIGS) return bits(ALL, DESCRIBE_CONFIGS, ALTER_CONFIGS);
  return bits(ALL, operation);
});

/** By operation: the operations of an ACL that deny it. Denies imply nothing. */
export const DENIED_BY: readonly number[] = byOperation((operation) => bits(ALL, operation));

function byOperation(value: (operation: number) => number): number[] {
  return Array.from({ length: TWO_PHASE_COMMIT + 1 }, (_, operation) => value(operation));
}

/** Whether a pattern is of a resource with this name. A prefixed "*" is a prefix like another. */
function isOfResource(
  { resourceName, patternType }: Pick<Acl, "resourceName" | "patternType">,
  name: string,
): boolean {
  if (patternType === PatternType.PREFIXED) return name.startsWith(resourceName);
  return resourceName === name || resourceName === WILDCARD;
}

/** Whether a filter finds an ACL (ResourcePatternFilter, AccessControlEntryFilter). */
export function matches(filter: AclFilter, acl: Acl): boolean {
  const { principal, host, operation, permissionType } = filter;
  if (principal !== null && principal !== acl.principal) return false;
  if (host !== null && host !== acl.host) return false;
  if (operation !== Operation.ANY && operation !== acl.operation) return false;
  if (permissionType !== Permission.ANY && permissionType !== acl.permissionType) return false;
  return matchesPattern(filter, acl);
}

function matchesPattern(filter: AclFilter, acl: Acl): boolean {
  const { resourceType, resourceName, patternType } = filter;
  if (resourceType !== ResourceType.ANY && resourceType !== acl.resourceType) return false;
  const isAnyPattern = patternType === PatternType.ANY || patternType === PatternType.MATCH;
  if (!isAnyPattern && patternType !== acl.patternType) return false;
  if (resourceName === null) return true;
  return patternType === PatternType.MATCH
    ? isOfResource(acl, resourceName)
    : resourceName === acl.resourceName;
}

/**
 * The same text for the same address: IPv4 that came through an IPv6 socket as the IPv4 address that it is, and IPv6 as
 * Java writes it, eight groups without leading zeros. What is no address stays as it is.
 */
export function sameHost(host: string): string {
  if (!host.includes(":")) return host;
  const address = host.toLowerCase();
  const mapped = /^(?:::|(?:0+:){5})ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(address);
  if (mapped !== null) return mapped[1];
  const [left, right, ...more] = address.split("::");
  const head = groupsOf(left), tail = right === undefined ? [] : groupsOf(right);
  const missing = 8 - head.length - tail.length;
  const groups = [...head, ...Array(Math.max(missing, 0)).fill("0"), ...tail];
  const isAddress = more.length === 0 && groups.length === 8 &&
    (right === undefined ? missing === 0 : missing > 0) &&
    groups.every((group) => /^[0-9a-f]{1,4}$/.test(group));
  if (!isAddress) return host;
  const short = groups.map((group) => group.replace(/^0+(?=.)/, ""));
  if (short.slice(0, 6).join(":") !== "0:0:0:0:0:ffff") return short.join(":");
  return short.slice(6).flatMap((group) => [parseInt(group, 16) >> 8, parseInt(group, 16) & 255])
    .join(".");
}

function groupsOf(text: string): string[] {
  return text === "" ? [] : text.split(":");
}

/** The same text for the same rule. */
export function aclKey(acl: Acl): string {
  return JSON.stringify([
    acl.resourceType,
    acl.resourceName,
    acl.patternType,
    acl.principal,
    acl.host,
    acl.operation,
    acl.permissionType,
  ]);
}

/** What an ACL counts where they are limited: one, and one more for every thousand characters of its texts. */
export function aclSize({ resourceName, principal, host }: Acl): number {
  return 1 + Math.floor((resourceName.length + principal.length + host.length) / 1000);
}

/** The one ACL that a filter can find, but for how its host is written; null where it may find others. */
export function onlyOne(filter: AclFilter): Acl | null {
  const { resourceType, resourceName, patternType, principal, host } = filter;
  if (resourceName === null || principal === null || host === null) return null;
  const isOpen = resourceType === ResourceType.ANY || filter.operation === Operation.ANY ||
    filter.permissionType === Permission.ANY ||
    patternType === PatternType.ANY || patternType === PatternType.MATCH;
  return isOpen ? null : { ...filter, resourceName, principal, host };
}

/** ACLs of a cluster, as an administrator names them: "topic", "read", "allow". */
import { CreateAcls } from "../protocol/messages/create_acls.ts";
import { DeleteAcls } from "../protocol/messages/delete_acls.ts";
import { DescribeAcls } from "../protocol/messages/describe_acls.ts";
import type { CallOptions } from "./call.ts";
import type { Cluster } from "./cluster.ts";
import { check } from "./errors.ts";

/** Kafka's numbers (AclOperation, ResourceType, PatternType, AclPermissionType). */
const RESOURCES = {
  topic: 2,
  group: 3,
  cluster: 4,
  transactionalId: 5,
  delegationToken: 6,
  user: 7,
} as const;
const PATTERNS = { literal: 3, prefixed: 4 } as const;
const PERMISSIONS = { deny: 2, allow: 3 } as const;
const OPERATIONS = {
  all: 2,
  read: 3,
  write: 4,
  create: 5,
  delete: 6,
  alter: 7,
  describe: 8,
  clusterAction: 9,
  describeConfigs: 10,
  alterConfigs: 11,
  idempotentWrite: 12,
  createTokens: 13,
  describeTokens: 14,
  twoPhaseCommit: 15,
} as const;
const ANY = 1;

export interface Acl {
  readonly resource: keyof typeof RESOURCES;
  /** "*" is every name of a literal pattern; of the cluster "kafka-cluster". */
  readonly name: string;
  /** Whether the name is the beginning of names; "literal" if not given. */
  readonly pattern?: keyof typeof PATTERNS;
  /** "User:alice"; "User:*" is everybody. */
  readonly principal: string;
  /** An IP address, or "*", which it is if not given. */
  readonly host?: string;
  readonly operation: keyof typeof OPERATIONS;
  /** "allow" if not given. */
  readonly permission?: keyof typeof PERMISSIONS;
}

/** What is left out is any. */
export type AclFilter = Partial<Acl>;

/** Throws KafkaError for the first that is refused; those before it are made then. */
export async function createAcls(
  cluster: Cluster,
  acls: readonly Acl[],
  call: CallOptions,
): Promise<void> {
  const creations = acls.map((acl) => ({
    resourceType: RESOURCES[acl.resource],
    resourceName: acl.name,
    resourcePatternType: PATTERNS[acl.pattern ?? "literal"],
    principal: acl.principal,
    host: acl.host ?? "*",
    operation: OPERATIONS[acl.operation],
    permissionType: PERMISSIONS[acl.permission ?? "allow"],
  }));
  await cluster.retry(async () => {
    const connection = await cluster.controllerConnection();
    const version = connection.versionFor(CreateAcls);
    const { results } = await connection.request(CreateAcls, version, { creations });
    results.forEach(({ errorCode, errorMessage }, i) =>
      check(
        errorCode,
        `ACL of ${acls[i].principal} on ${acls[i].resource} ${acls[i].name}`,
        errorMessage,
      )
    );
  }, call);
}

export async function describeAcls(
  cluster: Cluster,
  filter: AclFilter,
  call: CallOptions,
): Promise<Required<Acl>[]> {
  const { resources } = await cluster.retry(async () => {
    const connection = await cluster.controllerConnection();
    const version = connection.versionFor(DescribeAcls);
    const answer = await connection.request(DescribeAcls, version, numbersOf(filter));
    check(answer.errorCode, "ACLs", answer.errorMessage);
    return answer;
  }, call);
  return resources.flatMap(({ acls, ...resource }) =>
    acls.map((acl) => namesOf({ ...resource, ...acl }))
  );
}

/** Resolves with those that are gone. */
export async function deleteAcls(
  cluster: Cluster,
  filters: readonly AclFilter[],
  call: CallOptions,
): Promise<Required<Acl>[]> {
  return await cluster.retry(async () => {
    const connection = await cluster.controllerConnection();
    const version = connection.versionFor(DeleteAcls);
    const { filterResults } = await connection.request(DeleteAcls, version, {
      filters: filters.map((filter) => numbersOf(filter)),
    });
    return filterResults.flatMap(({ errorCode, errorMessage, matchingAcls }) => {
      check(errorCode, "ACLs to delete", errorMessage);
      return matchingAcls.map((acl) => {
        check(acl.errorCode, `ACL of ${acl.principal} to delete`, acl.errorMessage);
        return namesOf(acl);
      });
    });
  }, call);
}

function numbersOf({ resource, name, pattern, principal, host, operation, permission }: AclFilter) {
  return {
    resourceTypeFilter: resource === undefined ? ANY : RESOURCES[resource],
    resourceNameFilter: name ?? null,
    patternTypeFilter: pattern === undefined ? ANY : PATTERNS[pattern],
    principalFilter: principal ?? null,
    hostFilter: host ?? null,
    operation: operation === undefined ? ANY : OPERATIONS[operation],
    permissionType: permission === undefined ? ANY : PERMISSIONS[permission],
  };
}

function namesOf(
  { resourceType, resourceName, patternType, principal, host, operation, permissionType }: {
    readonly resourceType: number;
    readonly resourceName: string;
    readonly patternType: number;
    readonly principal: string;
    readonly host: string;
    readonly operation: number;
    readonly permissionType: number;
  },
): Required<Acl> {
  return {
    resource: nameOf(RESOURCES, resourceType),
    name: resourceName,
    pattern: nameOf(PATTERNS, patternType),
    principal,
    host,
    operation: nameOf(OPERATIONS, operation),
    permission: nameOf(PERMISSIONS, permissionType),
  };
}

function nameOf<N extends string>(numbers: Readonly<Record<N, number>>, number: number): N {
  const found = (Object.keys(numbers) as N[]).find((name) => numbers[name] === number);
  if (found === undefined) throw new Error(`An ACL has ${number}, which is not known here`);
  return found;
}

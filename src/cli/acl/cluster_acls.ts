/** ACLs of a running cluster: asked for and changed as Kafka's tools do, and which of them decides. */
import type { Cluster } from "../../client/cluster.ts";
import { check } from "../../client/errors.ts";
import { ConfigError } from "../../config/load.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { CreateAcls } from "../../protocol/messages/create_acls.ts";
import { DeleteAcls } from "../../protocol/messages/delete_acls.ts";
import { DescribeAcls } from "../../protocol/messages/describe_acls.ts";
import {
  type Acl,
  Operation,
  PatternType,
  Permission,
  ResourceType,
} from "../../security/acl/acl.ts";
import { Authorizer, type Decision, type RuleWithoutAcl } from "../../security/acl/authorizer.ts";

/** Throws KafkaError. */
export async function createAcl(cluster: Cluster, acl: Acl): Promise<void> {
  const { patternType, ...rest } = acl;
  const connection = await cluster.controllerConnection();
  const { results: [result] } = await connection.request(
    CreateAcls,
    connection.versionFor(CreateAcls),
    { creations: [{ ...rest, resourcePatternType: patternType }] },
  );
  check(result.errorCode, "the ACL", result.errorMessage);
}

/** Those that are gone: this one, or none. Throws KafkaError. */
export async function deleteAcl(cluster: Cluster, acl: Acl): Promise<readonly Acl[]> {
  const connection = await cluster.controllerConnection();
  const { filterResults: [result] } = await connection.request(
    DeleteAcls,
    connection.versionFor(DeleteAcls),
    {
      filters: [{
        resourceTypeFilter: acl.resourceType,
        resourceNameFilter: acl.resourceName,
        patternTypeFilter: acl.patternType,
        principalFilter: acl.principal,
        hostFilter: acl.host,
        operation: acl.operation,
        permissionType: acl.permissionType,
      }],
    },
  );
  check(result.errorCode, "the ACL", result.errorMessage);
  return result.matchingAcls;
}

/** Of a change that would leave nobody who may change ACLs. */
export function lockedOut(why: string): ConfigError {
  return new ConfigError(
    `this ACL ${why} who may change ACLs by ACLs; afterwards only super users of the broker's configuration can. Do it with --force`,
  );
}

/** All of them. Throws KafkaError. */
export async function allAcls(cluster: Cluster): Promise<Acl[]> {
  const connection = await cluster.controllerConnection();
  const answer = await connection.request(DescribeAcls, connection.versionFor(DescribeAcls), {
    resourceTypeFilter: ResourceType.ANY,
    resourceNameFilter: null,
    patternTypeFilter: PatternType.ANY,
    principalFilter: null,
    hostFilter: null,
    operation: Operation.ANY,
    permissionType: Permission.ANY,
  });
  check(answer.errorCode, "ACLs", answer.errorMessage);
  return aclsOf(answer.resources);
}

function aclsOf(
  resources: readonly (Pick<Acl, "resourceType" | "resourceName" | "patternType"> & {
    readonly acls: readonly Pick<Acl, "principal" | "host" | "operation" | "permissionType">[];
  })[],
): Acl[] {
  return resources.flatMap(({ acls, ...resource }) => acls.map((acl) => ({ ...resource, ...acl })));
}

/** What the broker decides; null where it is a Kafka, which does not tell. Throws KafkaError. */
export async function decisionOf(cluster: Cluster, asked: Acl): Promise<Decision | null> {
  const connection = await cluster.controllerConnection();
  const answer = await connection.request(DescribeAcls, connection.versionFor(DescribeAcls), {
    resourceTypeFilter: asked.resourceType,
    resourceNameFilter: asked.resourceName,
    patternTypeFilter: PatternType.LITERAL,
    principalFilter: asked.principal,
    hostFilter: asked.host,
    operation: asked.operation,
    permissionType: Permission.ANY,
    explain: true,
  });
  if (answer.errorCode === ErrorCode.SECURITY_DISABLED) {
    return { isAllowed: true, rule: { kind: "no authorizer" } };
  }
  check(answer.errorCode, "ACLs", answer.errorMessage);
  const { isAllowed, decidedBy } = answer;
  if (decidedBy === "") return null;
  const [acl] = aclsOf(answer.resources);
  return { isAllowed, rule: acl ? { kind: "acl", acl } : { kind: decidedBy as RuleWithoutAcl } };
}

export function explained(acls: readonly Acl[], asked: Acl): Decision {
  const authorizer = new Authorizer({ superUsers: [], allowEveryoneIfNoAclFound: false });
  for (const [i, acl] of acls.entries()) authorizer.index.add(`${i}`, acl);
  const { principal, host, operation, resourceType, resourceName } = asked;
  return authorizer.explain(principal, host, operation, resourceType, resourceName);
}

/**
 * `runnel acl list|add|remove|check`: the ACLs of a running broker, Runnel or any Kafka, and which of them decides.
 *
 * What would leave nobody who may change ACLs, the last ACL removed or a new one that denies, is refused without --force:
 * then only super users of the broker's configuration could make another.
 */
import type { Cluster } from "../client/cluster.ts";
import { check } from "../client/errors.ts";
import { ConfigError } from "../config/load.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { CreateAcls } from "../protocol/messages/create_acls.ts";
import { DeleteAcls } from "../protocol/messages/delete_acls.ts";
import { DescribeAcls } from "../protocol/messages/describe_acls.ts";
import {
  type Acl,
  aclKey,
  Operation,
  PatternType,
  Permission,
  ResourceType,
} from "../security/acl/acl.ts";
import { locksEverybodyOut } from "../security/acl/administrators.ts";
import { Authorizer, type Decision, type RuleWithoutAcl } from "../security/acl/authorizer.ts";
import { aclOf, aclTable, decisionText, ruleText } from "./acl_text.ts";
import {
  actionOf,
  BOOTSTRAP_FLAGS,
  bootstrapOf,
  clientSecurityOf,
  commandArguments,
  configOf,
  misused,
} from "./arguments.ts";
import { withCluster } from "./with_cluster.ts";

const ACTIONS = ["list", "add", "remove", "check"] as const;
const FLAGS = {
  ...BOOTSTRAP_FLAGS,
  "--prefixed": null,
  "--deny": null,
  "--host": "an IP address",
  "--force": null,
} as const;
/** Flags that an action does not have: it would not do what they say. */
const NOT_OF: Readonly<Record<typeof ACTIONS[number], readonly (keyof typeof FLAGS)[]>> = {
  list: ["--prefixed", "--deny", "--host", "--force"],
  add: [],
  remove: [],
  check: ["--prefixed", "--deny", "--force"],
};
/** How check ends where it is denied. */
const NOT_ALLOWED = 3;

type Print = (line: string) => void;

export async function runAcl(
  args: readonly string[],
  print: Print = console.log,
): Promise<number> {
  const { words, own, rest } = commandArguments("acl", args, FLAGS);
  const [given, ...named] = words, action = actionOf("acl", given, ACTIONS);
  const isList = action === "list";
  if (isList ? named.length > 0 : named.length !== 3) {
    const needs = isList ? "list takes no words" : `${action} needs USER OPERATION RESOURCE`;
    throw misused("acl", needs, action);
  }
  const odd = NOT_OF[action].find((flag) => own.has(flag));
  if (odd !== undefined) throw misused("acl", `${action} has no ${odd}`, action);
  const acl = isList ? null : aclOf(named as [string, string, string], own);
  if (action === "check" && acl?.operation === Operation.ALL) {
    throw new ConfigError('acl: check asks of one operation, and "all" is each of them');
  }
  const config = await configOf(rest);
  const reached = { bootstrap: bootstrapOf(own, config), security: clientSecurityOf(own, config) };
  const isForced = own.get("--force") === "true";
  return await withCluster(reached, async (cluster) => {
    switch (action) {
      case "list":
        for (const line of aclTable(await describe(cluster))) print(line);
        return 0;
      case "add":
        return await add(cluster, acl!, { isForced, print });
      case "remove":
        return await remove(cluster, acl!, { isForced, print });
      case "check":
        return await checked(cluster, acl!, print);
    }
  });
}

interface Change {
  readonly isForced: boolean;
  readonly print: Print;
}

async function add(cluster: Cluster, acl: Acl, { isForced, print }: Change): Promise<number> {
  const mayLockOut = acl.permissionType === Permission.DENY &&
    acl.resourceType === ResourceType.CLUSTER;
  if (mayLockOut && !isForced) {
    const before = await describe(cluster);
    if (locksEverybodyOut(before, [...before, acl])) return refused("denies it to the last");
  }
  const { patternType, ...rest } = acl;
  const connection = await cluster.controllerConnection();
  const { results: [result] } = await connection.request(
    CreateAcls,
    connection.versionFor(CreateAcls),
    { creations: [{ ...rest, resourcePatternType: patternType }] },
  );
  check(result.errorCode, "the ACL", result.errorMessage);
  print(ruleText(acl));
  return 0;
}

async function remove(cluster: Cluster, acl: Acl, { isForced, print }: Change): Promise<number> {
  if (acl.resourceType === ResourceType.CLUSTER && !isForced) {
    const before = await describe(cluster), key = aclKey(acl);
    const after = before.filter((one) => aclKey(one) !== key);
    if (locksEverybodyOut(before, after)) return refused("is what allows it to the last");
  }
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
  for (const gone of result.matchingAcls) print(ruleText(gone));
  if (result.matchingAcls.length > 0) return 0;
  console.error(`runnel: there is no such ACL: ${ruleText(acl)}`);
  return 1;
}

function refused(why: string): number {
  console.error(
    `runnel: this ACL ${why} who may change ACLs by ACLs; afterwards only super users of the broker's configuration can. Do it with --force`,
  );
  return 1;
}

/** All of them. Throws KafkaError. */
async function describe(cluster: Cluster): Promise<Acl[]> {
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

/** 0: allowed, 3: not. A Kafka cannot be asked; there its ACLs are evaluated here, which know nothing of super users. */
async function checked(cluster: Cluster, asked: Acl, print: Print): Promise<number> {
  const told = await decisionOf(cluster, asked);
  const decision = told ?? explain(await describe(cluster), asked);
  print(decisionText(decision));
  if (told === null && decision.rule.kind !== "acl") {
    print("Super users and allow.everyone.if.no.acl.found of that broker are not looked at.");
  }
  return decision.isAllowed ? 0 : NOT_ALLOWED;
}

/** What the broker decides; null where it is a Kafka, which does not tell. Throws KafkaError. */
async function decisionOf(cluster: Cluster, asked: Acl): Promise<Decision | null> {
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

function explain(acls: readonly Acl[], asked: Acl): Decision {
  const authorizer = new Authorizer({ superUsers: [], allowEveryoneIfNoAclFound: false });
  for (const [i, acl] of acls.entries()) authorizer.index.add(`${i}`, acl);
  const { principal, host, operation, resourceType, resourceName } = asked;
  return authorizer.explain(principal, host, operation, resourceType, resourceName);
}

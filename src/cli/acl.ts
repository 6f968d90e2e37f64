/**
 * `runnel acl list|add|remove|check`: the ACLs of a running broker, Runnel or any Kafka, and which of them decides.
 *
 * What would take the last ACL that lets anybody change ACLs is refused without --force: then only super users of the
 * broker's configuration, which it does not tell, could make another.
 */
import { Cluster } from "../client/cluster.ts";
import { check, ConnectionError, KafkaError } from "../client/errors.ts";
import { ConfigError } from "../config/load.ts";
import { CreateAcls } from "../protocol/messages/create_acls.ts";
import { DeleteAcls } from "../protocol/messages/delete_acls.ts";
import { DescribeAcls } from "../protocol/messages/describe_acls.ts";
import {
  type Acl,
  bit,
  CLUSTER_NAME,
  Operation,
  PatternType,
  Permission,
  ResourceType,
  SUPPORTED_OPERATIONS,
} from "../security/acl/acl.ts";
import { Authorizer } from "../security/acl/authorizer.ts";
import {
  actionOf,
  BOOTSTRAP_FLAGS,
  bootstrapOf,
  clientErrorLine,
  commandArguments,
  configOf,
  misused,
} from "./arguments.ts";
import { printable, table } from "./table.ts";

const ACTIONS = ["list", "add", "remove", "check"] as const;
const FLAGS = {
  ...BOOTSTRAP_FLAGS,
  "--prefixed": null,
  "--deny": null,
  "--host": "an IP address",
  "--force": null,
} as const;

export async function runAcl(args: readonly string[]): Promise<number> {
  const { words, own, rest } = commandArguments("acl", args, FLAGS);
  const [given, ...named] = words, action = actionOf("acl", given, ACTIONS);
  const isList = action === "list";
  if (isList ? named.length > 0 : named.length !== 3) {
    const needs = isList ? "list takes no words" : `${action} needs USER OPERATION RESOURCE`;
    throw misused("acl", needs, action);
  }
  const acl = isList ? null : aclOf(named as [string, string, string], own);
  const bootstrap = bootstrapOf(own, await configOf(rest));
  const cluster = new Cluster({ bootstrap, callTimeoutMs: 10_000 });
  try {
    switch (action) {
      case "list":
        return print(listed(await describe(cluster)));
      case "add":
        return await add(cluster, acl!);
      case "remove":
        return await remove(cluster, acl!, own.get("--force") === "true");
      case "check":
        return await checked(cluster, acl!);
    }
  } catch (error) {
    if (!(error instanceof ConnectionError || error instanceof KafkaError)) throw error;
    console.error(`runnel: ${clientErrorLine(error)}`);
    return 1;
  } finally {
    cluster.close();
  }
}

function print(lines: readonly string[]): number {
  if (lines.length > 0) console.log(lines.join("\n"));
  return 0;
}

/** Throws ConfigError. */
export function aclOf(
  [user, operation, resource]: readonly [string, string, string],
  flags: ReadonlyMap<string, string>,
): Acl {
  const colon = resource.indexOf(":"), kind = colon < 0 ? resource : resource.slice(0, colon);
  const resourceType = numberOf(ResourceType, kind), operationCode = numberOf(Operation, operation);
  const isCluster = resourceType === ResourceType.CLUSTER;
  const resourceName = isCluster && colon < 0 ? CLUSTER_NAME : resource.slice(colon + 1);
  if (resourceType === null || resourceType === ResourceType.ANY || (colon < 0 && !isCluster)) {
    throw new ConfigError(
      `acl: "${resource}" is no resource: needs topic:NAME, group:NAME, transactional-id:NAME, delegation-token:ID, user:NAME or cluster`,
    );
  }
  const supported = SUPPORTED_OPERATIONS[resourceType] | bit(Operation.ALL);
  if (operationCode === null || (bit(operationCode) & supported) === 0) {
    throw new ConfigError(`acl: "${operation}" is nothing that can be done with a ${kind}`);
  }
  return {
    resourceType,
    resourceName,
    patternType: flags.has("--prefixed") ? PatternType.PREFIXED : PatternType.LITERAL,
    principal: user.includes(":") ? user : `User:${user}`,
    host: flags.get("--host") ?? "*",
    operation: operationCode,
    permissionType: flags.has("--deny") ? Permission.DENY : Permission.ALLOW,
  };
}

function numberOf(codes: Readonly<Record<string, number>>, word: string): number | null {
  return codes[word.toUpperCase().replaceAll("-", "_")] ?? null;
}

function wordOf(codes: Readonly<Record<string, number>>, code: number): string {
  const found = Object.entries(codes).find(([, value]) => value === code);
  return found === undefined ? String(code) : found[0].toLowerCase().replaceAll("_", "-");
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
  return answer.resources.flatMap(({ acls, ...resource }) =>
    acls.map((acl) => ({ ...resource, ...acl }))
  );
}

function listed(acls: readonly Acl[]): string[] {
  const rows = acls.map((acl) => [
    acl.principal,
    wordOf(Permission, acl.permissionType),
    wordOf(Operation, acl.operation),
    resourceText(acl),
    acl.host,
  ]);
  return table(["USER", "RULE", "OPERATION", "RESOURCE", "HOST"], rows.sort());
}

function resourceText({ resourceType, resourceName, patternType }: Acl): string {
  const kind = wordOf(ResourceType, resourceType);
  if (resourceType === ResourceType.CLUSTER) return kind;
  return `${kind}:${resourceName}${patternType === PatternType.PREFIXED ? " (prefixed)" : ""}`;
}

function ruleText(acl: Acl): string {
  const from = acl.host === "*" ? "" : ` from ${acl.host}`;
  const rule = `${wordOf(Permission, acl.permissionType)} ${wordOf(Operation, acl.operation)}`;
  return printable(`${acl.principal}: ${rule} on ${resourceText(acl)}${from}`);
}

async function add(cluster: Cluster, { patternType, ...acl }: Acl): Promise<number> {
  const connection = await cluster.controllerConnection();
  const { results: [result] } = await connection.request(
    CreateAcls,
    connection.versionFor(CreateAcls),
    { creations: [{ ...acl, resourcePatternType: patternType }] },
  );
  check(result.errorCode, "the ACL", result.errorMessage);
  return print([ruleText({ patternType, ...acl })]);
}

async function remove(cluster: Cluster, acl: Acl, isForced: boolean): Promise<number> {
  if (!isForced && grantsAcls(acl)) {
    const left = (await describe(cluster)).filter((one) =>
      grantsAcls(one) && JSON.stringify(listed([one])) !== JSON.stringify(listed([acl]))
    );
    if (left.length === 0) {
      console.error(
        "runnel: this is the last ACL by which anybody may change ACLs; without it only a super user of the broker's configuration can. Do it with --force",
      );
      return 1;
    }
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
  if (result.matchingAcls.length > 0) return print(result.matchingAcls.map(ruleText));
  console.error(`runnel: there is no such ACL: ${ruleText(acl)}`);
  return 1;
}

function grantsAcls({ resourceType, operation, permissionType }: Acl): boolean {
  return resourceType === ResourceType.CLUSTER && permissionType === Permission.ALLOW &&
    (operation === Operation.ALTER || operation === Operation.ALL);
}

/** 0: allowed by an ACL, 3: not. Super users, and what holds without ACLs, are the broker's own configuration. */
async function checked(cluster: Cluster, asked: Acl): Promise<number> {
  const authorizer = new Authorizer({ superUsers: [], allowEveryoneIfNoAclFound: false });
  for (const [i, acl] of (await describe(cluster)).entries()) authorizer.index.add(`${i}`, acl);
  const { principal, host, operation, resourceType, resourceName } = asked;
  const decision = authorizer.explain(principal, host, operation, resourceType, resourceName);
  const by = decision.rule.kind === "acl" ? ruleText(decision.rule.acl) : decision.rule.kind;
  print([
    `${decision.isAllowed ? "allowed" : "denied"}, by: ${by}`,
    ...decision.rule.kind === "acl" ? [] : [
      "Super users and allow_everyone_if_no_acl_found of the broker's configuration are not looked at.",
    ],
  ]);
  return decision.isAllowed ? 0 : NOT_ALLOWED;
}

const NOT_ALLOWED = 3;

/**
 * Decisions of the index are those of a naive evaluation of every ACL (StandardAuthorizerData, and the default of
 * Authorizer.authorizeByResourceType), over random sets of ACLs that come and go, with names made to be confused.
 */
import { assert, assertEquals } from "@std/assert";
import {
  type Acl,
  type AclFilter,
  aclKey,
  CLUSTER_NAME,
  matches,
  onlyOne,
  Operation,
  PatternType,
  Permission,
  ResourceType,
  SUPPORTED_OPERATIONS,
} from "./acl.ts";
import { Access } from "./access.ts";
import { Authorizer } from "./authorizer.ts";

const NAMES = [
  "*",
  "**",
  "a",
  "ab",
  "abc",
  "abd",
  "b",
  "",
  "caf\u00e9", // composed
  "cafe\u0301", // decomposed: another name
  "x".repeat(249),
  "x".repeat(248),
  "x".repeat(248) + "y",
  CLUSTER_NAME,
  "hardcode",
  "h",
];
const PRINCIPALS = [
  "User:alice",
  "User:*",
  "User:a:b",
  "User:with space",
  "User:alice ",
  "Group:alice",
  "User:",
  "User:caf\u00e9",
  "User:cafe\u0301",
];
/** As they are written, by the address that they are. */
const SPELLINGS: Readonly<Record<string, readonly string[]>> = {
  "*": ["*"],
  "10.0.0.1": ["10.0.0.1", "::ffff:10.0.0.1", "0:0:0:0:0:ffff:10.0.0.1", "::ffff:a00:1"],
  "10.0.0.2": ["10.0.0.2", "::FFFF:10.0.0.2"],
  "ipv6": ["0:0:0:0:0:0:0:1", "::1", "0000:0:0::0001"],
  "no address": ["::ffff:"],
};
const ADDRESS = new Map(
  Object.entries(SPELLINGS).flatMap(([address, texts]) => texts.map((text) => [text, address])),
);
const HOSTS = [...ADDRESS.keys()];
const TYPES = [2, 3, 4, 5, 6, 7];
const OPERATIONS = Array.from({ length: 14 }, (_, i) => i + 2); // ALL to TWO_PHASE_COMMIT

/** Numbers from a seed (mulberry32). */
function randomOf(seed: number): (below: number) => number {
  return (below) => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t ^= t + Math.imul(t ^ (t >>> 7), 61 | t);
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

function randomAcl(below: (n: number) => number): Acl {
  const one = <T>(list: readonly T[]) => list[below(list.length)];
  return {
    resourceType: below(3) > 0 ? ResourceType.TOPIC : one(TYPES),
    resourceName: one(NAMES.filter((name) => name !== "")),
    patternType: below(2) === 0 ? PatternType.LITERAL : PatternType.PREFIXED,
    principal: one(PRINCIPALS),
    host: below(3) > 0 ? "*" : one(HOSTS),
    operation: one(OPERATIONS),
    permissionType: below(3) === 0 ? Permission.DENY : Permission.ALLOW,
  };
}

/** Of one ACL that is there, perhaps with another host, or with something left open. */
function randomFilter(below: (n: number) => number, acls: readonly Acl[]): AclFilter {
  const acl = acls.length === 0 ? randomAcl(below) : acls[below(acls.length)];
  return {
    ...acl,
    ...(below(3) === 0 && { host: HOSTS[below(HOSTS.length)] }),
    ...(below(8) === 0 && { principal: null }),
    ...(below(8) === 0 && { operation: Operation.ANY }),
    ...(below(8) === 0 && { patternType: PatternType.MATCH }),
  };
}

interface Question {
  readonly principal: string;
  readonly host: string;
  readonly operation: number;
  readonly resourceType: number;
  readonly name: string;
}

const IMPLYING: Readonly<Record<number, readonly number[]>> = {
  [Operation.DESCRIBE]: [Operation.READ, Operation.WRITE, Operation.DELETE, Operation.ALTER],
  [Operation.DESCRIBE_CONFIGS]: [Operation.ALTER_CONFIGS],
};

function isFrom({ host }: Acl, asked: Question): boolean {
  return host === "*" || ADDRESS.get(host) === ADDRESS.get(asked.host);
}

function naive(acls: readonly Acl[], asked: Question, isOpenWithoutAcls: boolean): boolean {
  const ofResource = acls.filter((acl) =>
    acl.resourceType === asked.resourceType &&
    (acl.patternType === PatternType.PREFIXED
      ? asked.name.startsWith(acl.resourceName)
      : acl.resourceName === asked.name || acl.resourceName === "*")
  );
  if (ofResource.length === 0) return isOpenWithoutAcls;
  const ofAsker = ofResource.filter((acl) =>
    [asked.principal, "User:*"].includes(acl.principal) && isFrom(acl, asked)
  );
  const { operation } = asked;
  const isDenied = ofAsker.some((acl) =>
    acl.permissionType === Permission.DENY && [operation, Operation.ALL].includes(acl.operation)
  );
  if (isDenied) return false;
  const by = [operation, Operation.ALL, ...IMPLYING[operation] ?? []];
  return ofAsker.some((acl) =>
    acl.permissionType === Permission.ALLOW && by.includes(acl.operation)
  );
}

function naiveOnSome(acls: readonly Acl[], asked: Question, isOpenWithoutAcls: boolean): boolean {
  if (naive(acls, { ...asked, name: "hardcode" }, isOpenWithoutAcls)) return true;
  const relevant = acls.filter((acl) =>
    acl.resourceType === asked.resourceType && isFrom(acl, asked) &&
    [asked.principal, "User:*"].includes(acl.principal) &&
    [asked.operation, Operation.ALL].includes(acl.operation)
  );
  const names = (permission: number, pattern: number) =>
    relevant.filter((acl) => acl.permissionType === permission && acl.patternType === pattern)
      .map((acl) => acl.resourceName);
  const denied = {
    literal: names(Permission.DENY, PatternType.LITERAL),
    prefixed: names(Permission.DENY, PatternType.PREFIXED),
  };
  if (denied.literal.includes("*")) return false;
  const literal = names(Permission.ALLOW, PatternType.LITERAL);
  if (literal.includes("*")) return true;
  const isFree = (name: string) => !denied.prefixed.some((prefix) => name.startsWith(prefix));
  return literal.some((name) => !denied.literal.includes(name) && isFree(name)) ||
    names(Permission.ALLOW, PatternType.PREFIXED).some(isFree);
}

Deno.test("decisions are those of a naive evaluation, while ACLs come and go", () => {
  const seed = Number(Deno.env.get("SEED") ?? Date.now() % 1_000_000);
  const below = randomOf(seed);
  let allowed = 0, denied = 0;
  for (let round = 0; round < 300; round++) {
    const allowEveryoneIfNoAclFound = below(4) === 0;
    const authorizer = new Authorizer({ superUsers: ["User:root"], allowEveryoneIfNoAclFound });
    const acls = new Map<string, Acl>();
    for (let step = 0; step < 40; step++) {
      if (below(4) === 0 && acls.size > 0) {
        const id = [...acls.keys()][below(acls.size)];
        acls.delete(id);
        authorizer.index.remove(id);
      } else {
        const acl = randomAcl(below);
        acls.set(aclKey(acl), acl);
        authorizer.index.add(aclKey(acl), acl);
      }
      const resourceType = below(3) > 0 ? ResourceType.TOPIC : TYPES[below(TYPES.length)];
      const operations = OPERATIONS.filter((op) => SUPPORTED_OPERATIONS[resourceType] & (1 << op));
      const asked: Question = {
        principal: PRINCIPALS[below(PRINCIPALS.length)],
        host: HOSTS[1 + below(HOSTS.length - 1)], // not "*"
        operation: operations[below(operations.length)],
        resourceType,
        name: NAMES[below(NAMES.length)],
      };
      const expected = naive([...acls.values()], asked, allowEveryoneIfNoAclFound);
      const { principal, host, operation, name } = asked;
      const told = () => JSON.stringify({ seed, asked, acls: [...acls.values()] });
      const access = new Access(authorizer, { principal, peer: host });
      assertEquals(access.may(operation, resourceType, name), expected, told());
      const decision = authorizer.explain(principal, host, operation, resourceType, name);
      assertEquals(decision.isAllowed, expected, told());
      if (decision.rule.kind === "acl") {
        const { acl } = decision.rule, isAllow = acl.permissionType === Permission.ALLOW;
        assertEquals(isAllow, expected, told());
        const isThere = [...acls.values()].some((one) =>
          aclKey({ ...one, host: acl.host }) === aclKey(acl) &&
          ADDRESS.get(one.host) === (ADDRESS.get(acl.host) ?? acl.host)
        );
        assert(isThere, `no such ACL decides: ${JSON.stringify(acl)} ${told()}`);
        // By itself it decides the same.
        assertEquals(naive([acl], asked, false), expected, told());
      }
      const filter = randomFilter(below, [...acls.values()]), one = onlyOne(filter);
      if (one !== null) {
        const found = authorizer.index.same(one).map((id) => authorizer.index.acl(id)!);
        assertEquals(
          found.filter((acl) => matches(filter, acl)),
          [...acls.values()].filter((acl) => matches(filter, acl)),
          told(),
        );
      }
      assertEquals(
        authorizer.allowedOnSome(principal, host, operation, resourceType),
        naiveOnSome([...acls.values()], asked, allowEveryoneIfNoAclFound),
        `on some: ${told()}`,
      );
      if (expected) allowed++;
      else denied++;
    }
    for (const id of acls.keys()) authorizer.index.remove(id);
    assertEquals([authorizer.index.size, [...authorizer.index.acls()]], [0, []]);
    const nothing = authorizer.index.verdict("User:alice", "10.0.0.1", ResourceType.TOPIC, "ab");
    assertEquals(nothing, { allowed: 0, denied: 0, hasAcls: false });
  }
  assert(allowed > 1000 && denied > 1000, `${allowed} allowed, ${denied} denied: no test of both`);
});

const ALLOW_READ: Acl = {
  resourceType: ResourceType.TOPIC,
  resourceName: "t",
  patternType: PatternType.LITERAL,
  principal: "User:alice",
  host: "10.0.0.1",
  operation: Operation.READ,
  permissionType: Permission.ALLOW,
};

Deno.test("a host that comes as an IPv4 address in IPv6 is that IPv4 address", () => {
  const authorizer = new Authorizer({ superUsers: [], allowEveryoneIfNoAclFound: false });
  authorizer.index.add("1", ALLOW_READ);
  const mayFrom = (peer: string) =>
    new Access(authorizer, { principal: "User:alice", peer }).mayTopic(Operation.READ, "t");
  assertEquals(["10.0.0.1", "::ffff:10.0.0.1", "::ffff:10.0.0.2", "::1"].map(mayFrom), [
    true,
    true,
    false,
    false,
  ]);
});

Deno.test("an IPv6 address is compared however it is written", () => {
  const authorizer = new Authorizer({ superUsers: [], allowEveryoneIfNoAclFound: false });
  authorizer.index.add("1", { ...ALLOW_READ, host: "0:0:0:0:0:0:0:1" }); // as Java writes it
  authorizer.index.add("2", { ...ALLOW_READ, host: "fe80::1" });
  const mayFrom = (peer: string) =>
    new Access(authorizer, { principal: "User:alice", peer }).mayTopic(Operation.READ, "t");
  assertEquals(["::1", "fe80::1", "fe80:0:0:0:0:0:0:1", "::2"].map(mayFrom), [
    true,
    true,
    true,
    false,
  ]);
});

Deno.test("a super user may everything, whatever is denied to everybody", () => {
  const authorizer = new Authorizer({
    superUsers: ["User:root"],
    allowEveryoneIfNoAclFound: false,
  });
  authorizer.index.add("1", {
    ...ALLOW_READ,
    principal: "User:*",
    host: "*",
    operation: Operation.ALL,
    permissionType: Permission.DENY,
  });
  const root = new Access(authorizer, { principal: "User:root", peer: "10.0.0.1" });
  assertEquals(root.allowed(ResourceType.TOPIC, "t"), SUPPORTED_OPERATIONS[ResourceType.TOPIC]);
  assert(root.mayProduce());
});

Deno.test("without an authorizer everything is allowed", () => {
  const open = new Access(null, null);
  assert(open.isOpen && open.mayTopic(Operation.DELETE, "t") && open.mayProduce());
  assertEquals(open.allowedCluster(), 8096);
  assertEquals([2, 3].map((type) => open.allowed(type, "x")), [3576, 3400]);
});

Deno.test("what no ACL of today is allows nothing, denies where it is no ALLOW, and goes as it came", () => {
  const rule = {
    resourceType: ResourceType.TOPIC,
    resourceName: "t",
    patternType: PatternType.LITERAL,
    principal: "User:a",
    host: "*",
    operation: Operation.READ,
    permissionType: Permission.ALLOW,
  };
  const authorizer = new Authorizer({ superUsers: [], allowEveryoneIfNoAclFound: true });
  const { index } = authorizer;
  const may = () =>
    (authorizer.allowed("User:a", "10.0.0.1", ResourceType.TOPIC, "t") & 1 << Operation.READ) !== 0;
  const odd: readonly [Partial<Acl>, boolean][] = [
    [{ operation: 34 }, false], // 34 is 2, ALL, to a shift
    [{ operation: -30 }, false],
    [{ operation: 16 }, false],
    [{ operation: 1 }, false],
    [{ patternType: 1 }, true], // matches nothing, so the topic has no ACL
    [{ patternType: 5 }, true],
    [{ patternType: -1 }, true],
  ];
  for (const [change, isOpen] of odd) {
    index.add("odd", { ...rule, ...change });
    assertEquals(may(), isOpen, JSON.stringify(change));
    index.add("good", rule);
    assertEquals(may(), true);
    index.remove("good");
    assertEquals(may(), isOpen, JSON.stringify(change));
    index.add("odd too", { ...rule, ...change, operation: 99 });
    index.remove("odd");
    index.remove("odd too");
    assertEquals(may(), true, "nothing of it is left");
  }
  for (const permissionType of [0, 1, 9, -2]) {
    index.add("allow", rule);
    index.add("odd", { ...rule, permissionType });
    index.add("deny", { ...rule, permissionType: Permission.DENY });
    assertEquals(may(), false, `${permissionType}`);
    index.remove("deny");
    assertEquals(may(), false, "the odd one denies by itself");
    index.remove("odd");
    assertEquals(may(), true);
    index.remove("allow");
  }
  assertEquals([index.size, [...index.acls()].length], [0, 0]);
});

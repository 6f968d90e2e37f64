/**
 * A decision takes as many steps among ten thousand ACLs as among ten: look-ups in maps and turns of loops over them are
 * counted, whatever a clock says.
 */
import { assert, assertEquals } from "@std/assert";
import { type Acl, Operation, PatternType, Permission, ResourceType } from "./acl.ts";
import { Access } from "./access.ts";
import { Authorizer } from "./authorizer.ts";

const { READ, WRITE } = Operation, { TOPIC } = ResourceType;

const ALLOW: Acl = {
  resourceType: TOPIC,
  resourceName: "t",
  patternType: PatternType.PREFIXED,
  principal: "User:alice",
  host: "*",
  operation: READ,
  permissionType: Permission.ALLOW,
};

function authorizerWith(acls: Iterable<Acl>): Authorizer {
  const authorizer = new Authorizer({ superUsers: [], allowEveryoneIfNoAclFound: false });
  let id = 0;
  for (const acl of acls) authorizer.index.add(`${id++}`, acl);
  return authorizer;
}

/** Distinct prefixes; and for each a deny of alice's from another host, and rules of others on every topic. */
function* many(count: number): Generator<Acl> {
  for (let n = 0; n < count; n++) {
    const resourceName = `prefix-${String(n).padStart(6, "0")}`;
    yield { ...ALLOW, resourceName };
    yield { ...ALLOW, resourceName, operation: WRITE };
    yield {
      ...ALLOW,
      resourceName,
      permissionType: Permission.DENY,
      operation: WRITE,
      host: `10.1.${n >> 8}.${n & 255}`,
    };
    const wildcard = { resourceName: "*", patternType: PatternType.LITERAL };
    yield { ...ALLOW, ...wildcard, principal: `User:u${n}` };
    yield { ...ALLOW, resourceName: `${resourceName}-and-more`, principal: `User:v${n}` };
  }
}

/** Gets of maps, and turns of iterators over maps and sets. */
function steps(work: () => void): number {
  let count = 0;
  const mapIterator = Object.getPrototypeOf(new Map().entries());
  const setIterator = Object.getPrototypeOf(new Set().values());
  const counted = [[Map.prototype, "get"], [mapIterator, "next"], [setIterator, "next"]] as const;
  const originals = counted.map(([holder, name]) => holder[name]);
  counted.forEach(([holder, name], i) => {
    holder[name] = function (...args: unknown[]) {
      count++;
      return originals[i].apply(this, args);
    };
  });
  try {
    work();
  } finally {
    counted.forEach(([holder, name], i) => holder[name] = originals[i]);
  }
  return count;
}

type Ask = (authorizer: Authorizer) => unknown;
const NAME = "prefix-000003-and-more";
const QUESTIONS: readonly (readonly [name: string, ask: Ask, answer: unknown])[] = [
  ["whether it is allowed", (a) => a.allowed("User:alice", "10.0.0.1", TOPIC, NAME) !== 0, true],
  ["whether nobody's is", (a) => a.allowed("User:nobody", "10.0.0.1", TOPIC, NAME), 0],
  ["by which rule", (a) => a.explain("User:alice", "10.0.0.1", WRITE, TOPIC, NAME).isAllowed, true],
  [
    "by which rule it is denied",
    (a) => a.explain("User:alice", "::ffff:10.1.0.3", WRITE, TOPIC, NAME).isAllowed,
    false,
  ],
  ["by none", (a) => a.explain("User:nobody", "10.0.0.1", WRITE, TOPIC, NAME).isAllowed, false],
  ["on some topic", (a) => a.allowedOnSome("User:alice", "10.0.0.1", WRITE, TOPIC), true],
  ["on none", (a) => a.allowedOnSome("User:nobody", "10.0.0.1", WRITE, TOPIC), false],
];

for (const [name, ask, answer] of QUESTIONS) {
  Deno.test(`a decision takes the same steps among 50,000 ACLs as among 50: ${name}`, () => {
    const [few, lots] = [10, 10_000].map((count) => {
      const authorizer = authorizerWith(many(count));
      return steps(() => assertEquals(ask(authorizer), answer));
    });
    assert(few > 0);
    assertEquals(lots, few);
  });
}

Deno.test("what was decided is one step the next time, until an ACL comes or goes", () => {
  const authorizer = authorizerWith(many(1000));
  const ask = () =>
    new Access(authorizer, { principal: "User:alice", peer: "10.0.0.1" }).mayTopic(READ, NAME);
  const first = steps(() => void ask()), again = steps(() => void ask());
  assert(first > 5 && again <= 2, `${first} steps, then ${again}`);
  authorizer.index.add("deny", { ...ALLOW, resourceName: "p", permissionType: Permission.DENY });
  assertEquals(ask(), false);
  authorizer.index.remove("deny");
  assertEquals(ask(), true);
});

Deno.test("a request that has begun is answered as one thing, whatever ACLs come meanwhile", () => {
  const authorizer = authorizerWith(many(10));
  const who = { principal: "User:alice", peer: "10.0.0.1" };
  const begun = new Access(authorizer, who);
  assertEquals(begun.mayTopic(READ, NAME), true);
  authorizer.index.add("deny", { ...ALLOW, resourceName: "p", permissionType: Permission.DENY });
  assertEquals(new Access(authorizer, who).mayTopic(READ, NAME), false);
  assertEquals(begun.refused, null);
  assertEquals([begun, begun.again()].map((access) => access.mayTopic(READ, NAME)), [true, false]);
  // Whoever answers has the first one, and tells what was refused.
  assertEquals([...begun.refused!.values()].map(({ name }) => name), [NAME]);
});

Deno.test("what was decided is remembered of so many resources and no more", () => {
  const authorizer = authorizerWith([{ ...ALLOW, resourceName: "x" }]);
  const may = (n: number) =>
    new Access(authorizer, { principal: "User:alice", peer: `10.0.0.${n % 100}` })
      .mayTopic(READ, `x${n}`);
  for (let n = 0; n < 50_000; n++) assertEquals(may(n), true);
  assert(steps(() => void may(49_999)) <= 2);
  assert(steps(() => void may(0)) > 3); // forgotten
});

Deno.test("prefixes of every length cost a decision as many steps as the name has characters", () => {
  const name = "x".repeat(249);
  const lengths = Array.from(
    { length: 249 },
    (_, i) => ({ ...ALLOW, resourceName: name.slice(0, i + 1) }),
  );
  const authorizer = authorizerWith(lengths);
  const taken = steps(() => authorizer.allowed("User:nobody", "10.0.0.1", TOPIC, name));
  assert(taken <= 4 * name.length, `${taken} steps`);
  const short = steps(() => authorizer.allowed("User:nobody", "10.0.0.1", TOPIC, "xx"));
  assert(short <= 12, `${short} steps`);
});

Deno.test("that a deny dominates each of ten thousand rules is found out once, until an ACL comes or goes", () => {
  function* dominated(): Generator<Acl> {
    yield { ...ALLOW, resourceName: "p", operation: WRITE, permissionType: Permission.DENY };
    for (let n = 0; n < 10_000; n++) yield { ...ALLOW, resourceName: `p-${n}`, operation: WRITE };
  }
  const authorizer = authorizerWith(dominated());
  const ask = () => authorizer.allowedOnSome("User:alice", "10.0.0.1", WRITE, TOPIC);
  assert(steps(() => assertEquals(ask(), false)) > 10_000);
  assert(steps(() => assertEquals(ask(), false)) < 20);
  authorizer.index.remove("0");
  assertEquals(ask(), true);
});

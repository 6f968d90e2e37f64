/**
 * Proves that a plan leads to the state that is wanted and that a second one is empty, from random states to random ones;
 * that it takes away what the last apply listed and nothing else; its order; and what it says cannot be done.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { type Acl, Operation, Permission, ResourceType } from "../../security/acl/acl.ts";
import { changed, randomState, reachable } from "../../testing/random_state.ts";
import { SeededRandom } from "../../testing/seeded_random.ts";
import { type Change, type Plan, planOf, type PlanOptions } from "./plan.ts";
import { linesOf } from "./plan_text.ts";
import { listedIn, ruleKey, type State } from "./state.ts";

const OPTIONS: PlanOptions = { lastListed: null, prune: false, rotate: new Set(), force: true };
const EMPTY: State = {
  topics: new Map(),
  groups: new Map(),
  brokers: new Map(),
  users: new Map(),
  quotas: new Map(),
  acls: new Map(),
};

const SECRET = { kind: "text", password: "pw" } as const;

const carried = (state: State, { changes }: Plan) => changes.reduce(changed, state);

Deno.test("a plan leads from any state to the wanted one, and a second plan is empty", () => {
  let changes = 0;
  for (let seed = 1; seed <= 400; seed++) {
    const random = new SeededRandom(seed), actual = randomState(random);
    const wanted = reachable(randomState(random), actual);
    const plan = planOf(wanted, actual, OPTIONS);
    assertEquals(plan.problems, [], `seed ${seed}`);
    const after = carried(actual, plan);
    assertEquals(planOf(wanted, after, OPTIONS).changes, [], `seed ${seed}`);
    const listed = listedIn(after);
    for (const name of [...listedIn(wanted), ...listedIn(actual)]) {
      assert(listed.has(name), `seed ${seed}: ${name} is gone`);
    }
    changes += plan.changes.length;
  }
  assert(changes > 4000, `${changes} changes`);
});

Deno.test("pruning takes away what the last apply listed and this one does not, and nothing that others made", () => {
  let removed = 0;
  for (let seed = 1; seed <= 400; seed++) {
    const random = new SeededRandom(seed), others = randomState(random);
    const first = reachable(randomState(random), others);
    const between = carried(others, planOf(first, others, OPTIONS));
    const second = reachable(randomState(random), between);
    const options = { ...OPTIONS, lastListed: listedIn(first), prune: true };
    const plan = planOf(second, between, options), after = carried(between, plan);
    assertEquals(planOf(second, after, options).changes, [], `seed ${seed}`);
    const now = listedIn(after), gone = [...listedIn(between)].filter((name) => !now.has(name));
    const mayGo = options.lastListed, stays = listedIn(second);
    for (const name of gone) {
      const [kind, type, topic] = JSON.parse(name);
      const isOfTopic = kind === "config" && type === "topic" &&
        !now.has(JSON.stringify(["topic", topic]));
      assert((mayGo.has(name) || isOfTopic) && !stays.has(name), `seed ${seed}: ${name}`);
    }
    for (const name of mayGo) {
      assert(stays.has(name) || !now.has(name), `seed ${seed}: ${name} is there still`);
    }
    const withoutTopic = new Set(
      plan.changes.flatMap((one) => one.kind === "remove topic" ? [one.name] : []),
    );
    for (const change of plan.changes) {
      const isMoot = change.kind === "configs" && change.resource.type === "topic" &&
        withoutTopic.has(change.resource.name);
      assert(!isMoot, `seed ${seed}: configs of a topic that goes`);
    }
    removed += gone.length;
    const kept = planOf(second, between, { ...options, prune: false });
    assertEquals(kept.changes, plan.changes.slice(0, kept.changes.length), `seed ${seed}`);
    assertEquals(kept.unlisted, plan.changes.slice(kept.changes.length), `seed ${seed}`);
  }
  assert(removed > 2000, `${removed} removed`);
});

/** The order in which kinds come; of ACLs what denies comes before what allows, and goes after it. */
function rankOf(change: Change): number {
  const isUnset = "values" in change &&
    [...change.values.values()].some(({ after }) => after === null);
  if (isUnset) return change.kind === "configs" ? 10 : 11;
  switch (change.kind) {
    case "user":
      return 0;
    case "acl":
      return change.acl.permissionType === Permission.DENY ? 1 : 2;
    case "remove acl":
      return change.acl.permissionType === Permission.DENY ? 15 : 14;
    default:
      return {
        topic: 3,
        partitions: 4,
        configs: 5,
        quota: 6,
        "remove topic": 12,
        "remove user": 13,
      }[
        change.kind
      ];
  }
}

Deno.test("users come before ACLs, denies before allows, these before topics, and what is taken away comes last", () => {
  const kinds = new Set<number>();
  for (let seed = 1; seed <= 200; seed++) {
    const random = new SeededRandom(seed), actual = randomState(random);
    const wanted = reachable(randomState(random), actual);
    const options = { ...OPTIONS, lastListed: listedIn(actual), prune: true };
    const ranks = planOf(wanted, actual, options).changes.map(rankOf);
    assertEquals(ranks, [...ranks].sort((a, b) => a - b), `seed ${seed}`);
    for (const rank of ranks) kinds.add(rank);
  }
  assertEquals(kinds.size, 13);
});

const acl = (more: Partial<Acl> = {}): Acl => ({
  resourceType: ResourceType.CLUSTER,
  resourceName: "kafka-cluster",
  patternType: 3,
  principal: "User:ann",
  host: "*",
  operation: Operation.ALTER,
  permissionType: Permission.ALLOW,
  ...more,
});
const withAcls = (...acls: Acl[]): State => ({
  ...EMPTY,
  acls: new Map(acls.map((one) => [ruleKey(one), one])),
});
const topic = (partitions: number | null, more = {}) => ({
  ...EMPTY,
  topics: new Map([["t", { partitions, replicas: null, configs: new Map(), ...more }]]),
});

Deno.test("what cannot be done is a problem, in words", () => {
  const told = (wanted: State, actual: State, options: Partial<PlanOptions> = {}) =>
    planOf(wanted, actual, { ...OPTIONS, force: false, ...options }).problems.join("\n");
  assertStringIncludes(told(topic(2), topic(3)), "t has 3 partitions and cannot have fewer: not 2");
  assertStringIncludes(
    told(topic(3, { replicas: 3 }), topic(3, { replicas: 1 })),
    "1 replicas, not 3",
  );
  const user = (iterations: number | null): State => ({
    ...EMPTY,
    users: new Map([["u", { iterations: new Map([["SCRAM-SHA-256", iterations]]), secret: null }]]),
  });
  assertStringIncludes(told(user(null), EMPTY), "none by SCRAM-SHA-256");
  assertStringIncludes(told(user(8192), user(4096)), "one of 4096 iterations by SCRAM-SHA-256");
  assertEquals(told(user(null), user(4096)), "");
  const hidden: State = { ...EMPTY, brokers: new Map([["p", null]]) };
  assertStringIncludes(
    told({ ...EMPTY, brokers: new Map([["p", "x"]]) }, hidden),
    "p of broker default is hidden",
  );
  const deny = acl({ principal: "User:*", permissionType: Permission.DENY });
  assertStringIncludes(told(withAcls(deny), withAcls(acl())), "nobody who may change ACLs");
  assertEquals(told(withAcls(deny), withAcls(acl()), { force: true }), "");
  const gone = { lastListed: listedIn(withAcls(acl())), prune: true };
  assertStringIncludes(told(EMPTY, withAcls(acl()), gone), "nobody who may change ACLs");
  assertEquals(told(withAcls(acl({ principal: "User:bob" })), withAcls(acl()), gone), "");
});

Deno.test("a password is kept where the credential is there, unless it is to be set anew", () => {
  const user = (count: number | null): State => ({
    ...EMPTY,
    users: new Map([["u", { iterations: new Map([["SCRAM-SHA-512", count]]), secret: SECRET }]]),
  });
  const lines = (wanted: State, actual: State, rotate: string[] = []) =>
    planOf(wanted, actual, { ...OPTIONS, rotate: new Set(rotate) }).changes.flatMap(linesOf)
      .map(({ sign, text }) => `${sign} ${text}`);
  assertEquals(lines(user(null), user(4096)), []);
  assertEquals(lines(user(4096), user(4096)), []);
  assertEquals(lines(user(8192), user(4096)), [
    "~ user u: SCRAM-SHA-512, 8192 iterations (was 4096)",
  ]);
  assertEquals(lines(user(null), EMPTY), ["+ user u: SCRAM-SHA-512"]);
  assertEquals(lines(user(null), user(4096), ["u"]), [
    "~ user u: SCRAM-SHA-512 (password set anew)",
  ]);
  assertEquals(lines(user(null), user(4096), ["v"]), []);
});

Deno.test("an ACL is the same however its host is written", () => {
  const wanted = withAcls(acl({ host: "::1" })),
    actual = withAcls(acl({ host: "0:0:0:0:0:0:0:1" }));
  assertEquals(planOf(wanted, actual, OPTIONS).changes, []);
});

/**
 * The audit between dispatch and its writer, in memory: what is written of a request and when, that every field which is
 * documented is written somewhere and none else, and that floods take bounded memory and displace nothing.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { ErrorCode } from "../protocol/errors.ts";
import { AlterReplicaLogDirs } from "../protocol/messages/alter_replica_log_dirs.ts";
import { CreateTopics } from "../protocol/messages/create_topics.ts";
import { ListOffsets } from "../protocol/messages/list_offsets.ts";
import { OffsetCommit } from "../protocol/messages/offset_commit.ts";
import { Produce } from "../protocol/messages/produce.ts";
import type { Api } from "../protocol/schema.ts";
import { Operation, ResourceType } from "../security/acl/acl.ts";
import { Authorizer } from "../security/acl/authorizer.ts";
import { MemoryStore } from "../storage/backends/memory_store.ts";
import { FakeTimers } from "../testing/fake_timers.ts";
import { FaultyStore } from "../testing/faulty_store.ts";
import { Audit, type AuditedContext } from "./audit.ts";
import { AuditFile, type AuditFileOptions } from "./audit_file.ts";
import { AuditWriter, MAX_CHANGES } from "./audit_writer.ts";
import { hashWith } from "./chain.ts";
import { DenialLimit } from "./denial_limit.ts";
import { body, FIELDS } from "./event.ts";

const NAME = "audit.log", CLOSE = Symbol("close"), REFUSED = ErrorCode.TOPIC_AUTHORIZATION_FAILED;
// deno-lint-ignore no-explicit-any -- lines as they are
type Line = any;

function opened(options: Partial<AuditFileOptions> = {}) {
  const store = new FaultyStore(new MemoryStore()), timers = new FakeTimers(), time = { ms: 0 };
  const nowMs = () => time.ms,
    authorizer = new Authorizer({
      superUsers: ["User:admin"],
      allowEveryoneIfNoAclFound: false,
    });
  const file = new AuditFile({
    store,
    name: NAME,
    rotateBytes: 1 << 30,
    rotateDaily: false,
    keep: 0,
    hash: hashWith(""),
    nowMs,
    onProblem: () => {},
    ...options,
  });
  const writer = new AuditWriter({
    file,
    log: null,
    fsync: true,
    onFailure: "continue",
    timers,
    nowMs,
    onEvent: () => {},
  });
  const limit = new DenialLimit({ perSecond: 10, monotonicMs: nowMs, nowMs });
  const turn = { isLong: false, next: () => Promise.resolve() };
  const audit = new Audit({ writer, limit, timers, turn, nowMs });
  const held: Promise<unknown>[] = [];
  const contextOf = (user: string): AuditedContext => {
    const connection = {
      principal: `User:${user}`,
      peer: "10.0.0.7",
      peerPort: 1234,
      listener: "PLAINTEXT",
      hold: (until: Promise<unknown>) => void held.push(until),
    };
    const access = audit.accessBy(authorizer)(connection);
    return { apiVersion: 7, clientId: "client", access, connection };
  };
  /** Handles a request as dispatch does, without guards. */
  const ask = (
    { api, user, request }: { api: unknown; user: string; request: unknown },
    handle: (context: AuditedContext) => unknown,
  ) => {
    const context = contextOf(user), audited = audit.begin(api as Api, request, context);
    const run = (handle: (request: unknown, context: unknown) => unknown) =>
      handle(request, context);
    return audited === null ? handle(context) : audited.answer(run, () => handle(context), CLOSE);
  };
  const lines = (): Line[] =>
    new TextDecoder().decode(store.readAll(NAME)!).split("\n").slice(0, -1)
      .map((line) => JSON.parse(line));
  return { store, timers, time, audit, writer, limit, ask, lines, held, contextOf };
}

const TOPICS = (count: number) => ({
  topics: Array.from({ length: count }, (_, i) => ({
    name: `topic-${i}`,
    numPartitions: 1,
    replicationFactor: 1,
    assignments: [],
    configs: [{ name: "retention.ms", value: "1" }],
  })),
  validateOnly: false,
});

const made = (count: number, errorCode = 0) => ({
  topics: TOPICS(count).topics.map(({ name }) => ({ name, errorCode })),
});

/** A ListOffsets that is refused. */
function denied({ access }: AuditedContext, name = "orders") {
  const mayNot = !access.mayTopic(Operation.DESCRIBE, name);
  return { topics: [{ name, partitions: [{ errorCode: mayNot ? REFUSED : 0 }] }] };
}

const settled = () => new Promise((resolve) => setTimeout(resolve));

Deno.test("every field that is documented is written in the kinds of lines it is documented of, and no other", async () => {
  const all: Line[] = [];
  {
    const { audit, ask, lines, writer, timers, limit, store } = opened();
    const found = { torn: true, missing_from: 1, missing_to: 2 };
    await writer.open(body(0, "audit", { event: "started", version: "1", ...found }));
    const end = { listener: "A", peer: "10.0.0.7", mechanism: "PLAIN", isAgain: false };
    audit.loggedIn({ ...end, result: "done", principal: "User:a" });
    audit.loggedIn({ ...end, result: "failed", claimed: "b" });
    audit.shookHands({ peer: "10.0.0.7", listener: "A", reason: "no certificate" });
    await ask({ api: CreateTopics, user: "admin", request: TOPICS(300) }, ({ access }) => {
      for (let i = 0; i < 30; i++) access.mayTopic(Operation.CREATE, `topic-${i}`);
      return made(300);
    });
    for (let i = 0; i < 20; i++) {
      ask({ api: ListOffsets, user: "eve", request: {} }, (context) => {
        for (let i = 0; i < 30; i++) denied(context, `topic-${i}`);
        return denied(context);
      });
    }
    assert(limit.isCounting);
    await timers.advance(1000);
    store.fail({ on: "append", pathEndsWith: NAME });
    await writer.change([body(0, "change", { action: "x" })]);
    await timers.advance(1000);
    all.push(...lines());
  }
  const seen = new Set<string>(), known = new Set<string>();
  for (const line of all) for (const name of namesOf(line)) seen.add(`${line.kind} ${name}`);
  for (const [name, kinds] of FIELDS) for (const kind of kinds) known.add(`${kind} ${name}`);
  assertEquals([...seen].sort(), [...known].sort());
});

function* namesOf(line: Line, prefix = ""): Generator<string> {
  for (const [name, value] of Object.entries(line)) {
    yield prefix + name;
    if (!Array.isArray(value) || name === "errors") continue;
    for (const one of value) yield* namesOf(one, `${prefix}${name}[].`);
  }
}

Deno.test("in a flood of 100,000 denials every change is there, and every denial is a line or in a count", async () => {
  const { ask, lines, time, timers, audit } = opened();
  const changes: unknown[] = [];
  for (let i = 0; i < 100_000; i++) {
    time.ms += i % 20 === 0 ? 1 : 0;
    const answer = ask({ api: ListOffsets, user: `eve-${i % 3}`, request: {} }, denied);
    assertEquals(answer instanceof Promise, false); // nobody waits for the line of a denial
    if (i % 500 === 0) {
      const request = TOPICS(1);
      changes.push(ask({ api: CreateTopics, user: "admin", request }, () => made(1)));
    }
    if (i % 5000 === 0) await timers.advance(1000);
  }
  assertEquals((await Promise.all(changes)).length, 200);
  await audit.close();
  const all = lines(), of = (kind: string) => all.filter((line) => line.kind === kind);
  assertEquals(of("change").length, 200);
  const counted = of("suppressed").reduce((sum, { count }) => sum + count, 0);
  assertEquals(of("denial").length + counted, 100_000);
  assert(of("denial").length <= 3 * 10 * 6, `${of("denial").length} lines`); // six seconds
});

Deno.test("a change is answered when its line is written; what it was asked is written of one that ends without an answer, too", async () => {
  const { ask, lines } = opened();
  const answering = ask({ api: CreateTopics, user: "admin", request: TOPICS(1) }, () => made(1));
  assert(answering instanceof Promise);
  assertEquals(await answering, made(1));
  assertEquals(lines().length, 1);
  const closed = ask({ api: CreateTopics, user: "admin", request: TOPICS(1) }, () => CLOSE);
  assertEquals(await closed, CLOSE);
  const failing = async () => {
    await ask({ api: CreateTopics, user: "admin", request: TOPICS(1) }, () => {
      throw new Error("a fault");
    });
  };
  await assertRejects(failing, Error, "a fault");
  assertEquals(lines().map(({ outcome }) => outcome), ["done", "unknown", "unknown"]);
  assertEquals(lines()[1].resources[0].error, null);
});

Deno.test("a change waits for a place, and its request's bytes are held meanwhile; traffic does not wait", async () => {
  const { ask, writer, held } = opened();
  for (let i = 0; i < MAX_CHANGES; i++) writer.enter();
  let isHandled = false;
  const waiting = ask({ api: CreateTopics, user: "admin", request: TOPICS(1) }, () => {
    isHandled = true;
    return made(1);
  });
  await settled();
  assertEquals([isHandled, held.length], [false, 1]);
  assertEquals(ask({ api: ListOffsets, user: "admin", request: {} }, () => "answer"), "answer");
  writer.leave();
  assertEquals(await waiting, made(1));
  await held[0];
});

Deno.test("what is allowed in part is a change that says which part, what is denied as a whole a denial", async () => {
  const { ask, lines } = opened();
  const half = () => ({
    topics: [{ name: "topic-0", errorCode: 0 }, { name: "topic-1", errorCode: REFUSED }],
  });
  await ask({ api: CreateTopics, user: "eve", request: TOPICS(2) }, half);
  await ask({ api: CreateTopics, user: "eve", request: TOPICS(2) }, ({ access }) => {
    access.mayCluster(Operation.CREATE);
    return made(2, REFUSED);
  });
  await settled();
  const [part, whole] = lines();
  assertEquals([part.kind, part.decision, part.outcome], ["change", "partly", "partly"]);
  assertEquals(
    part.resources.map(({ error }: Line) => error),
    ["NONE", "TOPIC_AUTHORIZATION_FAILED"],
  );
  assertEquals([whole.kind, whole.rights.length], ["denial", 1]);
});

Deno.test("commits of members and what is produced are written only where they were denied; without an answer too", async () => {
  const { ask, lines } = opened();
  const commit = (memberId: string) => ({
    groupId: "g",
    generationIdOrMemberEpoch: memberId === "" ? -1 : 1,
    memberId,
    topics: [],
  });
  assertEquals(
    ask({ api: OffsetCommit, user: "a", request: commit("m") }, () => "answer"),
    "answer",
  );
  const refusedWrite = ({ access }: AuditedContext) => {
    access.may(Operation.WRITE, ResourceType.TRANSACTIONAL_ID, "t");
    return CLOSE; // acks = 0
  };
  assertEquals(ask({ api: Produce, user: "a", request: {} }, refusedWrite), CLOSE);
  assertEquals(ask({ api: Produce, user: "a", request: {} }, () => CLOSE), CLOSE);
  await settled();
  assertEquals(lines().map(({ kind, api, errors }) => [kind, api, errors]), [
    ["denial", "Produce", ["TRANSACTIONAL_ID_AUTHORIZATION_FAILED"]],
  ]);
});

Deno.test("a change of very many things is written whole, in lines of bounded length", async () => {
  const { ask, lines } = opened();
  await ask({ api: CreateTopics, user: "admin", request: TOPICS(20_000) }, () => made(20_000));
  const all = lines();
  assertEquals(all.flatMap(({ resources }) => resources).length, 20_000);
  assertEquals(all.map(({ part }) => part), all.map((_, i) => i + 1));
  assert(all.every((line) => JSON.stringify(line).length < 25_000));
});

Deno.test("of what is denied as a whole, however much it is, nothing is looked at; what is done in part is found in turns", async () => {
  const { audit, lines, contextOf } = opened();
  let looked = 0;
  const topics = Array.from({ length: 1000 }, (_, i) => ({
    get name() {
      looked++;
      return `topic-${i}`;
    },
    partitions: [0],
  }));
  const context = contextOf("eve"), dirs = [{ path: "/x", topics }];
  const asked = audit.begin(AlterReplicaLogDirs as unknown as Api, { dirs }, context)!;
  const answer = (errorCode: (i: number) => number) => ({
    results: topics.map((_, i) => ({
      topicName: `topic-${i}`,
      partitions: [{ partitionIndex: 0, errorCode: errorCode(i) }],
    })),
  });
  await asked.answer(() => answer(() => 31), () => {}, CLOSE);
  assertEquals(looked, 0);
  await settled();
  assertEquals(lines().map(({ kind, errors }) => [kind, errors]), [
    ["denial", ["CLUSTER_AUTHORIZATION_FAILED"]],
  ]);
  const partly = audit.begin(AlterReplicaLogDirs as unknown as Api, { dirs }, context)!;
  await partly.answer(() => answer((i) => i === 0 ? 0 : 31), () => {}, CLOSE);
  const written = lines().slice(1);
  assertEquals(written[0].decision, "partly");
  assertEquals(written.flatMap(({ resources }) => resources).length, 1000);
});

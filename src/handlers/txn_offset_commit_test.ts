/**
 * Proves what becomes of offsets that are committed in a transaction: over real logs, with the transaction coordinator's
 * answers written down by the test (a double of TransactionGate) and its markers written as it writes them. Codes were
 * read off a Kafka 4.4.0.
 */
import { assertEquals } from "@std/assert";
import type { Uuid } from "../bytes/uuid.ts";
import { GroupCoordinator } from "../groups/coordinator.ts";
import { deleteGroup, listGroups } from "../groups/requests/group_admin.ts";
import { DeleteGroups } from "../protocol/messages/delete_groups.ts";
import { OffsetCommit } from "../protocol/messages/offset_commit.ts";
import { OffsetDelete } from "../protocol/messages/offset_delete.ts";
import { OffsetFetch } from "../protocol/messages/offset_fetch.ts";
import { TxnOffsetCommit } from "../protocol/messages/txn_offset_commit.ts";
import { ask, everyVersion } from "../testing/admin.ts";
import { someAnswers } from "../testing/answers.ts";
import { consumerContext } from "../testing/consumer_groups.ts";
import { PartitionsFixture } from "../testing/partitions.ts";
import type { TransactionClaim } from "../transactions/transaction_gate.ts";
import { deleteGroups } from "./delete_groups.ts";
import { LocalMarkers } from "./local_markers.ts";
import { OffsetAdmission } from "./offset_admission.ts";
import { offsetCommit } from "./offset_commit.ts";
import { offsetDelete } from "./offset_delete.ts";
import { offsetFetch } from "./offset_fetch.ts";
import { txnOffsetCommit } from "./txn_offset_commit.ts";

const OFFSETS = "__consumer_offsets";
const DAY_MS = 86_400_000;

class Desk {
  readonly fixture: PartitionsFixture;
  /** What the transaction coordinator was asked, and what it answers. */
  readonly asked: TransactionClaim[] = [];
  answer: (claim: TransactionClaim) => number | Promise<number> = () => 0;
  readonly answered: number[] = [];
  readonly events: string[] = [];
  isVerifying = true;
  groups: GroupCoordinator;

  constructor(fixture: PartitionsFixture) {
    this.fixture = fixture;
    this.groups = this.open();
  }

  static async start(): Promise<Desk> {
    const fixture = await PartitionsFixture.start();
    await fixture.create("t", 2);
    await fixture.create(OFFSETS);
    const desk = new Desk(fixture);
    await desk.groups.loadAll();
    return desk;
  }

  /** The coordinator anew: it knows what its log says. */
  async restart(): Promise<void> {
    this.groups.stop();
    this.groups = this.open();
    await this.groups.loadAll();
  }

  open(): GroupCoordinator {
    const log = this.fixture.log(OFFSETS);
    return new GroupCoordinator({
      clock: this.fixture.clock,
      settings: {
        initialRebalanceDelayMs: 0,
        minSessionTimeoutMs: 6000,
        maxSessionTimeoutMs: 30_000,
        maxSize: 10,
        maxGroups: 10,
        maxMemberBytes: 1 << 20,
        offsetsRetentionMs: DAY_MS,
        offsetsRetentionCheckIntervalMs: 600_000,
        offsetMetadataMaxLength: 4096,
        offsetMetadataMaxBytes: 1 << 20,
        maxOffsets: 1 << 20,
      },
      topic: {
        name: OFFSETS,
        partitionCount: 1,
        create: () => Promise.resolve(),
        led: () => ({ log, leaderEpoch: log.leaderEpoch }),
      },
      consumer: consumerContext(),
      give: () => {},
      newId: () => "id",
      wake: () => () => {},
      onEvent: (event) => this.events.push(event),
    });
  }

  get services() {
    const { fixture: { lookup, clock }, groups, isVerifying } = this;
    const admission = new OffsetAdmission({
      ...lookup,
      clock,
      isVerifying,
      gate: {
        admit: async (claim) => {
          this.asked.push(claim);
          return await this.answer(claim);
        },
      },
      onAnswered: (errorCode) => this.answered.push(errorCode),
    });
    return { groups, catalogue: lookup.catalogue, admission };
  }

  /** The error code of one offset, committed in producer 7's transaction. */
  async commit(own: Commit = {}): Promise<number> {
    const { version = 5, offset = 5n, partition = 0, topic = "t", ...rest } = own;
    const topicId = own.topicId ?? this.fixture.metadata.catalogue.topic("t")!.id;
    const { topics } = await ask(txnOffsetCommit(this.services), TxnOffsetCommit, version, {
      transactionalId: "tx",
      groupId: "g",
      producerId: 7,
      producerEpoch: 3,
      ...rest,
      topics: [{
        name: topic,
        topicId,
        partitions: [{
          partitionIndex: partition,
          committedOffset: offset,
          committedMetadata: own.metadata ?? null,
        }],
      }],
    });
    return topics[0].partitions[0].errorCode;
  }

  async plainCommit(offset: bigint): Promise<void> {
    await ask(offsetCommit(this.services), OffsetCommit, 8, {
      groupId: "g",
      generationIdOrMemberEpoch: -1,
      memberId: "",
      groupInstanceId: null,
      topics: [{
        name: "t",
        partitions: [{ partitionIndex: 0, committedOffset: offset, committedMetadata: "" }],
      }],
    });
  }

  /** The offset of t-0, or the error code. */
  async fetched(requireStable = true): Promise<bigint | string> {
    const groups = [{ groupId: "g", topics: [{ name: "t", partitionIndexes: [0] }] }];
    const handler = offsetFetch({ ...this.services, answers: someAnswers() });
    const answer = await ask(handler, OffsetFetch, 8, { groups, requireStable });
    const { errorCode, committedOffset } = answer.groups[0].topics[0].partitions[0];
    return errorCode === 0 ? committedOffset : `error ${errorCode}`;
  }

  end(isCommit: boolean, own: { producerId?: number; producerEpoch?: number } = {}) {
    const { lookup, clock } = this.fixture;
    const markers = new LocalMarkers({
      ...lookup,
      clock,
      listener: { onMarker: (_, partition, marker) => this.groups.marker(partition, marker) },
    });
    return markers.write(OFFSETS, 0, {
      producerId: 7,
      producerEpoch: 4,
      isCommit,
      coordinatorEpoch: 0,
      transactionVersion: 2,
      ...own,
    });
  }

  listed(): string[] {
    const all = listGroups(this.groups, { states: [], types: [] });
    return all.map(({ groupId, state, type }) => `${groupId} ${state} ${type}`);
  }
}

interface Commit {
  version?: number;
  offset?: bigint;
  partition?: number;
  topic?: string;
  topicId?: Uuid;
  metadata?: string;
  groupId?: string;
  transactionalId?: string;
  producerId?: number;
  producerEpoch?: number;
  generationIdOrMemberEpoch?: number;
  memberId?: string;
}

Deno.test("offsets of a transaction are hidden until it commits, unstable meanwhile, and then shown, in every version", async () => {
  await everyVersion(txnOffsetCommit((await Desk.start()).services), async (version) => {
    const desk = await Desk.start();
    assertEquals(await desk.commit({ version }), 0);
    assertEquals([await desk.fetched(false), await desk.fetched()], [-1n, "error 88"]);
    assertEquals(desk.listed(), ["g Empty classic"]);
    const [partition] = desk.groups.active();
    assertEquals(await desk.end(true), 0);
    assertEquals([await desk.fetched(false), await desk.fetched()], [5n, 5n]);
    assertEquals([...desk.groups.active()][0], partition, "it was not loaded anew");
    assertEquals(desk.fixture.batches(OFFSETS), ["data 7/3", "commit 7/4 c0"]);
  });
});

Deno.test("offsets of an aborted transaction are never shown, and leave what was committed before", async () => {
  const desk = await Desk.start();
  await desk.plainCommit(3n);
  await desk.commit();
  assertEquals([await desk.fetched(false), await desk.fetched()], [3n, "error 88"]);
  await desk.end(false);
  assertEquals(await desk.fetched(), 3n);
});

Deno.test("a coordinator that starts anew has open transactions as they were, and takes their markers", async () => {
  for (const isCommit of [true, false]) {
    const desk = await Desk.start();
    await desk.commit();
    await desk.restart();
    assertEquals(await desk.fetched(), "error 88");
    await desk.end(isCommit);
    const shown = isCommit ? 5n : -1n;
    assertEquals(await desk.fetched(), shown);
    await desk.restart();
    assertEquals(await desk.fetched(), shown);
  }
});

Deno.test("of a plain commit and a transaction's the later record wins, and it is unstable until the marker", async () => {
  const desk = await Desk.start();
  await desk.commit();
  await desk.plainCommit(7n);
  assertEquals([await desk.fetched(false), await desk.fetched()], [7n, "error 88"]);
  await desk.end(true);
  assertEquals(await desk.fetched(), 7n);
  await desk.restart();
  assertEquals(await desk.fetched(), 7n);
});

Deno.test("of two transactions the later commit wins, though the earlier one ends last", async () => {
  const desk = await Desk.start();
  await desk.commit({ offset: 10n });
  await desk.commit({ offset: 20n, producerId: 8 });
  await desk.end(true, { producerId: 8 });
  assertEquals([await desk.fetched(false), await desk.fetched()], [20n, "error 88"]);
  await desk.end(true);
  assertEquals(await desk.fetched(), 20n);
});

Deno.test("the coordinator is asked once a transaction: to add the group's partition from version 5 on, to verify it before", async () => {
  await everyVersion(txnOffsetCommit((await Desk.start()).services), async (version) => {
    const desk = await Desk.start();
    assertEquals([await desk.commit({ version }), await desk.commit({ version })], [0, 0]);
    const mode = version >= 5 ? "add" : "verify";
    const claim = { transactionalId: "tx", producerId: 7, producerEpoch: 3 };
    assertEquals(desk.asked, [{ ...claim, topic: OFFSETS, partition: 0, mode, isBeside: true }]);
    assertEquals(desk.answered, [0]);
    await desk.end(true);
    assertEquals(await desk.commit({ version, producerEpoch: 4 }), 0);
    assertEquals(desk.asked.length, 2);
  });
});

Deno.test("without verification only version 5 and later ask", async () => {
  const desk = await Desk.start();
  desk.isVerifying = false;
  assertEquals([await desk.commit({ version: 4 }), desk.asked.length], [0, 0]);
  await desk.end(true);
  assertEquals([await desk.commit({ version: 5, producerEpoch: 4 }), desk.asked.length], [0, 1]);
});

Deno.test("what the coordinator refuses is not written, and answered in words that the version knows", async () => {
  const expected: readonly [code: number, byVersion: readonly number[]][] = [
    [90, [47, 47, 47, 47, 47, 47, 47]],
    [47, [47, 47, 47, 47, 47, 47, 47]],
    [120, [48, 48, 48, 48, 120, 120, 120]],
    [48, [48, 48, 48, 48, 48, 48, 48]],
    [51, [51, 51, 51, 51, 51, 51, 51]],
    [49, [49, 49, 49, 49, 49, 49, 49]],
    [42, [42, 42, 42, 42, 42, 42, 42]],
    [14, [15, 15, 14, 14, 14, 14, 14]],
    [13, [15, 15, 14, 14, 14, 14, 14]],
    [15, [15, 15, 15, 15, 15, 15, 15]],
    [16, [16, 16, 16, 16, 16, 16, 16]],
  ];
  const desk = await Desk.start();
  for (const [code, byVersion] of expected) {
    desk.answer = () => code;
    for (const [version, errorCode] of byVersion.entries()) {
      assertEquals(await desk.commit({ version }), errorCode, `${code} in version ${version}`);
    }
  }
  assertEquals([desk.fixture.batches(OFFSETS), desk.listed()], [[], []]);
  assertEquals(desk.answered.length, desk.asked.length);
  desk.answer = () => 0;
  assertEquals([await desk.commit(), await desk.end(true), await desk.fetched()], [0, 0, 5n]);
});

Deno.test("a marker that is written while the coordinator is asked leaves nothing open: the commit is 48", async () => {
  const desk = await Desk.start();
  desk.answer = async () => {
    await desk.end(false, { producerEpoch: 3 });
    return 0;
  };
  assertEquals(await desk.commit({ version: 4 }), 48);
  assertEquals([desk.fixture.batches(OFFSETS), desk.listed()], [["abort 7/3 c0"], []]);
});

Deno.test("a producer of an older epoch is 47, and nobody is asked", async () => {
  const desk = await Desk.start();
  await desk.commit();
  await desk.end(true);
  for (const version of [0, 5]) assertEquals(await desk.commit({ version }), 47);
  assertEquals(desk.asked.length, 1);
  desk.isVerifying = false;
  assertEquals(await desk.commit({ version: 4 }), 47, "by the log, where nobody verifies");
});

Deno.test("topics and partitions that do not exist are refused by themselves, and alone ask nobody", async () => {
  const desk = await Desk.start(), strange = "c3RyYW5nZS10b3BpYy1pZA" as Uuid;
  assertEquals(await desk.commit({ topic: "no" }), 3);
  assertEquals(await desk.commit({ partition: 9 }), 3);
  assertEquals(await desk.commit({ version: 6, topicId: strange }), 100);
  assertEquals(await desk.commit({ version: 6, partition: 9 }), 3);
  assertEquals([desk.asked.length, desk.listed()], [0, []]);
});

Deno.test("an empty group id is 24, a generation of a group that does not exist 22, from version 6 on 69", async () => {
  const desk = await Desk.start();
  for (const version of [0, 6]) assertEquals(await desk.commit({ version, groupId: "" }), 24);
  assertEquals(desk.asked.length, 0);
  const claim = { generationIdOrMemberEpoch: 3, memberId: "m" };
  assertEquals(await desk.commit({ version: 5, ...claim }), 22);
  assertEquals(await desk.commit({ version: 6, ...claim }), 69);
  assertEquals(await desk.commit({ memberId: "m" }), 0);
});

Deno.test("metadata that is too long is 12, and writes nothing", async () => {
  const desk = await Desk.start();
  assertEquals(await desk.commit({ metadata: "x".repeat(4097) }), 12);
  assertEquals(desk.fixture.batches(OFFSETS), []);
});

Deno.test("a group is deleted with what is pending, which its marker does not bring back", async () => {
  const desk = await Desk.start();
  await desk.commit();
  const request = { groupsNames: ["g"] };
  const { results } = await ask(deleteGroups(desk.groups, someAnswers()), DeleteGroups, 2, request);
  assertEquals([results[0].errorCode, await desk.fetched(), desk.listed()], [0, -1n, []]);
  await desk.end(true);
  assertEquals([await desk.fetched(), desk.listed()], [-1n, []]);
  await desk.restart();
  assertEquals([await desk.fetched(), desk.listed()], [-1n, []]);
});

Deno.test("OffsetDelete takes what is pending", async () => {
  const desk = await Desk.start();
  await desk.commit();
  const topics = [{ name: "t", partitions: [{ partitionIndex: 0 }, { partitionIndex: 1 }] }];
  const request = { groupId: "g", topics };
  const deleted = await ask(offsetDelete(desk.services), OffsetDelete, 0, request);
  assertEquals(deleted.topics[0].partitions.map(({ errorCode }) => errorCode), [0, 0]);
  assertEquals(await desk.fetched(), -1n);
  await desk.end(true);
  assertEquals(await desk.fetched(), -1n);
});

Deno.test("a deleted topic takes what is pending for it, and an offset does not expire while a transaction may change it", async () => {
  const desk = await Desk.start();
  await desk.plainCommit(3n);
  await desk.commit();
  desk.fixture.clock.advance(2 * DAY_MS);
  await desk.groups.expireOffsets();
  assertEquals(await desk.fetched(false), 3n);
  await desk.groups.deleteTopics(new Set(["t"]));
  assertEquals([await desk.fetched(), desk.listed()], [-1n, ["g Empty classic"]]);
  await desk.groups.expireOffsets();
  assertEquals(desk.listed(), []);
  await desk.end(true);
  assertEquals(await desk.fetched(), -1n);
});

Deno.test("a group without offsets is not removed while a transaction commits for it", async () => {
  const desk = await Desk.start();
  await desk.commit();
  desk.fixture.clock.advance(2 * DAY_MS);
  await desk.groups.expireOffsets();
  assertEquals(desk.listed(), ["g Empty classic"]);
  await desk.end(true);
  assertEquals(await desk.fetched(), 5n);
});

Deno.test("an offset that the log could not write after all is 16, and the next commit begins the transaction again", async () => {
  const desk = await Desk.start();
  desk.fixture.store.fail({ on: "append", pathEndsWith: ".log", kind: "noSpace" });
  assertEquals(await desk.commit(), 16);
  await desk.groups.loadAll();
  assertEquals([await desk.fetched(), desk.listed()], [-1n, []]);
  assertEquals([await desk.commit(), desk.asked.length], [0, 2]);
  await desk.end(true);
  assertEquals(await desk.fetched(), 5n);
});

Deno.test("a marker that could not be written after all takes back what it made true", async () => {
  const desk = await Desk.start();
  await desk.commit();
  desk.fixture.store.fail({ on: "append", pathEndsWith: ".log", kind: "noSpace" });
  assertEquals(await desk.end(true), 56);
  await desk.groups.loadAll();
  assertEquals([await desk.fetched(), desk.events], ["error 88", ["group_log_write_failed"]]);
  await desk.end(true);
  assertEquals(await desk.fetched(), 5n);
});

Deno.test("a group that is not kept here is 16, one whose log cannot be asked too, and nobody is asked", async () => {
  const desk = await Desk.start();
  desk.fixture.setOffline(OFFSETS, 0, "damaged");
  assertEquals(await desk.commit(), 16);
  desk.groups.unload(0);
  assertEquals([await desk.commit(), desk.asked.length], [16, 0]);
  desk.groups.stop();
  assertEquals(await desk.commit(), 15);
});

Deno.test("a coordinator that is gone when the answer comes writes nothing", async () => {
  const desk = await Desk.start();
  desk.answer = () => {
    desk.groups.unload(0);
    return 0;
  };
  assertEquals([await desk.commit(), desk.fixture.batches(OFFSETS)], [16, []]);
  assertEquals(await deleteGroup(desk.groups, "g"), 16);
});

/**
 * Transactions for a directory that changes hands: written under one broker, looked at under the other.
 *
 *     deno run -A transactions.ts write BROKERS LEDGER [PID]   some committed, aborted and left open; with the broker's
 *                                                              process id, many more are ended at once, and it is killed
 *                                                              when the first of those is answered
 *     deno run -A transactions.ts prepared DIRECTORY           how many the log of a broker at rest has prepared
 *     deno run -A transactions.ts check BROKERS LEDGER [kafka] what was prepared ends; what was open is open, is hidden, and
 *                                                              can be committed; all is as the ledger has it. Of a Kafka
 *                                                              it is only said when markers are missing: while it starts
 *                                                              it may take partitions for deleted (KAFKA-20734)
 */
import { assertEquals } from "@std/assert";
import { Admin } from "../../src/client/admin.ts";
import { Connection } from "../../src/client/connection.ts";
import { decodeVersioned } from "../../src/protocol/log_record.ts";
import { DescribeTransactions } from "../../src/protocol/messages/describe_transactions.ts";
import { EndTxn } from "../../src/protocol/messages/end_txn.ts";
import { FindCoordinator } from "../../src/protocol/messages/find_coordinator.ts";
import { InitProducerId } from "../../src/protocol/messages/init_producer_id.ts";
import { OffsetFetch } from "../../src/protocol/messages/offset_fetch.ts";
import { Produce } from "../../src/protocol/messages/produce.ts";
import { TransactionLogValue } from "../../src/protocol/messages/transaction_log.ts";
import { TxnOffsetCommit } from "../../src/protocol/messages/txn_offset_commit.ts";
import * as batch from "../../src/protocol/records/batch.ts";
import { buildBatch } from "../../src/protocol/records/build.ts";
import { readRecords } from "../../src/protocol/records/record.ts";
import { pause } from "../crash/victim.ts";
import { BrokerView } from "../transactions/broker_view.ts";

const PARTITIONS = 3, AT_ONCE = 60, EARLY_MS = 30, LIMIT_MS = 60_000, COMMAND_LIMIT_MS = 150_000;

interface Written {
  readonly id: string;
  readonly producerId: number;
  readonly producerEpoch: number;
  /** What it was asked to end with; null: nothing. */
  readonly commit: boolean | null;
  isAnswered: boolean;
}

interface Ledger {
  readonly topic: string;
  readonly written: Written[];
}

class Session {
  #connection: Connection | null = null;

  constructor(readonly bootstrap: string, readonly topic: string) {}

  async connection(): Promise<Connection> {
    const [host, port] = this.bootstrap.split(":");
    if (this.#connection === null || this.#connection.isClosed) {
      this.#connection = await Connection.open({ host, port: Number(port) });
    }
    return this.#connection;
  }

  close(): void {
    this.#connection?.close();
  }

  /** Asks until the error code is none that passes by itself. */
  async until(ask: (connection: Connection) => Promise<number>): Promise<number> {
    const deadlineMs = performance.now() + LIMIT_MS;
    for (;; await pause(50)) {
      const code = await ask(await this.connection());
      if (![3, 6, 14, 15, 16, 51].includes(code) || performance.now() > deadlineMs) return code;
    }
  }

  async coordinated(): Promise<void> {
    for (const keyType of [0, 1]) {
      const body = { keyType, coordinatorKeys: [this.topic] };
      await this.until(async (connection) =>
        (await connection.request(FindCoordinator, 4, body)).coordinators[0].errorCode
      );
    }
  }

  async begin(id: string): Promise<{ producerId: number; producerEpoch: number }> {
    let identity = { producerId: -1, producerEpoch: -1 };
    const body = { transactionalId: id, transactionTimeoutMs: 600_000 };
    const code = await this.until(async (connection) => {
      const { errorCode, producerId, producerEpoch } = await connection.request(
        InitProducerId,
        5,
        body,
      );
      identity = { producerId, producerEpoch };
      return errorCode;
    });
    assertEquals(code, 0, `InitProducerId of ${id}`);
    return identity;
  }

  /** A record to each partition, and a group's offset. */
  async write(
    id: string,
    identity: { producerId: number; producerEpoch: number },
    { sequence = 0, offset }: {
      sequence?: number;
      offset?: readonly [partition: number, offset: number];
    },
  ): Promise<void> {
    for (let index = 0; index < PARTITIONS; index++) {
      const value = new TextEncoder().encode(`${id} ${identity.producerEpoch}`);
      const records = buildBatch({
        records: [{ timestampMs: Date.now(), value }],
        ...identity,
        baseSequence: sequence,
        isTransactional: true,
      });
      const topicData = [{ name: this.topic, partitionData: [{ index, records }] }];
      const body = { transactionalId: id, acks: -1, timeoutMs: 10_000, topicData };
      const code = await this.until(async (connection) =>
        (await connection.request(Produce, 12, body)).responses[0].partitionResponses[0].errorCode
      );
      assertEquals(code, 0, `Produce of ${id} to ${index}`);
    }
    if (offset === undefined) return;
    const [partitionIndex, committedOffset] = offset;
    const partitions = [{
      partitionIndex,
      committedOffset: BigInt(committedOffset),
      committedMetadata: "",
    }];
    const topics = [{ name: this.topic, partitions }];
    const body = { transactionalId: id, groupId: this.topic, ...identity, topics };
    const code = await this.until(async (connection) =>
      (await connection.request(TxnOffsetCommit, 5, body)).topics[0].partitions[0].errorCode
    );
    assertEquals(code, 0, `TxnOffsetCommit of ${id}`);
  }

  async end(
    id: string,
    identity: { producerId: number; producerEpoch: number },
    committed: boolean,
  ): Promise<number> {
    const { producerId, producerEpoch } = identity;
    const body = { transactionalId: id, producerId, producerEpoch, committed };
    return await this.until(async (connection) =>
      (await connection.request(EndTxn, 5, body)).errorCode
    );
  }

  async state(id: string): Promise<string> {
    let state = "";
    await this.until(async (connection) => {
      const body = { transactionalIds: [id] };
      const { transactionStates: [found] } = await connection.request(
        DescribeTransactions,
        0,
        body,
      );
      state = found.transactionState;
      return found.errorCode;
    });
    return state;
  }

  /** Offset, or minus the error code. */
  async offset(partition: number): Promise<number> {
    const topics = [{ name: this.topic, partitionIndexes: [partition] }];
    const body = { groups: [{ groupId: this.topic, topics }], requireStable: true };
    let offset = -1n;
    const code = await this.until(async (connection) => {
      const { groups: [group] } = await connection.request(OffsetFetch, 8, body);
      const [found] = group.topics[0]?.partitions ?? [{ errorCode: 0, committedOffset: -1n }];
      offset = BigInt(found.committedOffset);
      return group.errorCode || found.errorCode;
    });
    return code === 0 ? Number(offset) : -code;
  }
}

async function write(bootstrap: string, file: string, pid: number | null): Promise<void> {
  const topic = `transactions-${Date.now()}`;
  const admin = new Admin({ bootstrap });
  await admin.createTopics([{ name: topic, partitions: PARTITIONS }]);
  await admin.close();
  const session = new Session(bootstrap, topic);
  await session.coordinated();
  const written: Written[] = [];
  const one = async (name: string, commit: boolean | null, offset: readonly [number, number]) => {
    const id = `${topic}-${name}`, identity = await session.begin(id);
    await session.write(id, identity, { offset });
    if (commit !== null) {
      assertEquals(await session.end(id, identity, commit), 0);
      // The next is to begin behind its markers.
      while (!(await session.state(id)).startsWith("Complete")) await pause(20);
    }
    written.push({ id, ...identity, commit, isAnswered: commit !== null });
  };
  await one("committed", true, [0, 7]);
  await one("aborted", false, [0, 9]);
  await one("open", null, [1, 11]);
  if (pid !== null) written.push(...await endAtOnce(bootstrap, topic, pid));
  session.close();
  await Deno.writeTextFile(file, JSON.stringify({ topic, written } satisfies Ledger));
  const answered = written.filter(({ isAnswered }) => isAnswered).length;
  console.log(`${written.length} transactions, ${answered} answered`);
}

/**
 * Many transactions are ended at the same time; when the first is answered the broker is killed. On a busy machine that is
 * heard when all are over: so every second time it is killed some milliseconds after they were asked for.
 */
async function endAtOnce(bootstrap: string, topic: string, pid: number): Promise<Written[]> {
  const sessions = await Promise.all(Array.from({ length: AT_ONCE }, async (_, i) => {
    const session = new Session(bootstrap, topic), id = `${topic}-${i}`;
    const identity = await session.begin(id);
    await session.write(id, identity, {});
    return { session, id, ...identity, commit: i % 3 !== 0, isAnswered: false };
  }));
  let isKilled = false;
  const kill = () => {
    if (isKilled) return;
    isKilled = true;
    Deno.kill(pid, "SIGKILL");
  };
  if (Math.random() < 0.5) pause(Math.random() * EARLY_MS).then(kill);
  await Promise.all(sessions.map(async (one) => {
    const { producerId, producerEpoch, commit, id, session } = one;
    const connection = await session.connection();
    const body = { transactionalId: id, producerId, producerEpoch, committed: commit };
    const answer = await connection.request(EndTxn, 5, body).catch(() => null);
    one.isAnswered = answer?.errorCode === 0;
    kill();
  }));
  for (const { session } of sessions) session.close();
  return sessions.map(({ session: _, ...written }) => written);
}

/** The last state of each transactional id, as the log of a broker at rest has it. */
function prepared(directory: string): number {
  const states = new Map<string, number>();
  for (const entry of Deno.readDirSync(directory)) {
    if (!/^__transaction_state-\d+$/.test(entry.name)) continue;
    const folder = `${directory}/${entry.name}`;
    const names = [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) =>
      name.endsWith(".log")
    );
    for (const name of names.sort()) note(states, Deno.readFileSync(`${folder}/${name}`));
  }
  return [...states.values()].filter((status) => status === 2 || status === 3).length;
}

function note(states: Map<string, number>, log: Uint8Array): void {
  for (let at = 0; at + batch.BATCH_OVERHEAD <= log.length;) {
    const size = batch.sizeInBytes(log, at);
    if (size < batch.BATCH_OVERHEAD || at + size > log.length) return; // torn, or not written yet
    for (const { key, value } of readRecords(log, at)) {
      const id = new TextDecoder().decode(key!);
      if (value === null) states.delete(id);
      else states.set(id, decodeVersioned(TransactionLogValue, value).transactionStatus);
    }
    at += size;
  }
}

async function check(bootstrap: string, file: string, isKafka: boolean): Promise<void> {
  const { topic, written }: Ledger = JSON.parse(await Deno.readTextFile(file));
  const session = new Session(bootstrap, topic), view = new BrokerView(bootstrap);
  await session.coordinated();
  const open = written.find(({ commit }) => commit === null)!;
  await prepareEnds(session, written.filter((one) => one !== open));
  assertEquals(await session.state(open.id), "Ongoing", "the open one");
  const stable = await view.ends(topic, PARTITIONS, "readCommitted");
  const ends = await view.ends(topic, PARTITIONS, "readUncommitted");
  // Before it stand a committed and an aborted one, each with a marker.
  assertEquals(stable, [4, 4, 4], "the last stable offsets, at the open one's first record");
  assertEquals(await session.offset(0), 7, "the offset of the committed one");
  assertEquals(await session.offset(1), -88, "the offset of the open one is hidden");
  const asked = async (one: Written) =>
    assertEquals(await session.end(one.id, one, one.commit!), 0, `a retry of ${one.id}`);
  for (const one of written.filter(({ isAnswered }) => isAnswered)) await asked(one);
  await session.write(open.id, open, { sequence: 1 });
  assertEquals(await session.end(open.id, open, true), 0, "the open one is committed");
  const { complaints: unsettled } = await view.settled({ [topic]: PARTITIONS }, LIMIT_MS, topic);
  if (isKafka && unsettled.length > 0) {
    console.log(`Kafka has skipped markers: ${unsettled.join(", ")}`);
    return;
  }
  assertEquals(unsettled, []);
  assertEquals(await session.offset(1), 11, "the offset of the open one");
  await seen(view, topic, written, open);
  const [first] = written, again = await session.begin(first.id);
  await session.write(first.id, again, {});
  assertEquals(await session.end(first.id, again, true), 0, "a producer goes on");
  console.log(`${written.length} transactions, ${ends.reduce((a, b) => a + b)} offsets`);
  session.close();
  view.close();
}

async function prepareEnds(session: Session, ended: readonly Written[]): Promise<void> {
  const deadlineMs = performance.now() + LIMIT_MS;
  for (const { id, isAnswered, commit } of ended) {
    let state = await session.state(id);
    while (state.startsWith("Prepare") && performance.now() < deadlineMs) {
      await pause(50);
      state = await session.state(id);
    }
    if (state.startsWith("Prepare")) throw new Error(`${id} is still ${state}`);
    if (isAnswered) assertEquals(state, commit ? "CompleteCommit" : "CompleteAbort", id);
    // The request may not have arrived. Nobody else will end it.
    else if (state === "Ongoing") {
      const one = ended.find((one) => one.id === id)!;
      assertEquals(await session.end(id, one, false), 0, `${id} is aborted`);
    }
  }
}

async function seen(
  view: BrokerView,
  topic: string,
  written: readonly Written[],
  open: Written,
): Promise<void> {
  const counts = new Map<string, number>();
  for (
    const value of [...(await view.values(topic, PARTITIONS, "readCommitted")).values()].flat()
  ) {
    const [id] = value.split(" ");
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  for (const one of written) {
    const count = counts.get(one.id) ?? 0;
    const wanted = one === open ? 2 * PARTITIONS : one.commit ? PARTITIONS : 0;
    if (one.commit && !one.isAnswered) {
      assertEquals(count % PARTITIONS, 0, `${one.id}: whole or never`);
    } else assertEquals(count, wanted, one.id);
  }
}

const [command, where, file, pid] = Deno.args;
// What hangs is not to hang the suite.
setTimeout(() => {
  console.error(`${command} is not done after ${COMMAND_LIMIT_MS / 1000} s`);
  Deno.exit(1);
}, COMMAND_LIMIT_MS);
if (command === "write") await write(where, file, pid === undefined ? null : Number(pid));
else if (command === "check") await check(where, file, pid === "kafka");
else if (command === "prepared") {
  const count = prepared(where);
  console.log(`${count} are prepared`);
  if (count === 0) Deno.exit(1);
} else throw new Error(`${command}: needed is write, prepared or check`);
Deno.exit(0);

/**
 * Proves what `runnel txn` asks a cluster and prints: which transactions hang, how one is aborted and when that is
 * refused, and that names cannot steer a terminal. The broker is scripted.
 */
import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { Cluster } from "../../client/cluster.ts";
import { KafkaError } from "../../client/errors.ts";
import type { TransactionDescription } from "../../client/transactions.ts";
import { ConfigError } from "../../config/load.ts";
import { joined } from "../../protocol/codec.ts";
import { decodeRequest, encodeResponse } from "../../protocol/frame.ts";
import { ApiVersions } from "../../protocol/messages/api_versions.ts";
import { DescribeProducers } from "../../protocol/messages/describe_producers.ts";
import { DescribeTransactions } from "../../protocol/messages/describe_transactions.ts";
import { FindCoordinator } from "../../protocol/messages/find_coordinator.ts";
import { InitProducerId } from "../../protocol/messages/init_producer_id.ts";
import { ListTransactions } from "../../protocol/messages/list_transactions.ts";
import { Metadata } from "../../protocol/messages/metadata.ts";
import { WriteTxnMarkers } from "../../protocol/messages/write_txn_markers.ts";
import type { Api, Decoded, Encodable, Fields, Message } from "../../protocol/schema.ts";
import { type Asked, ScriptedSocket } from "../../testing/scripted_socket.ts";
import type { Call } from "../call.ts";
import type { Work } from "../connected.ts";
import { Output } from "../output.ts";
import { parse } from "../parse.ts";
import { printable, table } from "../table.ts";
import { aborting } from "./abort.ts";
import { txnCommand } from "./command.ts";
import { described, describing } from "./describe.ts";
import { searching } from "./find_hanging.ts";
import { listing } from "./list.ts";

const APIS = [
  ApiVersions,
  DescribeProducers,
  DescribeTransactions,
  FindCoordinator,
  InitProducerId,
  ListTransactions,
  Metadata,
  WriteTxnMarkers,
];
const MINUTE_MS = 60_000;

/** A transaction that is open in a partition of topic "t", from an offset on. */
interface Open {
  readonly partition: number;
  readonly producerId: number;
  readonly at: number;
  readonly ageMs?: number;
}

/** Topic "t" of three partitions, what is open in them, and what the coordinator has. */
class OneBroker {
  readonly asked: string[] = [];
  readonly broken = new Map<number, number>();
  fenceCode = 0;
  listVersion = 2;

  constructor(readonly open: readonly Open[], readonly ids: readonly TransactionDescription[]) {}

  readonly dial = () => Promise.resolve(new ScriptedSocket((asked) => this.#answer(asked)));

  #answer(asked: Asked): Uint8Array {
    const { apiVersion: version, frame, bodyAt, correlationId } = asked;
    const read = <Q extends Fields, R extends Fields>(api: Api<Q, R>) =>
      decodeRequest(api, version, frame, bodyAt) as Decoded<Message<Q>>;
    const reply = <Q extends Fields, R extends Fields>(
      api: Api<Q, R>,
      body: Encodable<Message<R>>,
    ) => joined(encodeResponse(api, version, correlationId, body));
    switch (asked.apiKey) {
      case ApiVersions.key:
        return reply(ApiVersions, {
          apiKeys: APIS.map(({ key, min, max }) => ({
            apiKey: key,
            minVersion: min,
            maxVersion: key === ListTransactions.key ? this.listVersion : max,
          })),
        });
      case Metadata.key: {
        const topics = read(Metadata).topics ?? [{ name: "t" }];
        return reply(Metadata, {
          brokers: [{ nodeId: 0, host: "broker", port: 1 }],
          topics: topics.map(({ name }) =>
            name === "t"
              ? { name, partitions: [0, 1, 2].map((partitionIndex) => ({ partitionIndex })) }
              : { name: name!, errorCode: 17 }
          ),
        });
      }
      case FindCoordinator.key:
        return reply(FindCoordinator, {
          coordinators: read(FindCoordinator).coordinatorKeys.map((key) => ({ key, nodeId: 0 })),
        });
      case DescribeProducers.key:
        return reply(DescribeProducers, {
          topics: read(DescribeProducers).topics.map(({ name, partitionIndexes }) => ({
            name,
            partitions: partitionIndexes.map((partitionIndex) => ({
              partitionIndex,
              errorCode: this.broken.get(partitionIndex) ?? 0,
              activeProducers: [
                { producerId: 1, lastTimestamp: 0 }, // without a transaction
                ...this.open.filter(({ partition }) => partition === partitionIndex).map((one) => ({
                  producerId: one.producerId,
                  producerEpoch: 3,
                  lastTimestamp: Date.now() - (one.ageMs ?? 60 * MINUTE_MS),
                  coordinatorEpoch: -1,
                  currentTxnStartOffset: one.at,
                })),
              ],
            })),
          })),
        });
      case ListTransactions.key: {
        const { producerIdFilters, transactionalIdPattern, stateFilters } = read(ListTransactions);
        if (transactionalIdPattern === "(") return reply(ListTransactions, { errorCode: 128 });
        return reply(ListTransactions, {
          unknownStateFilters: stateFilters.filter((state) => state !== "Ongoing"),
          transactionStates: this.ids
            .filter(({ producerId }) =>
              producerIdFilters.length === 0 || producerIdFilters.includes(producerId)
            )
            .map(({ transactionalId, producerId, state }) => ({
              transactionalId,
              producerId,
              transactionState: state,
            })),
        });
      }
      case DescribeTransactions.key: {
        const [id] = read(DescribeTransactions).transactionalIds;
        const found = this.ids.find(({ transactionalId }) => transactionalId === id);
        return reply(DescribeTransactions, {
          transactionStates: [
            found === undefined ? { transactionalId: id, errorCode: 105 } : {
              transactionalId: id,
              transactionState: found.state,
              transactionTimeoutMs: found.timeoutMs,
              transactionStartTimeMs: found.startTimeMs ?? -1,
              producerId: found.producerId,
              producerEpoch: found.producerEpoch,
              topics: [{ topic: "t", partitions: found.partitions.map((one) => one.partition) }],
            },
          ],
        });
      }
      case InitProducerId.key: {
        const { transactionalId, transactionTimeoutMs, producerId } = read(InitProducerId);
        this.asked.push(`fence ${transactionalId} ${transactionTimeoutMs} ${producerId}`);
        return reply(InitProducerId, { errorCode: this.fenceCode });
      }
      default: {
        const [marker] = read(WriteTxnMarkers).markers;
        const { producerId, producerEpoch, coordinatorEpoch, transactionResult, topics } = marker;
        const [{ name, partitionIndexes: [partition] }] = topics;
        this.asked.push(
          `marker ${name}-${partition} ${producerId}/${producerEpoch} ${coordinatorEpoch} ${transactionResult}`,
        );
        return reply(WriteTxnMarkers, {
          markers: [{
            producerId,
            topics: [{ name, partitions: [{ partitionIndex: partition, errorCode: 0 }] }],
          }],
        });
      }
    }
  }
}

function id(
  transactionalId: string,
  producerId: number,
  state: string,
  ...partitions: number[]
): TransactionDescription {
  return {
    transactionalId,
    coordinatorId: 0,
    state,
    producerId,
    producerEpoch: 3,
    timeoutMs: 45_000,
    startTimeMs: state === "Ongoing" ? 1_700_000_000_000 : null,
    partitions: partitions.map((partition) => ({ topic: "t", partition })),
  };
}

const WORKS: Readonly<Record<string, (call: Call) => Work>> = {
  "list": listing,
  "describe": describing,
  "find-hanging": searching,
  "abort": aborting,
};

/** What is to be done by these arguments. Throws ConfigError. */
function workOf(...args: readonly string[]): Work {
  const parsed = parse(txnCommand, args);
  if (parsed.kind !== "call") throw new Error(parsed.text);
  return WORKS[parsed.call.action.name](parsed.call);
}

/** What is printed, line by line, and what was wrong. */
async function ask(broker: OneBroker, ...args: string[]) {
  const cluster = new Cluster({
    bootstrap: "broker:1",
    dial: broker.dial,
    callTimeoutMs: 30,
    retryBackoffMs: 1,
    retryBackoffMaxMs: 2,
  });
  const { error } = console, errors: string[] = [];
  let text = "";
  console.error = (line: string) => void errors.push(line.replace(/^runnel: /, ""));
  const out = new Output({
    isJson: args.includes("--json"),
    sink: { write: (more) => void (text += more), width: null },
  });
  try {
    const yes = args[0] === "abort" ? ["--yes"] : [];
    await workOf(...args, ...yes)({ cluster, out, bootstrap: "broker:1", another: () => cluster });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    errors.push(error.message);
  } finally {
    console.error = error;
    cluster.close();
  }
  return { out: text.split("\n").slice(0, -1), errors };
}

Deno.test("list prints what the coordinators have, and what cannot be filtered by is said", async () => {
  const broker = new OneBroker([], [id("b", 7, "Ongoing", 1), id("a", 8, "Empty")]);
  assertEquals((await ask(broker, "list")).out, [
    "TRANSACTIONAL ID  STATE    PRODUCER  COORDINATOR",
    "a                 Empty           8            0",
    "b                 Ongoing         7            0",
  ]);
  assertEquals((await ask(broker, "list", "--producer-id=7", "--state=Ongoing")).out.length, 2);
  await assertRejects(() => ask(broker, "list", "--state=Open"), KafkaError, "no such state");
  await assertRejects(() => ask(broker, "list", "--pattern=("), KafkaError, "pattern (");
  broker.listVersion = 0;
  await assertRejects(() => ask(broker, "list", "--pattern=x"), KafkaError, "needed is 2");
  await assertRejects(() => ask(broker, "list", "--longer-than=1"), KafkaError, "needed is 1");
});

Deno.test("describe prints state, producer, age and partitions, or that there is no such id", async () => {
  const found = id("x", 7, "Ongoing", 2, 0);
  assertEquals(described(found, 1_700_000_012_000), [
    "Transactional id x: Ongoing",
    "Producer 7, epoch 3; coordinator 0",
    "Open for 12 s, since 2023-11-14T22:13:20.000Z; timeout 45 s",
    "",
    "Partitions",
    "  t-0",
    "  t-2",
  ]);
  assertEquals(described(id("x", 7, "Empty"), 0).length, 3);
  const { out, errors } = await ask(new OneBroker([], [found]), "describe", "y");
  assertEquals([out, errors], [[], ["There is no transactional id y: `runnel txn list`"]]);
});

Deno.test("what hangs is old, and no coordinator has it in that partition", async () => {
  const broker = new OneBroker([
    { partition: 0, producerId: 10, at: 5 }, // nobody's
    { partition: 1, producerId: 11, at: 6 }, // of an open transaction
    { partition: 2, producerId: 11, at: 7 }, // of the same producer, but not of its transaction
    { partition: 2, producerId: 12, at: 8, ageMs: 5 * MINUTE_MS }, // not old yet
    { partition: 1, producerId: 13, at: 9 }, // its marker is on its way
  ], [id("x", 11, "Ongoing", 1), id("y", 13, "PrepareCommit", 1)]);
  const { out, errors } = await ask(broker, "find-hanging");
  assertEquals(out.filter((line) => line.includes(" txn ")), [
    "  runnel txn abort --topic t --partition 0 --start-offset 5",
    "  runnel txn abort --topic t --partition 2 --start-offset 7",
  ]);
  assertEquals(errors, []);
  const sooner = await ask(
    broker,
    "find-hanging",
    "--topic=t",
    "--partition=2",
    "--longer-than=60",
  );
  assertEquals(sooner.out.filter((line) => line.includes("--start-offset")).length, 2);
  const none = await ask(broker, "find-hanging", "--partition=1", "--topic=t");
  assertStringIncludes(none.out[0], "Nothing hangs in 1 partition");
});

Deno.test("a partition that cannot be asked is named, and the others are searched", async () => {
  const broker = new OneBroker([{ partition: 0, producerId: 10, at: 5 }], []);
  broker.broken.set(1, 56);
  const { out, errors } = await ask(broker, "find-hanging");
  assertEquals(errors.length, 1);
  assertStringIncludes(errors[0], "t-1 was not searched: ");
  assertStringIncludes(errors[0], "KAFKA_STORAGE_ERROR");
  assertStringIncludes(out.join(), "--partition 0 --start-offset 5");
});

Deno.test("topics and partitions that there are none of are named", async () => {
  const broker = new OneBroker([], []);
  assertEquals((await ask(broker, "find-hanging", "--topic=u")).errors, ["There is no topic u"]);
  const says = ["There is no partition 3 of t: it has 0 to 2"];
  assertEquals((await ask(broker, "find-hanging", "--topic=t", "--partition=3")).errors, says);
  const abort = ["abort", "--topic=t", "--partition=3", "--start-offset=0"];
  assertEquals((await ask(broker, ...abort)).errors, says);
});

Deno.test("abort ID fences the producer of an open transaction, and keeps its timeout", async () => {
  const ids = [id("x", 7, "Ongoing", 1), id("y", 8, "PrepareCommit", 1), id("z", 9, "Empty")];
  const broker = new OneBroker([], ids);
  assertEquals((await ask(broker, "abort", "x")).errors, []);
  assertEquals(broker.asked, ["fence x 45000 -1"]);
  assertStringIncludes(
    (await ask(broker, "abort", "y")).errors[0],
    "how its transaction ends is decided",
  );
  assertStringIncludes((await ask(broker, "abort", "z")).errors[0], "it has no open transaction");
  assertStringIncludes(
    (await ask(broker, "abort", "w")).errors[0],
    "There is no transactional id w",
  );
  assertEquals(broker.asked.length, 1);
  broker.fenceCode = 51;
  assertStringIncludes((await ask(broker, "abort", "x")).out[0], "markers are still being written");
  broker.fenceCode = 53;
  await assertRejects(() => ask(broker, "abort", "x"), KafkaError, "fence the producer of x");
});

Deno.test("abort in a partition writes the marker of the transaction that begins there", async () => {
  const broker = new OneBroker([{ partition: 1, producerId: 10, at: 5 }], []);
  const abort = ["abort", "--topic=t", "--partition=1"];
  assertEquals((await ask(broker, ...abort, "--start-offset=5")).out, [
    "Aborted in t-1: producer 10, epoch 3",
  ]);
  assertEquals(broker.asked, ["marker t-1 10/3 0 false"]);
  assertEquals((await ask(broker, ...abort, "--start-offset=6")).errors, [
    "No transaction of t-1 begins at offset 6: open are those at 5 (producer 10)",
  ]);
  const marker = ["--producer-epoch=4", "--coordinator-epoch=2"];
  await ask(broker, ...abort, "--producer-id=10", ...marker);
  assertEquals(broker.asked.at(-1), "marker t-1 10/4 2 false");
  const { errors } = await ask(broker, ...abort, "--producer-id=11", ...marker);
  assertStringIncludes(errors[0], "Producer 11 has no open transaction in t-1");
  await ask(broker, ...abort, "--producer-id=11", ...marker, "--force");
  assertEquals(broker.asked.at(-1), "marker t-1 11/4 2 false");
});

Deno.test("a transaction that its coordinator will end is not torn without --force", async () => {
  const broker = new OneBroker([{ partition: 1, producerId: 7, at: 5 }], [
    id("x", 7, "Ongoing", 1),
  ]);
  const abort = ["abort", "--topic=t", "--partition=1", "--start-offset=5"];
  assertStringIncludes((await ask(broker, ...abort)).errors[0], "`runnel txn abort x`");
  assertEquals(broker.asked, []);
  await ask(broker, ...abort, "--force");
  assertEquals(broker.asked, ["marker t-1 7/3 0 false"]);
});

Deno.test("the command that is advised evaluates nothing in an id, and takes none for a flag", async () => {
  for (const [name, line] of [["$(id)`id`", "runnel txn abort '$(id)`id`'"], ["--x", "-- --x"]]) {
    const broker = new OneBroker([{ partition: 1, producerId: 7, at: 5 }], [
      id(name, 7, "Ongoing", 1),
    ]);
    const { errors } = await ask(broker, "abort", "--topic=t", "--partition=1", "--start-offset=5");
    assertStringIncludes(errors[0], line);
  }
});

Deno.test("names cannot steer the terminal they are printed on", () => {
  assertEquals(
    printable("a\x1b[2J\r\n\u202eb\u2028\ud800c\\é"),
    "a\\u{1b}[2J\\u{d}\\u{a}\\u{202e}b\\u{2028}\\u{d800}c\\é",
  );
  assertEquals(table(["ID", "N"], [["a\n", "1"]]), ["ID      N", "a\\u{a}  1"]);
});

Deno.test("arguments that do not fit are refused with how the action is called", () => {
  for (
    const [wrong, says] of [
      [[], "needs one of list, describe, find-hanging, abort"],
      [["list", "x"], "txn list: too many arguments"],
      [["list", "--topic=t"], "unknown option '--topic=t', which `runnel txn find-hanging` and"],
      [["list", "--state="], "a state is empty"],
      [["list", "--longer-than=-1"], "--longer-than -1: needs a time, as 90s"],
      [["list", "--producer-id=1.5"], "--producer-id 1.5: needs a whole number"],
      [["describe"], "missing required argument 'ID'"],
      [["find-hanging", "--partition=1"], "--partition needs --topic"],
      [["abort"], "abort: needs ID, a transactional id, or --topic"],
      [["abort", "x", "--force"], "abort: takes --force with --topic only"],
      [["abort", "x", "--topic=t"], 'does not take "x"'],
      [["abort", "--topic=t"], "with --topic it needs --partition"],
      [["abort", "--topic=t", "--partition=0"], "needs --start-offset, or --producer-id"],
      [
        ["abort", "--topic=t", "--partition=0", "--start-offset=1", "--producer-id=1"],
        "needs --start-offset, or",
      ],
      [
        ["abort", "--topic=t", "--partition=0", "--producer-id=1", "--producer-epoch=1"],
        "needs --start-offset, or",
      ],
      [[
        "abort",
        "--topic=t",
        "--partition=0",
        "--producer-id=1",
        "--producer-epoch=40000",
        "--coordinator-epoch=1",
      ], "0 to 32767"],
    ] as const
  ) {
    assertThrows(() => workOf(...wrong), ConfigError, says);
  }
});

Deno.test("for programs everything is an object on a line, numbers as numbers", async () => {
  const broker = new OneBroker([{ partition: 0, producerId: 10, at: 5 }], [
    id("x", 7, "Ongoing", 1),
  ]);
  const json = async (...args: string[]) =>
    (await ask(broker, ...args, "--json")).out.map((line) => JSON.parse(line));
  assertEquals(await json("list"), [
    { transactionalId: "x", state: "Ongoing", producer: 7, coordinator: 0 },
  ]);
  assertEquals((await json("describe", "x"))[0].partitions, [{ topic: "t", partition: 1 }]);
  assertEquals((await json("find-hanging"))[0].startOffset, 5);
  assertEquals(await json("abort", "--topic=t", "--partition=0", "--start-offset=5"), [
    { topic: "t", partition: 0, producerId: 10, producerEpoch: 3 },
  ]);
});

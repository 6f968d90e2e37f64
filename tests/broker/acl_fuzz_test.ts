/**
 * Whoever has no right changes nothing and learns nothing, whatever is asked in whichever version; whoever may only see
 * changes nothing, and whoever may only read nothing but groups. What is asked is random, of names, ids and numbers that
 * there are. RUNNEL_SEED replays a run, RUNNEL_ASKED asks each API so often.
 */
import { assert, assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { readInt32 } from "../../src/bytes/int64.ts";
import { type Uuid, ZERO_UUID } from "../../src/bytes/uuid.ts";
import { joined } from "../../src/protocol/codec.ts";
import { encodeRequest } from "../../src/protocol/frame.ts";
import { type Entry, entry, layoutOf, type Version } from "../../src/protocol/layout.ts";
import { apis } from "../../src/protocol/messages/mod.ts";
import { AddPartitionsToTxn } from "../../src/protocol/messages/add_partitions_to_txn.ts";
import { AlterClientQuotas } from "../../src/protocol/messages/alter_client_quotas.ts";
import { AlterUserScramCredentials } from "../../src/protocol/messages/alter_user_scram_credentials.ts";
import { ApiVersions } from "../../src/protocol/messages/api_versions.ts";
import { CreateAcls } from "../../src/protocol/messages/create_acls.ts";
import { CreateTopics } from "../../src/protocol/messages/create_topics.ts";
import { DescribeAcls } from "../../src/protocol/messages/describe_acls.ts";
import { DescribeClientQuotas } from "../../src/protocol/messages/describe_client_quotas.ts";
import { DescribeConfigs } from "../../src/protocol/messages/describe_configs.ts";
import { DescribeTransactions } from "../../src/protocol/messages/describe_transactions.ts";
import { DescribeUserScramCredentials } from "../../src/protocol/messages/describe_user_scram_credentials.ts";
import { FindCoordinator } from "../../src/protocol/messages/find_coordinator.ts";
import { InitProducerId } from "../../src/protocol/messages/init_producer_id.ts";
import { ListGroups } from "../../src/protocol/messages/list_groups.ts";
import { ListOffsets } from "../../src/protocol/messages/list_offsets.ts";
import { Metadata } from "../../src/protocol/messages/metadata.ts";
import { OffsetCommit } from "../../src/protocol/messages/offset_commit.ts";
import { OffsetFetch } from "../../src/protocol/messages/offset_fetch.ts";
import { Produce } from "../../src/protocol/messages/produce.ts";
import type { Api, Fields, Spec } from "../../src/protocol/schema.ts";
import { asUsers } from "../../src/testing/as_users.ts";
import { Random, seedOfThisRun } from "../random.ts";
import { Asker } from "../transcripts/acls/asker.ts";
import { batchOf } from "./calls.ts";
import { pause, TestBroker } from "./harness.ts";

/** What nobody without rights is to see, by what it is. */
const TOPICS = ["hidden-orders", "hidden-bills", "null"];
const GROUP = "hidden-group", ID = "hidden-txn", USER = "hidden-user", VALUE = "hidden-value";
const NOTE = "hidden-note";
const READ = 3, DESCRIBE = 8, DESCRIBE_CONFIGS = 10, WILDCARD = "*";
/** Of everything of a type: topics, groups, the cluster, transactional ids. Mallory has none. */
const RIGHTS: readonly [user: string, operation: number, resourceType: number][] = [
  ...[2, 3, 4, 5].map((type): [string, number, number] => ["viewer", DESCRIBE, type]),
  ...[2, 3, 4].map((type): [string, number, number] => ["viewer", DESCRIBE_CONFIGS, type]),
  ["reader", READ, 2],
  ["reader", READ, 3],
];
const ASKED_EACH = Number(Deno.env.get("RUNNEL_ASKED") ?? 25);

// deno-lint-ignore no-explicit-any -- answers of many APIs, compared as they are
type Any = any;

interface World {
  readonly broker: TestBroker;
  readonly admin: Asker;
  readonly ids: readonly Uuid[];
  readonly producerId: number;
}

async function prepare(broker: TestBroker): Promise<World> {
  const admin = await Asker.open(`127.0.0.1:${broker.port}`, "admin");
  const ask = (api: unknown, version: number, body: Record<string, unknown>): Promise<Any> =>
    admin.ask(api as Api, version, body);
  const made = await ask(CreateTopics, 7, {
    topics: TOPICS.map((name) => ({ name, numPartitions: 2, replicationFactor: 1 })),
  });
  for (const [keyType, key] of [[0, GROUP], [1, ID]]) {
    for (let code = -1; code !== 0;) {
      code = (await ask(FindCoordinator, 3, { keyType, key })).errorCode;
      if (code !== 0) await pause(20);
    }
  }
  let producerId = -1;
  while (producerId < 0) { // while its coordinator loads
    const given = await ask(InitProducerId, 4, {
      transactionalId: ID,
      transactionTimeoutMs: 60_000,
    });
    if (given.errorCode === 0) producerId = given.producerId;
    else await pause(20);
  }
  await ask(AddPartitionsToTxn, 3, {
    v3AndBelowTransactionalId: ID,
    v3AndBelowProducerId: producerId,
    v3AndBelowProducerEpoch: 0,
    v3AndBelowTopics: [{ name: TOPICS[0], partitions: [0] }],
  });
  await ask(Produce, 9, {
    transactionalId: null,
    acks: -1,
    topicData: TOPICS.map((name) => ({
      name,
      partitionData: [{ index: 1, records: batchOf([VALUE, VALUE]) }],
    })),
  });
  await ask(OffsetCommit, 8, {
    groupId: GROUP,
    topics: TOPICS.map((name) => ({
      name,
      partitions: [{ partitionIndex: 1, committedOffset: 1n, committedMetadata: NOTE }],
    })),
  });
  await ask(AlterUserScramCredentials, 0, {
    upsertions: [{
      name: USER,
      mechanism: 1,
      iterations: 4096,
      salt: new Uint8Array(20).fill(7),
      saltedPassword: new Uint8Array(32).fill(9),
    }],
  });
  const entity = [{ entityType: "user", entityName: USER }];
  await ask(AlterClientQuotas, 1, {
    entries: [{ entity, ops: [{ key: "producer_byte_rate", value: 1e9, remove: false }] }],
  });
  await ask(CreateAcls, 3, {
    creations: RIGHTS.map(([user, operation, resourceType]) => ({
      resourceType,
      resourceName: resourceType === 4 ? "kafka-cluster" : WILDCARD,
      principal: `User:${user}`,
      host: WILDCARD,
      operation,
      permissionType: 3,
    })),
  });
  const ids = made.topics.map(({ topicId }: { topicId: Uuid }) => topicId);
  return { broker, admin, ids, producerId };
}

/** All that there is, as the administrator sees it. */
async function stateOf({ admin }: World): Promise<Record<string, unknown>> {
  const ask = (api: unknown, version: number, body: Record<string, unknown>): Promise<Any> =>
    admin.ask(api as Api, version, body);
  const { topics } = await ask(Metadata, 12, { topics: null });
  const resources = [
    ...topics.map(({ name }: { name: string }) => ({ resourceType: 2, resourceName: name })),
    { resourceType: 4, resourceName: "0" },
    { resourceType: 32, resourceName: GROUP },
  ];
  const offsets = await ask(ListOffsets, 7, {
    replicaId: -1,
    topics: TOPICS.map((name) => ({
      name,
      partitions: [0, 1].flatMap((partitionIndex) => [{ partitionIndex, timestamp: -1n }]),
    })),
  });
  const starts = await ask(ListOffsets, 7, {
    replicaId: -1,
    topics: TOPICS.map((name) => ({
      name,
      partitions: [0, 1].flatMap((partitionIndex) => [{ partitionIndex, timestamp: -2n }]),
    })),
  });
  const found = {
    topics,
    configs: (await ask(DescribeConfigs, 1, { resources })).results,
    ends: offsets.topics,
    starts: starts.topics,
    groups: (await ask(ListGroups, 4, {})).groups,
    offsets: (await ask(OffsetFetch, 7, { groupId: GROUP, topics: null })).topics,
    transactions: await ask(DescribeTransactions, 0, { transactionalIds: [ID] }),
    acls: await ask(DescribeAcls, 3, {
      resourceTypeFilter: 1,
      patternTypeFilter: 1,
      operation: 1,
      permissionType: 1,
    }),
    users: (await ask(DescribeUserScramCredentials, 0, { users: null })).results,
    quotas: (await ask(DescribeClientQuotas, 1, { components: [], strict: false })).entries,
  };
  return found;
}

/** A request of random fields, most of which mean something here. */
function randomFields(fields: Fields, at: Version, random: Random, world: World): Any {
  const made: Record<string, unknown> = {};
  for (const field of layoutOf(fields, at).all) {
    if (!field.present || random.oneIn(10) && !("default" in field.spec)) continue;
    made[field.name] = randomValue(field, at, random, world);
  }
  return made;
}

function randomValue(
  { spec, nullable }: Entry,
  at: Version,
  random: Random,
  world: World,
): unknown {
  if (nullable && random.oneIn(5)) return null;
  switch (spec.kind) {
    case "struct":
      return randomFields(spec.fields!, at, random, world);
    case "array": {
      const element = entry("", spec.element!, at);
      return Array.from({ length: random.below(4) }, () => randomValue(element, at, random, world));
    }
    case "records":
    case "bytes":
      return random.oneIn(3) ? new Uint8Array(random.below(3)) : batchOf(["mine"]);
    default:
      return randomScalar(spec, random, world);
  }
}

const NAMES = [...TOPICS, GROUP, ID, USER, "kafka-cluster", WILDCARD, "", "0", "User:viewer"];
const OTHERS = ["hidden", "hidden-.*", "consumer", "range", "retention.ms", "1000", "User:mallory"];
const NUMBERS = [-2, -1, -1, -1, 0, 0, 0, 1, 1, 2, 3, 4, 5, 7, 8, 16, 32];

function randomScalar({ kind }: Spec, random: Random, { ids, producerId }: World): unknown {
  switch (kind) {
    case "bool":
      return random.oneIn(2);
    case "uuid":
      return random.pick([...ids, ...ids, ZERO_UUID, "AAAAAAAAAAAAAAAAAAAAEQ"]);
    case "bigint64":
      return BigInt(random.pick([...NUMBERS, producerId]));
    case "int64":
      return random.pick([...NUMBERS, producerId, 60_000]);
    case "float64":
      return random.pick(NUMBERS);
    case "int8":
    case "int16":
    case "int32":
      return random.pick(NUMBERS);
    case "uint16":
    case "uint32":
      return random.below(5);
    default:
      return random.oneIn(4) ? random.pick(OTHERS) : random.pick(NAMES);
  }
}

/** One connection after the other of a user; the answer's bytes, or null where there was none. */
class Stranger {
  #socket: Deno.TcpConn | null = null;

  constructor(readonly name: string, readonly port: number) {}

  async ask(frame: Uint8Array): Promise<Uint8Array | null> {
    const socket = this.#socket ??= await Deno.connect({ hostname: "127.0.0.1", port: this.port });
    const timer = setTimeout(() => this.close(), ANSWERED_MS);
    try {
      for (let at = 0; at < frame.length;) at += await socket.write(frame.subarray(at));
      const size = await this.#read(socket, 4);
      const answer = size && await this.#read(socket, readInt32(size, 0));
      if (answer === null) this.close();
      return answer;
    } catch {
      this.close();
      return null;
    } finally {
      clearTimeout(timer);
    }
  }

  async #read(socket: Deno.TcpConn, bytes: number): Promise<Uint8Array | null> {
    const into = new Uint8Array(bytes);
    for (let at = 0; at < bytes;) {
      const read = await socket.read(into.subarray(at));
      if (read === null) return null;
      at += read;
    }
    return into;
  }

  close(): void {
    this.#socket?.close();
    this.#socket = null;
  }
}

/** Polls wait; whoever may nothing has nothing to wait for. */
const ANSWERED_MS = 300;

const STRANGERS = [
  ["mallory", "who may nothing changes nothing and learns nothing, whatever is asked"],
  ["viewer", "who may only see changes nothing, whatever is asked"],
  ["reader", "who may only read changes nothing but groups, whatever is asked"],
] as const;

for (const [who, what] of STRANGERS) {
  Deno.test(what, async () => {
    await using broker = await TestBroker.start({
      authorization: { mode: "on", superUsers: ["User:admin"] },
    }, { around: asUsers });
    const world = await prepare(broker), before = await stateOf(world);
    const random = new Random(seedOfThisRun()),
      replay = `RUNNEL_SEED=${random.seed} replays this`;
    const stranger = new Stranger(who, broker.port);
    const { apiKeys } = await world.admin.ask(ApiVersions as unknown as Api, 3, {
      clientSoftwareName: "t",
      clientSoftwareVersion: "1",
    });
    const secrets = [...TOPICS.slice(0, 2), GROUP, ID, USER, VALUE, NOTE].map((text) =>
      [text, Buffer.from(text)] as const
    );
    for (const id of world.ids) secrets.push([`the id ${id}`, Buffer.from(id, "base64url")]);
    let asked = 0, answered = 0;
    const seen = new Set<string>();
    for (const { apiKey, minVersion, maxVersion } of apiKeys) {
      const api = apis.find(({ key }) => key === apiKey)!;
      for (let round = 0; round < ASKED_EACH; round++) {
        const version = Math.max(api.min, random.below(maxVersion - minVersion + 1) + minVersion);
        const at = { version, flexible: version >= api.flexibleFrom };
        const body = randomFields(api.request.fields, at, random, world);
        let frame: Uint8Array;
        try {
          frame = joined(
            encodeRequest(api, version, { correlationId: round, clientId: who }, body),
          );
        } catch {
          continue; // a field that the version needs, or does not take
        }
        asked++;
        const answer = await stranger.ask(frame);
        if (answer === null) continue;
        answered++;
        seen.add(api.name);
        if (who !== "mallory") continue;
        const told = Buffer.from(answer), said = Buffer.from(frame);
        for (const [what, secret] of secrets) {
          if (!told.includes(secret) || said.includes(secret)) continue;
          throw new Error(`${replay}: ${api.name} v${version} tells of ${what}`);
        }
      }
    }
    stranger.close();
    const after = await stateOf(world);
    for (const [part, value] of Object.entries(before)) {
      if (who === "reader" && ["groups", "offsets"].includes(part)) continue;
      assertEquals(after[part], value, `${replay}: ${part}`);
    }
    world.admin.close();
    assert(seen.size > 45 && answered > asked / 2, `${answered} of ${asked}: ${[...seen]}`);
  });
}

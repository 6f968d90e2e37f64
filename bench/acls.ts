/**
 * Requests about a thousand topics at once, Metadata and Produce, where nobody asks ACLs (many_topics), where they are asked
 * and there are none, and among a thousand prefixes that allow and two thousand rules that deny (acls).
 *
 * The load does not log in: it is User:ANONYMOUS. `--address` takes a broker that asks ACLs and allows what none is of
 * (authorization.allow_everyone_if_no_acl_found, Kafka's allow.everyone.if.no.acl.found): so the first ACLs can be made.
 */
import { Admin } from "../src/client/admin.ts";
import { Cluster } from "../src/client/cluster.ts";
import { check } from "../src/client/errors.ts";
import { decodeResponse } from "../src/protocol/frame.ts";
import { CreateAcls } from "../src/protocol/messages/create_acls.ts";
import { DeleteAcls } from "../src/protocol/messages/delete_acls.ts";
import { Metadata } from "../src/protocol/messages/metadata.ts";
import { Produce } from "../src/protocol/messages/produce.ts";
import { Operation, PatternType, Permission, ResourceType } from "../src/security/acl/acl.ts";
import { Histogram } from "./histogram.ts";
import { encoded, LoadConnection, Phases } from "./load.ts";
import { batchOf, checkProduced, PRODUCE_VERSION } from "./topics.ts";
import { type Bench, durations, type Result, type Size, type Target } from "./types.ts";

export const manyTopics: Bench = {
  name: "many_topics",
  flush: ["os"],
  run: (target, size) =>
    withTopics(target, size, (names) => measured(target, size, names, "no ACLs asked")),
};

export const acls: Bench = {
  name: "acls",
  flush: ["os"],
  asksAcls: true,
  run: (target, size) =>
    withTopics(target, size, async (names) => {
      const results = await measured(target, size, names, "no ACLs");
      const count = await makeAcls(target, names);
      try {
        return [...results, ...await measured(target, size, names, `${count} ACLs`)];
      } finally {
        await removeAcls(target);
      }
    }),
};

const METADATA_VERSION = 9, VALUE_BYTES = 100, CONNECTIONS = 2;

/** The topics that all of it is about. */
export function topicNames(size: Size): string[] {
  return Array.from({ length: size === "full" ? 1000 : 20 }, (_, i) => `bench-${i}-topic`);
}

async function withTopics<T>(
  target: Target,
  size: Size,
  use: (names: readonly string[]) => Promise<T>,
): Promise<T> {
  const names = topicNames(size);
  const cluster = new Cluster({ bootstrap: target.address });
  const admin = new Admin(cluster);
  try {
    await admin.createTopics(names.map((name) => ({ name, partitions: 1, replicationFactor: 1 })));
    await admin.listOffsets(names.map((topic) => ({ topic, partition: 0, at: "earliest" })));
    const result = await use(names);
    await admin.deleteTopics(names);
    return result;
  } finally {
    cluster.close();
  }
}

async function measured(
  target: Target,
  size: Size,
  names: readonly string[],
  among: string,
): Promise<Result[]> {
  const results: Result[] = [];
  for (const { what, bytes, check } of requestsAbout(names)) {
    const { warmUpMs, measureMs } = durations(size), phases = new Phases(warmUpMs, measureMs);
    const latency = new Histogram();
    await Promise.all(Array.from({ length: CONNECTIONS }, async () => {
      const loader = await LoadConnection.open(target.address);
      await loader.keepBusy(bytes, {
        inFlight: 1,
        isOver: () => phases.isOver,
        latency: () => phases.isMeasuring ? latency : null,
        check,
      });
      loader.close();
    }));
    results.push({
      load: `${what} of ${names.length} topics, ${CONNECTIONS} conn, ${among}`,
      requests: latency.count,
      bytes: latency.count * bytes.length,
      seconds: phases.seconds,
      latency,
    });
  }
  return results;
}

export interface WideRequest {
  readonly what: string;
  readonly bytes: Uint8Array;
  /** Throws where its answer is not what it should be. */
  readonly check: (answer: Uint8Array) => void;
}

/** One request each about all of them. */
export function requestsAbout(names: readonly string[]): WideRequest[] {
  const batch = batchOf(1, VALUE_BYTES);
  return [
    {
      what: "Metadata",
      bytes: encoded(Metadata, METADATA_VERSION, {
        topics: names.map((name) => ({ name })),
        allowAutoTopicCreation: false,
      }),
      check: checkDescribed,
    },
    {
      what: "Produce",
      bytes: encoded(Produce, PRODUCE_VERSION, {
        transactionalId: null,
        acks: 1,
        timeoutMs: 30_000,
        topicData: names.map((name) => ({ name, partitionData: [{ index: 0, records: batch }] })),
      }),
      check: checkProduced,
    },
  ];
}

function checkDescribed(answer: Uint8Array): void {
  for (
    const { errorCode, name } of decodeResponse(Metadata, METADATA_VERSION, answer).body.topics
  ) {
    if (errorCode !== 0) throw new Error(`Metadata of ${name} was answered with ${errorCode}`);
  }
}

const { TOPIC } = ResourceType, { PREFIXED } = PatternType;

/** For each topic a prefix of its own that allows everything, and denies that hit another host and another user. */
export async function makeAcls(target: Target, names: readonly string[]): Promise<number> {
  const creations = names.flatMap((name, i) => {
    const rule = {
      resourceType: TOPIC,
      resourceName: name.slice(0, -"topic".length),
      resourcePatternType: PREFIXED,
      principal: ANONYMOUS,
      host: "*",
      operation: Operation.ALL,
      permissionType: Permission.ALLOW,
    };
    const deny = { ...rule, permissionType: Permission.DENY };
    return [
      rule,
      { ...deny, host: `10.1.${i >> 8}.${i & 255}`, operation: Operation.WRITE },
      { ...deny, principal: `User:u${i}` },
    ];
  });
  await withConnection(target, async (connection) => {
    const version = connection.versionFor(CreateAcls);
    const { results } = await connection.request(CreateAcls, version, { creations });
    for (const { errorCode, errorMessage } of results) check(errorCode, "an ACL", errorMessage);
  });
  await new Promise((resolve) => setTimeout(resolve, 1000)); // a broker of Kafka follows its controller
  return creations.length;
}

async function removeAcls(target: Target): Promise<void> {
  await withConnection(target, async (connection) => {
    const { filterResults } = await connection.request(
      DeleteAcls,
      connection.versionFor(DeleteAcls),
      {
        filters: [{
          resourceTypeFilter: TOPIC,
          resourceNameFilter: null,
          patternTypeFilter: PREFIXED,
          principalFilter: null,
          hostFilter: null,
          operation: Operation.ANY,
          permissionType: Permission.ANY,
        }],
      },
    );
    for (const { errorCode, errorMessage } of filterResults) {
      check(errorCode, "the ACLs", errorMessage);
    }
  });
}

const ANONYMOUS = "User:ANONYMOUS";

async function withConnection(
  target: Target,
  use: (connection: Awaited<ReturnType<Cluster["controllerConnection"]>>) => Promise<void>,
): Promise<void> {
  const cluster = new Cluster({ bootstrap: target.address });
  try {
    await use(await cluster.controllerConnection());
  } finally {
    cluster.close();
  }
}

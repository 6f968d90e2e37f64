/**
 * TransactionBrokers: for tests of the client: two scripted brokers with topic "t" of two partitions and one
 * transactional id, that check epochs, sequences and the order of requests as Kafka does. Node 0 leads the partitions
 * and keeps the groups, `coordinator` the transaction.
 */
import { joined } from "../protocol/codec.ts";
import { decodeRequest, encodeResponse } from "../protocol/frame.ts";
import { AddOffsetsToTxn } from "../protocol/messages/add_offsets_to_txn.ts";
import { AddPartitionsToTxn } from "../protocol/messages/add_partitions_to_txn.ts";
import { ApiVersions } from "../protocol/messages/api_versions.ts";
import { EndTxn } from "../protocol/messages/end_txn.ts";
import { FindCoordinator } from "../protocol/messages/find_coordinator.ts";
import { InitProducerId } from "../protocol/messages/init_producer_id.ts";
import { Metadata } from "../protocol/messages/metadata.ts";
import { Produce } from "../protocol/messages/produce.ts";
import { TxnOffsetCommit } from "../protocol/messages/txn_offset_commit.ts";
import * as batch from "../protocol/records/batch.ts";
import { readRecords } from "../protocol/records/record.ts";
import type { Api, Decoded, Encodable, Fields, Message } from "../protocol/schema.ts";
import { type Asked, ScriptedSocket } from "./scripted_socket.ts";

/** An error code, or what becomes of the connection: nothing is done, all is done, or nothing is ever answered. */
export type TransactionFault = number | "lose request" | "lose answer" | "hang";

const APIS = [
  Produce,
  Metadata,
  FindCoordinator,
  ApiVersions,
  InitProducerId,
  AddPartitionsToTxn,
  AddOffsetsToTxn,
  EndTxn,
  TxnOffsetCommit,
] as const;
type ApiName = typeof APIS[number]["name"];

export class TransactionBrokers {
  /** What was asked, but for versions, metadata and coordinators. */
  readonly asked: string[] = [];
  /** Values of records and offsets ("g t-0@5") of committed transactions. */
  readonly committed: string[] = [];
  coordinator = 1;
  producerId = 100;
  epoch = -1;
  readonly #faults = new Map<string, TransactionFault[]>();
  #featureEpoch = 1;
  #isOngoing = false;
  #lastResult: boolean | null = null;
  /** The id and epoch that the last end was asked with, and those it answered. */
  #lastEnd: { with: string; next: { producerId: number; producerEpoch: number } } | null = null;
  readonly #added = new Set<string>();
  #open: string[] = [];
  /** By partition: whose sequences they are, and the next one; offsets of batches by their place. */
  readonly #sequences = new Map<string, { of: string; next: number }>();
  readonly #offsets = new Map<string, number>();

  constructor(public level: 0 | 1 | 2) {}

  readonly dial = ({ port }: { port: number }) =>
    Promise.resolve(new ScriptedSocket((asked) => this.#receive(port, asked)));

  /** The next requests of this API meet these, one each; 0 is none. */
  fail(api: ApiName, ...faults: TransactionFault[]): void {
    this.#faults.set(api, [...this.#faults.get(api) ?? [], ...faults]);
  }

  /** Whether each fault that was set has struck. */
  get isThrough(): boolean {
    return [...this.#faults.values()].every((left) => left.every((fault) => fault === 0));
  }

  finalize(level: 0 | 1 | 2): void {
    this.level = level;
    this.#featureEpoch++;
  }

  #receive(node: number, asked: Asked): Uint8Array | null {
    const api = APIS.find(({ key }) => key === asked.apiKey)!;
    const fault = this.#faults.get(api.name)?.shift() ?? 0;
    if (fault === "hang") return null;
    if (fault === "lose request") throw new Error("the connection ends");
    const answer = this.#answer(node, asked, typeof fault === "number" ? fault : 0);
    if (fault === "lose answer") throw new Error("the connection ends");
    return answer;
  }

  #answer(node: number, asked: Asked, fault: number): Uint8Array {
    const { apiVersion: version, frame, bodyAt, correlationId } = asked;
    const read = <Q extends Fields, R extends Fields>(api: Api<Q, R>) =>
      decodeRequest(api, version, frame, bodyAt) as Decoded<Message<Q>>;
    const reply = <Q extends Fields, R extends Fields>(
      api: Api<Q, R>,
      body: Encodable<Message<R>>,
    ) => joined(encodeResponse(api, version, correlationId, body));
    const elsewhere = fault !== 0 ? fault : node !== this.coordinator ? 16 : 0;
    switch (asked.apiKey) {
      case ApiVersions.key:
        return reply(ApiVersions, {
          apiKeys: APIS.map(({ key, min, max }) => ({
            apiKey: key,
            minVersion: min,
            maxVersion: max,
          })),
          finalizedFeaturesEpoch: this.#featureEpoch,
          finalizedFeatures: this.level === 0
            ? []
            : [{ name: "transaction.version", maxVersionLevel: this.level, minVersionLevel: 1 }],
        });
      case Metadata.key:
        return reply(Metadata, {
          brokers: [0, 1].map((nodeId) => ({ nodeId, host: "broker", port: nodeId })),
          topics: read(Metadata).topics?.map(({ name }) =>
            name === "t"
              ? { name, partitions: [{ partitionIndex: 0 }, { partitionIndex: 1 }] }
              : { name: name!, errorCode: 17 }
          ),
        });
      case FindCoordinator.key: {
        const { keyType, coordinatorKeys: [key] } = read(FindCoordinator);
        const nodeId = keyType === 1 ? this.coordinator : 0;
        return reply(FindCoordinator, {
          coordinators: [{ key, nodeId, host: "broker", port: nodeId, errorCode: fault }],
        });
      }
      case InitProducerId.key:
        return reply(InitProducerId, this.#init(read(InitProducerId), elsewhere));
      case AddPartitionsToTxn.key: {
        const request = read(AddPartitionsToTxn);
        const names = request.v3AndBelowTopics.flatMap(({ name, partitions }) =>
          partitions.map((partition) => `${name}-${partition}`)
        );
        this.asked.push(`AddPartitionsToTxn ${names.join(",")}`);
        const code = elsewhere || this.#join(
          identityOf(request.v3AndBelowProducerId, request.v3AndBelowProducerEpoch),
          names,
        );
        return reply(AddPartitionsToTxn, {
          resultsByTopicV3AndBelow: request.v3AndBelowTopics.map(({ name, partitions }) => ({
            name,
            resultsByPartition: partitions.map((partitionIndex) => ({
              partitionIndex,
              partitionErrorCode: code,
            })),
          })),
        });
      }
      case AddOffsetsToTxn.key: {
        const { producerId, producerEpoch, groupId } = read(AddOffsetsToTxn);
        this.asked.push(`AddOffsetsToTxn ${groupId}`);
        return reply(AddOffsetsToTxn, {
          errorCode: elsewhere || this.#join(identityOf(producerId, producerEpoch), [groupId]),
        });
      }
      case TxnOffsetCommit.key:
        return reply(TxnOffsetCommit, this.#commitOffsets(version, read(TxnOffsetCommit), fault));
      case EndTxn.key:
        return reply(EndTxn, this.#end(version, read(EndTxn), elsewhere));
      default: {
        const request = read(Produce);
        const { index, records } = request.topicData[0].partitionData[0];
        const answer = this.#append(version, index, records!, fault);
        return reply(Produce, {
          responses: [{ name: "t", partitionResponses: [{ index, ...answer }] }],
        });
      }
    }
  }

  get #current(): string {
    return identityOf(this.producerId, this.epoch);
  }

  #init(request: Decoded<typeof InitProducerId.request>, fault: number) {
    const { producerId, producerEpoch } = request;
    const has = producerId < 0 ? "" : ` ${identityOf(producerId, producerEpoch)}`;
    this.asked.push(`InitProducerId${has}`);
    if (fault !== 0) return { errorCode: fault };
    if (producerId >= 0 && has !== ` ${this.#current}`) {
      const isRetry = producerId === this.producerId && producerEpoch === this.epoch - 1;
      return isRetry ? { producerId, producerEpoch: this.epoch } : { errorCode: 90 };
    }
    if (this.#isOngoing) this.#complete(false);
    this.epoch++;
    return { producerId: this.producerId, producerEpoch: this.epoch };
  }

  #join(identity: string, names: readonly string[]): number {
    if (identity !== this.#current) return 90;
    for (const name of names) this.#added.add(name);
    this.#isOngoing = true;
    return 0;
  }

  #commitOffsets(
    version: number,
    request: Decoded<typeof TxnOffsetCommit.request>,
    fault: number,
  ) {
    const { groupId, producerId, producerEpoch, topics } = request;
    const of = topics.flatMap(({ name, partitions }) =>
      partitions.map((one) => `${name}-${one.partitionIndex}@${one.committedOffset}`)
    );
    this.asked.push(`TxnOffsetCommit ${groupId} ${of.join(",")}`);
    if (fault === 0 && version >= 5) this.#join(identityOf(producerId, producerEpoch), [groupId]);
    let code = fault !== 0 ? fault : this.#added.has(groupId) ? 0 : 48;
    if (identityOf(producerId, producerEpoch) !== this.#current) code = 47;
    return {
      topics: topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex, committedOffset }) => {
          // A fault strikes the first partition of a request only.
          const errorCode = code;
          if (fault !== 0) code = this.#added.has(groupId) ? 0 : fault;
          const kept = `${groupId} ${name}-${partitionIndex}@${committedOffset}`;
          if (errorCode === 0 && !this.#open.includes(kept)) this.#open.push(kept);
          return { partitionIndex, errorCode };
        }),
      })),
    };
  }

  #end(version: number, request: Decoded<typeof EndTxn.request>, fault: number) {
    const { producerId, producerEpoch, committed } = request;
    this.asked.push(`EndTxn ${committed ? "commit" : "abort"}`);
    if (fault !== 0) return { errorCode: fault };
    const identity = identityOf(producerId, producerEpoch);
    if (version >= 5 && this.#lastEnd?.with === identity && this.#lastResult === committed) {
      return this.#lastEnd.next;
    }
    if (identity !== this.#current) return { errorCode: 90 };
    if (!this.#isOngoing) {
      if (version < 5) return { errorCode: this.#lastResult === committed ? 0 : 48 };
      if (committed) return { errorCode: 48 };
    }
    this.#complete(committed);
    if (version < 5) return {};
    if (++this.epoch === LAST_EPOCH) {
      this.producerId++;
      this.epoch = 0;
    }
    this.#lastEnd = {
      with: identity,
      next: { producerId: this.producerId, producerEpoch: this.epoch },
    };
    return this.#lastEnd.next;
  }

  #complete(committed: boolean): void {
    if (committed) this.committed.push(...this.#open);
    this.#open = [];
    this.#added.clear();
    this.#isOngoing = false;
    this.#lastResult = committed;
  }

  #append(version: number, index: number, bytes: Uint8Array, fault: number) {
    const identity = identityOf(batch.producerId(bytes), batch.producerEpoch(bytes));
    const sequence = batch.baseSequence(bytes), count = batch.recordCount(bytes);
    this.asked.push(`Produce t-${index} ${identity} #${sequence}`);
    const refused = (errorCode: number) => ({ errorCode, baseOffset: -1 });
    if (fault !== 0) return refused(fault);
    if (!batch.isTransactional(bytes)) return refused(42);
    if (identity !== this.#current) return refused(47);
    if (version >= 12) this.#join(identity, [`t-${index}`]);
    else if (!this.#added.has(`t-${index}`)) return refused(48);
    const place = `t-${index} ${identity} ${sequence}`, known = this.#offsets.get(place);
    if (known !== undefined) return { errorCode: 0, baseOffset: known };
    const state = this.#sequences.get(`t-${index}`);
    if (sequence !== (state?.of === identity ? state.next : 0)) return refused(45);
    this.#sequences.set(`t-${index}`, { of: identity, next: sequence + count });
    this.#offsets.set(place, this.#offsets.size);
    for (const { value } of readRecords(bytes)) this.#open.push(new TextDecoder().decode(value!));
    return { errorCode: 0, baseOffset: this.#offsets.get(place)! };
  }
}

/** Behind the last epoch that is given out; a real one is 32,766. */
export const LAST_EPOCH = 30;

function identityOf(producerId: number, epoch: number): string {
  return `${producerId}/${epoch}`;
}

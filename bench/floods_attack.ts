/**
 * Attacks: what one ill-behaved client, or many, do to a broker until this thread is ended. Each begins again with
 * whatever connection it is refused, as an attacker would.
 */
import net from "node:net";
import { gzipSync } from "node:zlib";
import { readInt32, writeInt32 } from "../src/bytes/int64.ts";
import { joined } from "../src/protocol/codec.ts";
import { ConsumerGroupHeartbeat } from "../src/protocol/messages/consumer_group_heartbeat.ts";
import { DeleteGroups } from "../src/protocol/messages/delete_groups.ts";
import { DeleteTopics } from "../src/protocol/messages/delete_topics.ts";
import { Fetch } from "../src/protocol/messages/fetch.ts";
import { FindCoordinator } from "../src/protocol/messages/find_coordinator.ts";
import { Metadata } from "../src/protocol/messages/metadata.ts";
import { OffsetCommit } from "../src/protocol/messages/offset_commit.ts";
import { OffsetFetch } from "../src/protocol/messages/offset_fetch.ts";
import * as batch from "../src/protocol/records/batch.ts";
import { buildBatch } from "../src/protocol/records/build.ts";
import { CompressionType } from "../src/protocol/records/compression.ts";
import { encoded, LoadConnection } from "./load.ts";
import { FETCH_VERSION, produceRequest } from "./topics.ts";

export interface AttackTarget {
  /** "127.0.0.1:9092" */
  readonly address: string;
  readonly httpAddress: string;
  /** Where TLS is spoken; absent where no attack on that is to be made. */
  readonly tlsAddress?: string;
  /** A topic with a few megabytes in partition 0. */
  readonly topic: string;
  /** Divides sizes and numbers, for a smoke run. */
  readonly scale: number;
}

type Attack = (target: AttackTarget) => Promise<void>;

export interface AttackKind {
  readonly what: string;
  /** Whether it is made on a TLS listener, and those that are timed come by that too. */
  readonly isTls?: boolean;
  /** How long at full size, where not as the others. */
  readonly floodMs?: number;
  readonly run: Attack;
}

export const attacks: Readonly<Record<string, AttackKind>> = {
  none: { what: "nobody else", run: () => forever() },
  stalled: { what: "3 requests with 99 of 100 MiB here, then a byte every 5 s", run: stalled },
  large: { what: "50 requests of 100 MiB at once, again and again", run: large },
  bombs: { what: "32 clients that send batches of 128 KiB which become 128 MiB", run: bombs },
  readers: { what: "200 clients that fetch and fetch and do not read", run: readers },
  refused: { what: "50 clients whose every batch is refused", run: refused },
  http: { what: "300 HTTP clients that send no header", run: http },
  pattern: { what: "4 groups with a costly pattern each, over 1,000 long names", run: pattern },
  wide: { what: "8 clients whose every request names 90,000 groups or topics", run: wide },
  scrapes: { what: "10 scrapes at a time, with 500 groups of long names", run: scrapes },
  tls: { what: "TLS: nobody else", isTls: true, floodMs: 60_000, run: () => forever() },
  opened: {
    what: "TLS: 10,000 connections that only open",
    isTls: true,
    floodMs: 60_000,
    run: opened,
  },
  hello: {
    what: "TLS: 10,000 that stop after ClientHello",
    isTls: true,
    floodMs: 60_000,
    run: hello,
  },
  garbage: {
    what: "TLS: 100 clients that send 1,000,000 bytes of garbage each, again and again",
    isTls: true,
    floodMs: 60_000,
    run: garbage,
  },
  handshakes: {
    what: "TLS: 100 clients that shake hands and go, again and again",
    isTls: true,
    floodMs: 60_000,
    run: handshakes,
  },
};

async function opened({ tlsAddress, scale }: AttackTarget): Promise<void> {
  await again(Math.ceil(10_000 / scale ** 2), () => fromElsewhere(tlsAddress!));
}

async function hello({ tlsAddress, scale }: AttackTarget): Promise<void> {
  const bytes = await clientHello();
  await again(Math.ceil(10_000 / scale ** 2), () => fromElsewhere(tlsAddress!, bytes));
}

async function garbage({ tlsAddress, scale }: AttackTarget): Promise<void> {
  await again(Math.ceil(100 / scale), async () => {
    const bytes = new Uint8Array(1_000_000);
    for (let at = 0; at < bytes.length; at += 65_536) {
      crypto.getRandomValues(bytes.subarray(at, at + 65_536));
    }
    await fromElsewhere(tlsAddress!, bytes);
  });
}

async function handshakes({ tlsAddress, scale }: AttackTarget): Promise<void> {
  const at = tlsAddress!.lastIndexOf(":");
  const place = { hostname: tlsAddress!.slice(0, at), port: Number(tlsAddress!.slice(at + 1)) };
  await again(Math.ceil(100 / scale), async () => {
    using socket = await Deno.connectTls({ ...place, unsafelyDisableHostnameVerification: true });
    await socket.handshake(); // ends when it does not trust what it is shown
  });
}

/** What a client says first. */
async function clientHello(): Promise<Uint8Array> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const client = Deno.connectTls({ hostname: "localhost", port }).then(
    (socket) => socket.handshake().finally(() => socket.close()),
  );
  client.catch(() => {}); // nobody answers it
  using socket = await listener.accept();
  const bytes = new Uint8Array(4096), read = await socket.read(bytes);
  return bytes.slice(0, read!);
}

async function stalled({ address, scale }: AttackTarget): Promise<void> {
  const bytes = Math.floor((100 << 20) / scale);
  await again(3, async () => {
    using socket = await connect(address);
    const begun = beginProduce(bytes, Math.floor(bytes * 0.99));
    await write(socket, begun);
    for (;;) {
      await write(socket, new Uint8Array(1));
      await pause(5000);
    }
  });
}

async function large({ address, scale, topic }: AttackTarget): Promise<void> {
  const bytes = Math.floor((100 << 20) / scale);
  const records = batchOfBytes(bytes - 1000);
  const request = produceRequest(topic, 0, records);
  await again(50, async () => {
    using socket = await connect(address);
    await write(socket, request);
    await readFrame(socket);
  });
}

async function bombs({ address, scale, topic }: AttackTarget): Promise<void> {
  const packed = gzipSync(new Uint8Array(Math.floor((128 << 20) / scale) - 1000));
  const request = produceRequest(topic, 0, withPacked(packed));
  await again(32, async () => {
    using socket = await connect(address);
    for (;;) {
      await write(socket, request);
      await readFrame(socket);
    }
  });
}

async function readers({ address, scale, topic }: AttackTarget): Promise<void> {
  const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 50 << 20 }];
  const request = encoded(Fetch, FETCH_VERSION, {
    maxWaitMs: 0,
    minBytes: 1,
    maxBytes: 50 << 20,
    isolationLevel: 0,
    topics: [{ topic, partitions }],
    forgottenTopicsData: [],
  });
  const asks = joined(Array.from({ length: 60 }, () => request));
  await again(Math.ceil(200 / scale), async () => {
    using socket = await connect(address);
    await write(socket, asks);
    await pause(60_000);
  });
}

async function refused({ address, topic }: AttackTarget): Promise<void> {
  const records = batchOfBytes(100);
  records[records.length - 1] ^= 1; // a wrong checksum
  const request = produceRequest(topic, 0, records);
  const asks = joined(Array.from({ length: 20 }, () => request));
  await again(50, async () => {
    using socket = await connect(address);
    for (;;) {
      await write(socket, asks);
      for (let i = 0; i < 20; i++) await readFrame(socket);
    }
  });
}

async function http({ httpAddress, scale }: AttackTarget): Promise<void> {
  await again(Math.ceil(300 / scale), async () => {
    using socket = await connect(httpAddress);
    await write(socket, new TextEncoder().encode("GET /metrics HTTP/1.1\r\nX: "));
    await socket.read(new Uint8Array(1000));
    await pause(100); // closed
  });
}

async function pattern({ address }: AttackTarget): Promise<void> {
  const load = await LoadConnection.open(address);
  await load.exchange(encoded(FindCoordinator, 4, { keyType: 0, coordinatorKeys: ["g"] }));
  let count = 0;
  await again(4, async () => {
    const load = await LoadConnection.open(address);
    for (;;) {
      const odd = "b".repeat(1 + count++ % 50); // another pattern each time
      await load.exchange(encoded(ConsumerGroupHeartbeat, 1, {
        groupId: `pattern-${count}`,
        memberId: crypto.randomUUID(),
        memberEpoch: 0,
        rebalanceTimeoutMs: 1000,
        subscribedTopicRegex: `(a?){1000}(a?){1000}(a?){400}zz${odd}`,
        topicPartitions: [],
      }));
      await pause(10);
    }
  });
}

async function scrapes({ address, httpAddress, scale, topic }: AttackTarget): Promise<void> {
  const load = await LoadConnection.open(address);
  await load.exchange(encoded(FindCoordinator, 4, { keyType: 0, coordinatorKeys: ["g"] }));
  await pause(500);
  for (let i = 0; i < 500 / scale; i++) {
    await load.exchange(encoded(OffsetCommit, 7, {
      groupId: `${i}`.padEnd(32_000, "g"),
      generationIdOrMemberEpoch: -1,
      memberId: "",
      topics: [{
        name: topic,
        partitions: [0, 1].map((partitionIndex) => ({ partitionIndex, committedOffset: 0n })),
      }],
    }));
  }
  await again(10, async () => {
    const answer = await fetch(`http://${httpAddress}/metrics`);
    await answer.arrayBuffer();
  });
}

/** The largest group over and over, and as many others that there are not. */
async function wide({ address, scale, topic }: AttackTarget): Promise<void> {
  const load = await LoadConnection.open(address), count = Math.floor(90_000 / scale);
  await load.exchange(encoded(FindCoordinator, 4, { keyType: 0, coordinatorKeys: ["g"] }));
  await pause(500);
  await load.exchange(encoded(OffsetCommit, 7, {
    groupId: "g",
    generationIdOrMemberEpoch: -1,
    memberId: "",
    topics: [{ name: topic, partitions: [{ partitionIndex: 0, committedOffset: 0n }] }],
  }));
  const names = Array.from({ length: count }, (_, i) => `nothing-${i}`);
  const requests = [
    encoded(OffsetFetch, 8, { groups: names.map(() => ({ groupId: "g", topics: null })) }),
    encoded(DeleteGroups, 2, { groupsNames: names }),
    encoded(Metadata, 12, {
      topics: names.map((name) => ({ name })),
      allowAutoTopicCreation: true,
    }),
    encoded(DeleteTopics, 5, { topicNames: names }),
  ];
  let next = 0;
  await again(8, async () => {
    using socket = await connect(address);
    for (;;) {
      await write(socket, requests[next++ % requests.length]);
      await readFrame(socket);
    }
  });
}

/** A batch of one record of so many bytes in all, nothing of which compresses less for being zeros. */
function batchOfBytes(bytes: number): Uint8Array {
  return buildBatch({ records: [{ timestampMs: Date.now(), value: new Uint8Array(bytes) }] });
}

/** A batch whose records are these compressed bytes. */
function withPacked(packed: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(batch.BATCH_OVERHEAD + packed.length);
  bytes.set(packed, batch.BATCH_OVERHEAD);
  const model = buildBatch({ records: [{ timestampMs: 1, value: new Uint8Array(1) }] });
  batch.copyHeader(model, bytes, CompressionType.gzip);
  return bytes;
}

function beginProduce(declared: number, sent: number): Uint8Array {
  const bytes = new Uint8Array(sent);
  writeInt32(bytes, 0, declared);
  bytes.set([0, 0, 0, 9], 4); // Produce 9
  return bytes;
}

/** Keeps `count` of the same going, whatever ends one. */
async function again(count: number, once: () => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: count }, async () => {
    for (;;) {
      try {
        await once();
      } catch {
        await pause(100); // refused, or cut
      }
    }
  }));
}

function connect(address: string): Promise<Deno.TcpConn> {
  const at = address.lastIndexOf(":");
  return Deno.connect({ hostname: address.slice(0, at), port: Number(address.slice(at + 1)) });
}

async function write(socket: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await socket.write(bytes.subarray(at));
}

/** A connection from another address than those have who are timed, that says this and stays until it is closed. */
async function fromElsewhere(address: string, bytes?: Uint8Array): Promise<void> {
  const at = address.lastIndexOf(":"), host = address.slice(0, at);
  await new Promise<void>((resolve) => {
    const port = Number(address.slice(at + 1));
    const socket = net.connect({ host, port, localAddress: "127.0.0.2" });
    socket.on("connect", () => bytes && socket.write(bytes));
    socket.on("data", () => {});
    socket.on("error", () => {}); // and closed
    socket.on("close", () => resolve());
  });
  await pause(100);
}

async function readFrame(socket: Deno.TcpConn): Promise<void> {
  const size = await readExactly(socket, 4);
  await readExactly(socket, readInt32(size, 0));
}

async function readExactly(socket: Deno.TcpConn, count: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(count);
  for (let at = 0; at < count;) {
    const read = await socket.read(bytes.subarray(at));
    if (read === null) throw new Error("closed");
    at += read;
  }
  return bytes;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const forever = () => new Promise<void>(() => {});

interface Thread {
  onmessage: (event: { readonly data: { readonly name: string } & AttackTarget }) => void;
}

if ((globalThis as { name?: unknown }).name === "attack") {
  (globalThis as unknown as Thread).onmessage = ({ data }) => void attacks[data.name].run(data);
}

/** Place: where a set-up is made: brokers in processes of their own, what fills them, and who comes to them. */
import { Cluster } from "../../../src/client/cluster.ts";
import type { Connection } from "../../../src/client/connection.ts";
import { GroupMember } from "../../../src/client/group_member.ts";
import { Producer } from "../../../src/client/producer.ts";
import { Admin } from "../../../src/client/admin.ts";
import { TransactionalProducer } from "../../../src/client/transactional_producer.ts";
import { encodeVersioned } from "../../../src/protocol/log_record.ts";
import { ConsumerProtocolSubscription } from "../../../src/protocol/messages/consumer_protocol.ts";
import { FindCoordinator } from "../../../src/protocol/messages/find_coordinator.ts";
import { JoinGroup } from "../../../src/protocol/messages/join_group.ts";
import { Authority } from "../../../src/testing/certificates.ts";
import { freePorts, pause, Victim } from "../../crash/victim.ts";
import { bash } from "../../crash/tally.ts";

/** Where one is made. */
export interface Place {
  readonly folder: string;
  readonly stack: AsyncDisposableStack;
}

interface Served {
  readonly kafka: string;
  readonly http: string;
  readonly data: string;
  readonly victim: Victim;
  readonly args: readonly string[];
}

interface Wish {
  readonly flags?: readonly string[];
  readonly before?: string;
  readonly data?: string;
  readonly name?: string;
  readonly ports?: ReturnType<typeof freePorts>;
}

/** A broker that listens. */
export async function serve(
  { folder, stack }: Place,
  {
    flags = [],
    before = "",
    name = "data",
    data = `${folder}/${name}`,
    ports = freePorts(),
  }: Wish = {},
): Promise<Served> {
  const log = `${folder}/${name}.log`;
  const victim = Victim.spawn({ flags: [`--storage-path=${data}`, ...flags], ports, log, before });
  stack.defer(() => victim.kill());
  await victim.listens();
  const kafka = `127.0.0.1:${ports.kafka}`, http = `127.0.0.1:${ports.http}`;
  for (let i = 0; i < 600 && !await isReady(http); i++) await pause(50);
  return { kafka, http, data, victim, args: ["--bootstrap", kafka, "--http", http] };
}

async function isReady(http: string): Promise<boolean> {
  try {
    const response = await fetch(`http://${http}/readyz`);
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false; // it does not listen yet
  }
}

/** A topic and something in it. */
export async function fill(
  bootstrap: string,
  topic: string,
  { partitions = 1, records = 20, configs = {} }: {
    readonly partitions?: number;
    readonly records?: number;
    readonly configs?: Readonly<Record<string, string>>;
  } = {},
): Promise<void> {
  using admin = new Admin({ bootstrap });
  await admin.createTopics([{ name: topic, partitions, configs }]);
  const cluster = new Cluster({ bootstrap });
  const producer = new Producer(cluster);
  try {
    await Promise.all(
      Array.from(
        { length: records },
        (_, i) => producer.send({ topic, partition: i % partitions, value: `v${i}` }),
      ),
    );
  } finally {
    await producer.close();
    cluster.close();
  }
}

/** Does something again and again until the set-up ends. */
export function meanwhile(
  stack: AsyncDisposableStack,
  everyMs: number,
  work: () => Promise<void>,
): void {
  let isOver = false;
  const going = (async () => {
    while (!isOver) {
      await work();
      await pause(everyMs);
    }
  })();
  going.catch(() => {}); // the stack waits for it
  stack.defer(async () => {
    isOver = true;
    await going.catch(() => {});
  });
}

/** A member that has its partitions and beats; it commits where it is told to. */
export async function join(
  { stack }: Place,
  bootstrap: string,
  { group, topic, commits }: { group: string; topic: string; commits: boolean },
): Promise<void> {
  const cluster = new Cluster({ bootstrap });
  stack.defer(() => cluster.close());
  const member = new GroupMember(cluster, { groupId: group, topics: [topic] });
  for (let i = 0; i < 100 && (member.target?.length ?? 0) === 0; i++) {
    await member.heartbeat();
    await pause(50);
  }
  await member.owns(member.target ?? []);
  await member.heartbeat();
  await member.commit((member.target ?? []).map((one) => ({ ...one, offset: commits ? 5 : 1 })));
  let offset = 5;
  meanwhile(stack, 300, async () => {
    await member.heartbeat();
    if (commits) await member.commit(member.target!.map((one) => ({ ...one, offset: ++offset })));
  });
}

/** Until groups are loaded. */
export async function findCoordinator(connection: Connection, group: string): Promise<void> {
  for (let i = 0; i < 100; i++) {
    const asked = { keyType: 0, coordinatorKeys: [group] };
    const { coordinators: [{ errorCode }] } = await connection.request(FindCoordinator, 4, asked);
    if (errorCode === 0) return;
    await pause(100);
  }
  throw new Error(`no coordinator of ${group} after 10 s`);
}

export function joinClassic(connection: Connection, groupId: string) {
  const protocols = [{
    name: "range",
    metadata: encodeVersioned(ConsumerProtocolSubscription, 0, { topics: ["t"] }),
  }];
  const timeouts = { sessionTimeoutMs: 60_000, rebalanceTimeoutMs: 60_000 };
  const asked = { groupId, ...timeouts, memberId: "", protocolType: "consumer", protocols };
  return connection.request(JoinGroup, 3, asked);
}

export const PRODUCED = "x".repeat(8000);

/** Everything that a well broker has: topics, a group that reads, a transaction that was committed. */
export async function sound(place: Place, bootstrap: string): Promise<void> {
  await fill(bootstrap, "orders", { partitions: 3, records: 300 });
  await join(place, bootstrap, { group: "billing", topic: "orders", commits: true });
  await using producer = new TransactionalProducer({ bootstrap }, { transactionalId: "till" });
  await producer.init();
  await producer.begin();
  await producer.send({ topic: "orders", partition: 0, value: "paid" });
  await producer.commit();
}

/** Null where something can be mounted. */
export async function unmountable(): Promise<string | null> {
  const probe = await Deno.makeTempDir({ prefix: "runnel-mount-" });
  try {
    await bash(`mount -t tmpfs -o size=1m none ${probe} && umount ${probe}`);
    return null;
  } catch {
    return "nothing can be mounted here";
  } finally {
    await Deno.remove(probe);
  }
}

export async function secured(
  place: Place,
  wish: Parameters<Authority["issue"]>[0],
): Promise<Served & { readonly client: string }> {
  const { folder } = place, authority = await Authority.make();
  const { certificate, key } = await authority.issue(wish);
  const write = (name: string, text: string) =>
    Deno.writeTextFileSync(`${folder}/${name}`, text, { mode: 0o600 });
  write("ca.pem", authority.certificate);
  write("server.pem", certificate);
  write("server.key", key);
  write("client.properties", `security.protocol=SSL\nssl.ca.location=${folder}/ca.pem\n`);
  const ports = freePorts(), { kafka: port } = freePorts();
  const served = await serve(place, {
    ports,
    flags: [
      `--listeners=PLAINTEXT://127.0.0.1:${ports.kafka},SSL://127.0.0.1:${port}`,
      `--tls-certificate-file=${folder}/server.pem`,
      `--tls-key-file=${folder}/server.key`,
    ],
  });
  const kafka = `127.0.0.1:${port}`, client = `${folder}/client.properties`;
  const args = ["--bootstrap", kafka, "--http", served.http, "--client-config", client];
  return { ...served, kafka, client, args };
}

/** An HTTP server that answers as another does, by another clock. */
export function byAnotherClock({ stack }: Place, http: string, apartMs: number): string {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async () => {
    const body = await (await fetch(`http://${http}/status`)).text();
    return new Response(body, {
      headers: { "Date": new Date(Date.now() + apartMs).toUTCString() },
    });
  });
  stack.defer(() => server.shutdown());
  return `127.0.0.1:${server.addr.port}`;
}

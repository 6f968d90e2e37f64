/** Set-ups: brokers in processes of their own that are sound, or broken in one way each, for `runnel doctor` to find it. */
import { Cluster } from "../../../src/client/cluster.ts";
import { Connection } from "../../../src/client/connection.ts";
import { Producer } from "../../../src/client/producer.ts";
import { SyncGroup } from "../../../src/protocol/messages/sync_group.ts";
import { ApiVersions } from "../../../src/protocol/messages/api_versions.ts";
import { freePorts, pause } from "../../crash/victim.ts";
import { bash } from "../../crash/tally.ts";
import {
  byAnotherClock,
  fill,
  findCoordinator,
  join,
  joinClassic,
  meanwhile,
  type Place,
  PRODUCED,
  secured,
  serve,
  sound,
  unmountable,
} from "./place.ts";

export interface Setup {
  readonly name: string;
  /** Of weight, each to be found, and no other: "check" and what is said of it. */
  readonly expected: readonly (readonly [check: string, said: RegExp])[];
  /** Names in it would steer a terminal, or a shell, if they were printed as they are. */
  readonly isHostile?: boolean;
  /** Of weight too, and not always there. */
  readonly allowed?: (check: string) => boolean;
  /** Whether it can be made here; why not, otherwise. */
  readonly leftOut?: () => Promise<string | null>;
  /** Makes it; the arguments of doctor. What is put on the stack ends it. */
  readonly make: (place: Place) => Promise<readonly string[]>;
}

export const SETUPS: readonly Setup[] = [
  {
    name: "a sound broker with a topic, a group and a transaction",
    expected: [],
    async make(place) {
      const { kafka, args } = await serve(place);
      await sound(place, kafka);
      return args;
    },
  },
  {
    name: "nobody listens",
    expected: [["reach", /Nobody listens at 127\.0\.0\.1:\d+/]],
    make: () => Promise.resolve(["--bootstrap", `127.0.0.1:${freePorts().kafka}`]),
  },
  {
    name: "who listens says nothing",
    expected: [["reach", /Nobody answers at 127\.0\.0\.1:\d+/]],
    make({ stack }) {
      const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      stack.defer(() => listener.close());
      const held: Deno.Conn[] = [];
      (async () => {
        for await (const conn of listener) held.push(conn);
      })().catch(() => {});
      stack.defer(() => held.forEach((conn) => conn.close()));
      return Promise.resolve(["--bootstrap", `127.0.0.1:${(listener.addr as Deno.NetAddr).port}`]);
    },
  },
  {
    name: "what is advertised leads nowhere",
    expected: [["advertised", /nowhere\.invalid:9092, a name that leads nowhere/]],
    async make(place) {
      return (await serve(place, { flags: ["--advertised-address=nowhere.invalid:9092"] })).args;
    },
  },
  {
    name: "what is advertised leads to another cluster",
    expected: [["advertised", /where another cluster answers/]],
    async make(place) {
      const other = await serve(place, { name: "other" });
      return (await serve(place, { flags: [`--advertised-address=${other.kafka}`] })).args;
    },
  },
  {
    name: "a disk that is full",
    expected: [["disk", /is full/]],
    leftOut: unmountable,
    async make(place) {
      const disk = `${place.folder}/disk`;
      await bash(`mkdir -p ${disk} && mount -t tmpfs -o size=160m none ${disk}`);
      place.stack.defer(async () => void await bash(`umount ${disk} || umount -l ${disk}`));
      const { args } = await serve(place, {
        data: `${disk}/data`,
        flags: ["--storage-min-free-bytes=0"],
      });
      await bash(`dd if=/dev/zero of=${disk}/filler bs=64k status=none 2>/dev/null || true`);
      await pause(2500); // it is looked at every second
      return args;
    },
  },
  {
    name: "a disk with less left than is to stay free",
    expected: [["disk", /is full/]],
    async make(place) {
      return (await serve(place, { flags: [`--storage-min-free-bytes=${2 ** 50}`] })).args;
    },
  },
  {
    name: "few descriptors",
    expected: [["process", /has \d+ descriptors left/]],
    make: async (place) => (await serve(place, { before: "ulimit -n 180;" })).args,
  },
  {
    name: "a group that commits nothing, though records come",
    expected: [["groups", /Group stuck.\[31m\$\(id\) commits nothing of t-0/]],
    isHostile: true,
    async make(place) {
      const { kafka, args } = await serve(place);
      await fill(kafka, "t");
      await join(place, kafka, { group: "stuck\x1b[31m$(id)", topic: "t", commits: false });
      return args;
    },
  },
  {
    name: "a rebalance that one member takes no part in",
    expected: [["groups", /Group slow has been rebalancing for \d{2,} s/]],
    async make(place) {
      const { kafka, args } = await serve(place), [host, port] = kafka.split(":");
      await fill(kafka, "t");
      const members: Connection[] = [];
      for (const clientId of ["away", "waits"]) {
        members.push(await Connection.open({ host, port: Number(port), clientId }));
        place.stack.defer(() => members.shift()?.close());
      }
      const [away, waits] = members;
      await findCoordinator(away, "slow");
      const { memberId, generationId } = await joinClassic(away, "slow");
      const assignments = [{ memberId, assignment: new Uint8Array(0) }];
      await away.request(SyncGroup, 3, { groupId: "slow", generationId, memberId, assignments });
      joinClassic(waits, "slow").catch(() => {}); // it waits for the other, which is away
      await pause(8500); // it is long past ten seconds
      return args;
    },
  },
  {
    name: "a partition whose log is damaged",
    expected: [["partitions", /The partition t-0 is offline/]],
    async make(place) {
      const first = await serve(place);
      await fill(first.kafka, "t");
      await first.victim.stop();
      const segment = `${first.data}/t-0/00000000000000000000.log`;
      const bytes = Deno.readFileSync(segment);
      bytes.fill(0x5a, 20, 60);
      Deno.writeFileSync(segment, bytes);
      return (await serve(place)).args;
    },
  },
  {
    name: "a clock that is wrong",
    expected: [["clock", /clock is 10 min behind this machine's/]],
    async make(place) {
      const { kafka, http } = await serve(place);
      return ["--bootstrap", kafka, "--http", byAnotherClock(place, http, -600_000)];
    },
  },
  {
    name: "a certificate that has expired",
    expected: [["reach", /has expired/], ["certificates", /has expired/]],
    allowed: (check) => check === "refused", // clients that did not go on
    async make(place) {
      const dayMs = 86_400_000, nowMs = Date.now();
      const wish = { notBefore: new Date(nowMs - 9 * dayMs), notAfter: new Date(nowMs - dayMs) };
      return (await secured(place, wish)).args;
    },
  },
  {
    name: "a certificate that expires soon",
    expected: [["certificates", /expires in 24 h/]],
    make: async (place) => (await secured(place, {})).args,
  },
  {
    name: "a certificate for another name",
    expected: [["reach", /is for other names/]],
    allowed: (check) => check === "refused",
    async make(place) {
      const notAfter = new Date(Date.now() + 90 * 86_400_000);
      return (await secured(place, { hosts: ["elsewhere.example"], notAfter })).args;
    },
  },
  {
    name: "a data directory that everybody may write to",
    expected: [["directory", /Everybody on this machine may write/]],
    async make(place) {
      const { data, args } = await serve(place);
      Deno.chmodSync(data, 0o777);
      return args;
    },
  },
  {
    name: "log-ins that were refused",
    expected: [["refused", /Log-ins failed: 3 within the last hour/]],
    async make(place) {
      const { kafka, http } = await serve(place, {
        before: "export RUNNEL_AUTH_PLAIN_PASSWORD=right;",
        flags: [
          "--auth-enabled",
          "--auth-mechanism=PLAIN",
          "--auth-plain-username=admin",
          "--auth-failure-delay-ms=0",
        ],
      });
      const [host, port] = kafka.split(":");
      for (let i = 0; i < 3; i++) {
        const sasl = { mechanism: "PLAIN", username: "mallory", password: "wrong" } as const;
        await Connection.open({ host, port: Number(port), sasl }).then(
          (one) => one.close(),
          () => {},
        );
      }
      const client = `${place.folder}/client.properties`;
      const jaas = 'sasl.jaas.config=x required username="admin" password="right";';
      const lines = ["security.protocol=SASL_PLAINTEXT", "sasl.mechanism=PLAIN", jaas];
      Deno.writeTextFileSync(client, lines.join("\n"), { mode: 0o600 });
      return ["--bootstrap", kafka, "--http", http, "--client-config", client];
    },
  },
  {
    name: "a hot partition",
    expected: [["hot partitions", /Partition 2 of clicks takes \d+ % of what is written, of 4/]],
    allowed: (check) => check === "disk", // where little is free it is full within an hour, at this pace
    async make(place) {
      const { kafka, args } = await serve(place);
      await fill(kafka, "clicks", { partitions: 4 });
      const cluster = new Cluster({ bootstrap: kafka }), producer = new Producer(cluster);
      place.stack.defer(async () => {
        await producer.close();
        cluster.close();
      });
      meanwhile(place.stack, 20, async () => {
        const partitions = [2, 2, 2, 2, 2, 2, 2, 2, 0, 2];
        await Promise.all(
          partitions.map((partition) =>
            producer.send({ topic: "clicks", partition, value: PRODUCED })
          ),
        );
      });
      return args;
    },
  },
  {
    name: "transactions that hang",
    expected: [["transactions", /hangs in till-[01]/], ["transactions", /hangs in till-[01]/]],
    async make(place) {
      const { kafka, args } = await serve(place, {
        flags: ["--transactions-partition-verification-enable=false"],
      });
      const script = new URL("../../clients/transactions/hang.ts", import.meta.url).pathname;
      await bash(
        `BROKERS=${kafka} deno run --quiet --no-check --allow-net --allow-env ${script} till`,
      );
      return args;
    },
  },
  {
    name: "a client from long ago",
    expected: [["clients", /apache-kafka-java older than 3/]],
    async make(place) {
      const { kafka, args } = await serve(place), [host, port] = kafka.split(":");
      const connection = await Connection.open({ host, port: Number(port), clientId: "old" });
      place.stack.defer(() => connection.close());
      await connection.request(ApiVersions, 3, {
        clientSoftwareName: "apache-kafka-java",
        clientSoftwareVersion: "2.4.1",
      });
      return args;
    },
  },
  {
    name: "configs that cannot do what they say",
    expected: [
      ["configs", /min\.insync\.replicas of kept is more than there are replicas/],
      ["configs", /retention\.ms of kept does nothing/],
    ],
    async make(place) {
      const { kafka, args } = await serve(place);
      await fill(kafka, "kept", {
        records: 0,
        configs: {
          "cleanup.policy": "compact",
          "retention.ms": "1000",
          "min.insync.replicas": "2",
        },
      });
      return args;
    },
  },
  {
    name: "a systemd unit with few descriptors and a directory that it does not let write",
    expected: [["unit", /have 100 descriptors/], ["unit", /keeps the broker from writing/]],
    async make(place) {
      const { args } = await serve(place), unit = `${place.folder}/runnel.service`;
      Deno.writeTextFileSync(unit, "[Service]\nLimitNOFILE=100\nProtectSystem=strict\n");
      return [...args, "--unit", unit];
    },
  },
];

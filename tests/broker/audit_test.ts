/**
 * The audit of a broker over the wire: every change with who made it, by which rule and how it went, before its answer; log-ins
 * and denials; a flood of denials, which displaces no change; and a file that cannot be written, in both modes.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { FIELDS } from "../../src/audit/event.ts";
import { hashWith } from "../../src/audit/chain.ts";
import { verifyAudit } from "../../src/audit/verify.ts";
import { ConfigError } from "../../src/config/load.ts";
import { Connection } from "../../src/client/connection.ts";
import { AlterConfigs } from "../../src/protocol/messages/alter_configs.ts";
import { AlterUserScramCredentials } from "../../src/protocol/messages/alter_user_scram_credentials.ts";
import { CreateAcls } from "../../src/protocol/messages/create_acls.ts";
import { CreateTopics } from "../../src/protocol/messages/create_topics.ts";
import { DeleteAcls } from "../../src/protocol/messages/delete_acls.ts";
import { DeleteRecords } from "../../src/protocol/messages/delete_records.ts";
import { DeleteTopics } from "../../src/protocol/messages/delete_topics.ts";
import { FindCoordinator } from "../../src/protocol/messages/find_coordinator.ts";
import { ListOffsets } from "../../src/protocol/messages/list_offsets.ts";
import { Metadata } from "../../src/protocol/messages/metadata.ts";
import { OffsetCommit } from "../../src/protocol/messages/offset_commit.ts";
import { Produce } from "../../src/protocol/messages/produce.ts";
import type { Api } from "../../src/protocol/schema.ts";
import { FileStore } from "../../src/storage/backends/file_store.ts";
import { asUsers } from "../../src/testing/as_users.ts";
import { Authority } from "../../src/testing/certificates.ts";
import { Asker } from "../transcripts/acls/asker.ts";
import { append, batchOf } from "./calls.ts";
import { CertificateFolder, dialTls } from "./certificate_folder.ts";
import { pause, type Settings, TestBroker, withDirectory } from "./harness.ts";

const POLICY_VIOLATION = 44, READ = 3, TOPIC = 2;

// deno-lint-ignore no-explicit-any -- lines as they are
type Line = any;

/** A broker with ACLs, whose clients are who their client ids say; User:admin may everything. */
async function audited(path: string, audit: Settings["audit"] = {}, more: Settings = {}) {
  const file = `${path}/audit/audit.log`;
  const broker = await TestBroker.start({
    authorization: { mode: "on", superUsers: ["User:admin"] },
    audit: { file, ...audit },
    ...more,
  }, { around: asUsers });
  const askers: Asker[] = [];
  const open = async (user: string) => {
    const asker = await Asker.open(`127.0.0.1:${broker.port}`, user);
    askers.push(asker);
    return (api: unknown, version: number, body: Record<string, unknown>) =>
      asker.ask(api as Api, version, body);
  };
  return {
    broker,
    file,
    open,
    lines: () => linesOf(file),
    async [Symbol.asyncDispose]() {
      for (const asker of askers) asker.close();
      await broker[Symbol.asyncDispose]();
    },
  };
}

function linesOf(file: string): Line[] {
  return Deno.readTextFileSync(file).split("\n").slice(0, -1).map((line) => JSON.parse(line));
}

const changesOf = (lines: readonly Line[]) => lines.filter(({ kind }) => kind === "change");

const topic = (name: string) => ({ name, numPartitions: 1, replicationFactor: 1 });

const rule = (more: Record<string, unknown> = {}) => ({
  resourceType: TOPIC,
  resourceName: "orders",
  resourcePatternType: 3,
  principal: "User:alice",
  host: "*",
  operation: READ,
  permissionType: 3,
  ...more,
});

const earliest = (name: string) => ({
  replicaId: -1,
  isolationLevel: 0,
  topics: [{
    name,
    partitions: [{ partitionIndex: 0, currentLeaderEpoch: -1, timestamp: -2 }],
  }],
});

Deno.test("a change is in the file when its answer is here: who, from where, what, by which rule, how it went", () =>
  withDirectory(async (path) => {
    await using world = await audited(path, { hashChain: true });
    const { lines, open } = world, admin = await open("admin");
    await admin(CreateTopics, 7, { topics: [topic("orders"), topic("a/b")] });
    const [created] = changesOf(lines());
    assertEquals({ ...created, time: 0, port: 0, prev: 0 }, {
      v: 1,
      seq: 2,
      time: 0,
      kind: "change",
      principal: "User:admin",
      address: "127.0.0.1",
      port: 0,
      listener: "PLAINTEXT",
      client_id: "admin",
      api: "CreateTopics",
      api_version: 7,
      action: "topic.create",
      resources: [
        {
          type: "topic",
          name: "orders",
          change: { partitions: 1, replication_factor: 1 },
          error: "NONE",
        },
        {
          type: "topic",
          name: "a/b",
          change: { partitions: 1, replication_factor: 1 },
          error: "INVALID_TOPIC_EXCEPTION",
        },
      ],
      decision: "allowed",
      outcome: "partly",
      rights: [
        {
          operation: "CREATE",
          type: "CLUSTER",
          name: "kafka-cluster",
          allowed: true,
          by: "super user",
        },
        {
          operation: "DESCRIBE_CONFIGS",
          type: "TOPIC",
          name: "orders",
          allowed: true,
          by: "super user",
        },
        {
          operation: "DESCRIBE_CONFIGS",
          type: "TOPIC",
          name: "a/b",
          allowed: true,
          by: "super user",
        },
      ],
      prev: 0,
    });
    assertEquals(Deno.statSync(world.file).mode! & 0o777, 0o600);

    await admin(CreateAcls, 3, { creations: [rule({ operation: 2 })] });
    const alice = await open("alice");
    await alice(DeleteTopics, 6, { topics: [{ name: "orders" }], timeoutMs: 1000 });
    await admin(DeleteAcls, 3, {
      filters: [{
        resourceTypeFilter: 1,
        resourceNameFilter: null,
        patternTypeFilter: 1,
        principalFilter: "User:alice",
        hostFilter: null,
        operation: 1,
        permissionType: 1,
      }],
    });
    const [, acl, gone, removed] = changesOf(lines());
    const text = "ALLOW ALL on TOPIC LITERAL:orders for User:alice from *";
    assertEquals(acl.resources, [{ type: "acl", name: text, error: "NONE" }]);
    assertEquals([gone.principal, gone.action, gone.outcome], [
      "User:alice",
      "topic.delete",
      "done",
    ]);
    const deciding = gone.rights.filter(({ operation }: Line) => operation === "DELETE");
    assertEquals(deciding.map(({ type, allowed, by }: Line) => [type, allowed, by]), [
      ["CLUSTER", false, "no acl of the resource"],
      ["TOPIC", true, text],
    ]);
    assertEquals(removed.resources.map(({ type, name }: Line) => [type, name]), [
      ["acl_filter", "ANY ANY on ANY ANY:<any> for User:alice from <any>"],
      ["acl", text],
    ]);
    const { dir, name } = placeOf(world.file);
    const store = new FileStore(dir);
    assertEquals(verifyAudit(store, name, { hash: hashWith("") }).problem, null);
    store.close();
  }));

Deno.test("a topic that is made because it was asked for, offsets that are set from outside and records that are deleted are changes; traffic is none", () =>
  withDirectory(async (path) => {
    await using world = await audited(path, {}, { authorization: { mode: "off" } });
    const { lines, open, broker } = world, client = await open("client");
    await client(Metadata, 12, { topics: [{ name: "made" }], allowAutoTopicCreation: true });
    await client(Metadata, 12, { topics: [{ name: "made" }], allowAutoTopicCreation: true });
    await append(await broker.connect(), "made", ["a", "b"]);
    await client(DeleteRecords, 2, {
      topics: [{ name: "made", partitions: [{ partitionIndex: 0, offset: 1 }] }],
    });
    const offsets = {
      groupId: "g",
      generationIdOrMemberEpoch: -1,
      memberId: "",
      topics: [{ name: "made", partitions: [{ partitionIndex: 0, committedOffset: 1n }] }],
    };
    await client(FindCoordinator, 4, { keyType: 0, coordinatorKeys: ["g"] });
    let code = -1;
    for (let i = 0; i < 50 && code !== 0; i++) {
      code = (await client(OffsetCommit, 8, offsets)).topics[0].partitions[0].errorCode;
      if (code !== 0) await pause(100);
    }
    const changes = changesOf(lines()).filter(({ outcome }) => outcome === "done");
    assertEquals(
      changes.map(({ api, action, resources: [{ type, name, change }] }) => [
        api,
        action,
        type,
        name,
        change ?? null,
      ]),
      [
        ["Metadata", "topic.create", "topic", "made", null],
        ["DeleteRecords", "records.delete", "partition", "made-0", { offset: 1 }],
        ["OffsetCommit", "offset.set", "group", "g", { partition: "made-0", offset: "1" }],
      ],
    );
    assertEquals(changes[0].rights[0].by, "no authorizer");
    await client(OffsetCommit, 8, { ...offsets, generationIdOrMemberEpoch: 1, memberId: "m" });
    assertEquals(changesOf(lines()).filter(({ outcome }) => outcome === "done").length, 3);
  }));

Deno.test("what was denied is written with the right that was missing, data traffic too; what a listing leaves out is none", () =>
  withDirectory(async (path) => {
    await using world = await audited(path);
    const { lines, open } = world, admin = await open("admin"), alice = await open("alice");
    await admin(CreateTopics, 7, { topics: [topic("orders")] });
    await alice(Metadata, 12, { topics: null });
    assertEquals(
      (await alice(ListOffsets, 7, earliest("orders"))).topics[0].partitions[0].errorCode,
      29,
    );
    const records = batchOf(["v"]);
    await alice(Produce, 9, {
      acks: 1,
      timeoutMs: 1000,
      transactionalId: null,
      topicData: [{ name: "orders", partitionData: [{ index: 0, records }] }],
    });
    await alice(CreateTopics, 7, { topics: [topic("mine")] });
    await until(() => lines().filter(({ kind }) => kind === "denial").length === 3);
    const denials = lines().filter(({ kind }) => kind === "denial");
    assertEquals(
      denials.map(({ principal, api, errors, rights: [right] }) => [principal, api, errors, right]),
      [
        ["ListOffsets", "DESCRIBE", "TOPIC", "orders", "no acl of the resource"],
        ["Produce", "WRITE", "TOPIC", "orders", "no acl of the resource"],
        ["CreateTopics", "CREATE", "CLUSTER", "kafka-cluster", "no acl of the resource"],
      ].map(([api, operation, type, name, by]) => [
        "User:alice",
        api,
        ["TOPIC_AUTHORIZATION_FAILED"],
        { operation, type, name, allowed: false, by },
      ]),
    );
    assertEquals(changesOf(lines()).length, 1); // what was denied as a whole changed nothing
  }));

Deno.test("in a flood of denials every change is there, and every denial is a line or in a count", () =>
  withDirectory(async (path) => {
    await using world = await audited(path);
    const { broker, lines, open } = world, admin = await open("admin");
    const FLOOD = 20_000, CONNECTIONS = 4;
    await admin(CreateTopics, 7, { topics: [topic("orders")] });
    const before = changesOf(lines()).length;
    const flood = Array.from({ length: CONNECTIONS }, async (_, i) => {
      const ask = await Promise.all(Array.from({ length: 8 }, () => open(`mallory-${i}`)));
      for (let sent = 0; sent < FLOOD / CONNECTIONS; sent += ask.length) {
        await Promise.all(ask.map((one) => one(ListOffsets, 7, earliest("orders"))));
      }
    });
    const made: string[] = [];
    let isOver = false;
    const changes = (async () => {
      while (!isOver) {
        const name = `made-${made.length}`;
        const { topics: [{ errorCode }] } = await admin(CreateTopics, 7, { topics: [topic(name)] });
        assertEquals(errorCode, 0);
        made.push(name);
      }
    })();
    await Promise.all(flood).finally(() => isOver = true);
    await changes;
    assert(made.length > 5, `only ${made.length} changes beside the flood`);
    assertEquals(
      changesOf(lines()).slice(before).map(({ resources: [{ name }] }) => name),
      made,
    );
    await broker.stop(); // which writes what was counted
    const all = lines();
    const single = all.filter(({ kind }) => kind === "denial").length;
    const counted = all.filter(({ kind }) => kind === "suppressed")
      .reduce((sum, { count }) => sum + count, 0);
    assertEquals(single + counted, FLOOD);
    assert(single < FLOOD / 10, `${single} of them are lines`);
    assertEquals(all.map(({ seq }) => seq), all.map((_, i) => i + 1));
  }));

Deno.test("log-ins are written, done and failed, with who it was said to be", () =>
  withDirectory(async (path) => {
    const file = `${path}/audit.log`, usersFile = `${path}/users`;
    await Deno.writeTextFile(usersFile, "# nobody\n", { mode: 0o600 });
    await using broker = await TestBroker.start({
      auth: {
        enabled: true,
        usersFile,
        mechanism: ["PLAIN", "SCRAM-SHA-256"],
        plainUsername: "admin",
        plainPassword: "of the broker",
        failureDelayMs: 0,
      },
      audit: { file },
    });
    const address = `127.0.0.1:${broker.port}`;
    (await Asker.open(address, "admin", "of the broker")).close();
    await assertRejects(() => Asker.open(address, "mallory", "guess"));
    const scram = { mechanism: "SCRAM-SHA-256", username: "eve\u202e", password: "x" } as const;
    await assertRejects(() => broker.connect({ sasl: scram, clientId: "tool" }));
    const logins = () => linesOf(file).filter(({ kind }) => kind === "authentication");
    await until(() => logins().length === 3);
    assertEquals(
      logins().map(({ principal, claimed, client_id: clientId, listener, mechanism, result }) => [
        principal,
        claimed ?? null,
        clientId,
        listener,
        mechanism,
        result,
      ]),
      [
        ["User:admin", null, "admin", "SASL_PLAINTEXT", "PLAIN", "done"],
        [null, "mallory", "mallory", "SASL_PLAINTEXT", "PLAIN", "failed"],
        [null, "eve\u202e", "tool", "SASL_PLAINTEXT", "SCRAM-SHA-256", "failed"],
      ],
    );
    await Deno.writeTextFile(usersFile, "# still nobody\n");
    await pause(1100); // as seldom as the file is looked at
    await assertRejects(() => Asker.open(address, "mallory", "guess"));
    await until(() => linesOf(file).some(({ event }) => event === "users_file_taken"));
    const text = Deno.readTextFileSync(file);
    assert(!text.includes("\u202e") && !text.includes("guess") && !text.includes("of the broker"));
  }));

Deno.test("a certificate that is let in is a log-in, and a handshake that fails is one that failed", () =>
  withDirectory(async (path) => {
    const file = `${path}/audit.log`, authority = await Authority.make();
    await using folder = await CertificateFolder.make();
    await folder.write(await authority.issue());
    await folder.trust(authority);
    await using broker = await TestBroker.start({
      listeners: [{ name: "SECURE", protocol: "SSL", port: 0, clientAuth: "required" }],
      tls: folder.files,
      audit: { file },
    });
    const port = broker.portOf("SECURE");
    const alice = await authority.issue({ name: [{ CN: ["alice"] }] });
    const dial = dialTls([authority], alice);
    const connection = await Connection.open({ host: "localhost", port, dial });
    connection.close();
    const wire = await broker.wire();
    await wire.write(new Uint8Array(100).fill(65));
    await wire.frame();
    const logins = () => linesOf(file).filter(({ kind }) => kind === "authentication");
    await until(() => logins().length === 2);
    assertEquals(
      logins().map(({ principal, listener, mechanism, result, reason }) => [
        principal,
        listener,
        mechanism,
        result,
        reason === undefined,
      ]),
      [
        ["User:CN=alice", "SECURE", "TLS", "done", true],
        [null, "SECURE", "TLS", "failed", false],
      ],
    );
  }));

Deno.test("a full disk, continue: changes go on and are written when there is room; it is a gauge and a warning, and the broker is ready", () =>
  withDirectory(async (path) => {
    await using world = await audited(path);
    const { broker, file, lines, open } = world, admin = await open("admin");
    const create = async (name: string) =>
      (await admin(CreateTopics, 7, { topics: [topic(name)] })).topics[0].errorCode;
    assertEquals(await create("a"), 0);
    await fillDisk(file);
    assertEquals([await create("b"), await create("c")], [0, 0]);
    assertEquals(await broker.metric("audit_failing"), 1);
    const ready = await fetch(`http://${broker.httpAddress}/readyz`);
    assertEquals(ready.status, 200);
    assert((await ready.text()).includes("the audit file cannot be written"));
    await makeRoom(file);
    await until(async () => await broker.metric("audit_failing") === 0);
    assertEquals(await create("d"), 0);
    const names = changesOf([...linesOf(`${file}.full`), ...lines()])
      .map(({ resources: [{ name }] }) => name);
    assertEquals(names, ["a", "b", "c", "d"]);
    assertEquals(lines().filter(({ event }) => event === "resumed").length, 1);
  }));

Deno.test("a full disk, refuse: no change is made that is not written, everything else is served, and it heals", () =>
  withDirectory(async (path) => {
    await using world = await audited(path, { onFailure: "refuse" });
    const { broker, file, lines, open } = world, admin = await open("admin");
    const alice = await open("alice");
    const create = async (name: string) =>
      (await admin(CreateTopics, 7, { topics: [topic(name)] })).topics[0];
    assertEquals((await create("a")).errorCode, 0);
    await fillDisk(file);
    const first = create("b"); // begun before anybody knows: its answer waits for its line
    await until(async () => await broker.metric("audit_failing") === 1);
    const { errorCode, errorMessage } = await (await open("admin"))(CreateTopics, 7, {
      topics: [topic("c")],
    }).then(({ topics: [one] }) => one);
    assertEquals(errorCode, POLICY_VIOLATION);
    assert(errorMessage.includes("audit.on_failure = refuse"), errorMessage);
    const other = await open("admin");
    const asked = await other(Metadata, 12, {
      topics: [{ name: "c" }, { name: "a" }, { name: "by asking" }],
      allowAutoTopicCreation: true,
    });
    assertEquals(asked.topics.map(({ errorCode }: Line) => errorCode), [3, 0, 17]);
    assertEquals(
      (await alice(DeleteTopics, 6, { topics: [{ name: "a" }] })).responses[0].errorCode,
      29,
    );
    const produced = await other(Produce, 9, {
      acks: 1,
      timeoutMs: 1000,
      transactionalId: null,
      topicData: [{ name: "a", partitionData: [{ index: 0, records: batchOf(["v"]) }] }],
    });
    assertEquals(produced.responses[0].partitionResponses[0].errorCode, 0);
    const configs = await other(AlterConfigs, 2, {
      resources: [{ resourceType: TOPIC, resourceName: "a", configs: [] }],
    });
    assertEquals(configs.responses[0].errorCode, POLICY_VIOLATION);
    const users = await other(AlterUserScramCredentials, 0, {
      deletions: [{ name: "x", mechanism: 1 }],
    });
    assertEquals(users.results[0].errorCode, POLICY_VIOLATION);

    await makeRoom(file);
    assertEquals((await first).errorCode, 0);
    await until(async () => await broker.metric("audit_failing") === 0);
    assertEquals((await create("d")).errorCode, 0);
    const names = changesOf([...linesOf(`${file}.full`), ...lines()])
      .map(({ resources: [{ name }] }) => name);
    assertEquals(names, ["a", "b", "d"]);
    const made = await other(Metadata, 12, { topics: null });
    assertEquals(made.topics.map(({ name }: Line) => name).sort(), ["a", "b", "d"]);
    await broker.stop();
    const counted = lines().filter(({ kind }) => kind === "suppressed")
      .reduce((sum, { count }) => sum + count, 0);
    assertEquals(counted, 4); // three refusals and alice's denial
  }));

Deno.test("a file that cannot be written, or is where the data is, is refused at the start in one line", () =>
  withDirectory(async (path) => {
    await Deno.mkdir(`${path}/folder`);
    await Deno.writeTextFile(`${path}/none`, "");
    const data = `${path}/data`;
    for (const onFailure of ["continue", "refuse"] as const) {
      for (const file of [`${path}/folder`, "/dev/full", `${path}/none/audit.log`, `${data}/a/b`]) {
        const audit = { file, onFailure };
        const error = await assertRejects(
          () => TestBroker.start({ path: data, audit }),
          ConfigError,
        );
        assert(error.message.startsWith("audit.file = "), error.message);
      }
    }
    await using _ = await TestBroker.start({ path: data }); // nothing was left there
  }));

Deno.test("every field that is written is documented", () =>
  withDirectory(async (path) => {
    await using world = await audited(path, { hashChain: true });
    const { broker, lines, open } = world, admin = await open("admin"), alice = await open("alice");
    await admin(CreateTopics, 7, {
      topics: Array.from({ length: 300 }, (_, i) => topic(`${"t".repeat(200)}-${i}`)),
    });
    for (let i = 0; i < 20; i++) await alice(ListOffsets, 7, earliest("orders"));
    await broker.stop();
    const known = new Map(FIELDS.map(([name, kinds]) => [name, kinds]));
    for (const line of lines()) {
      for (const name of namesOf(line)) {
        assert(known.get(name)?.includes(line.kind), `${line.kind} has ${name}`);
      }
    }
    const parts = lines().filter(({ parts }) => parts !== undefined);
    assertEquals(parts.map(({ part }) => part), parts.map((_, i) => i + 1));
    assertEquals(parts.flatMap(({ resources }) => resources).length, 300);
    assert(parts.every((line) => JSON.stringify(line).length < 40_000));
  }));

/** The names of a line's fields; of what is in "change" nobody has a list. */
function* namesOf(line: Line, prefix = ""): Generator<string> {
  for (const [name, value] of Object.entries(line)) {
    yield prefix + name;
    if (!Array.isArray(value) || name === "errors") continue;
    for (const one of value) yield* namesOf(one, `${prefix}${name}[].`);
  }
}

/** From now on it is as if the file's disk were full. */
async function fillDisk(file: string): Promise<void> {
  await Deno.rename(file, `${file}.full`);
  await Deno.symlink("/dev/full", file);
}

async function makeRoom(file: string): Promise<void> {
  await Deno.remove(file);
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < 200; i++) {
    if (await holds()) return;
    await pause(50);
  }
  throw new Error(`not within 10 s: ${holds}`);
}

function placeOf(file: string): { dir: string; name: string } {
  const at = file.lastIndexOf("/");
  return { dir: file.slice(0, at), name: file.slice(at + 1) };
}

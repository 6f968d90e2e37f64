/**
 * Proves that `runnel copy` between brokers that want TLS and a log-in goes on where each of them is stopped and started
 * again meanwhile: a program of its own, records that come all along, and in the end each once, in order.
 */
import { assert, assertEquals } from "@std/assert";
import { Cluster } from "../../src/client/cluster.ts";
import { committedOffsets } from "../../src/client/groups.ts";
import { commitOffsets } from "../../src/client/group_changes.ts";
import { partitionEnds } from "../../src/client/partition_ends.ts";
import { Producer } from "../../src/client/producer.ts";
import { Authority } from "../../src/testing/certificates.ts";
import { started } from "../cli/program.ts";
import { CertificateFolder, dialTls } from "./certificate_folder.ts";
import { contentOf, recordsOf } from "./copies.ts";
import { TestBroker, withDirectory } from "./harness.ts";

const LOGIN = { mechanism: "PLAIN", username: "admin", password: "of the broker" } as const;

/** A broker that is stopped and started again on the same port and directory. */
class SecureBroker implements AsyncDisposable {
  readonly #path: string;
  readonly #folder: CertificateFolder;
  #broker: TestBroker;

  private constructor(path: string, folder: CertificateFolder, broker: TestBroker) {
    this.#path = path;
    this.#folder = folder;
    this.#broker = broker;
  }

  static async start(path: string, folder: CertificateFolder): Promise<SecureBroker> {
    return new SecureBroker(path, folder, await startedOn(path, folder, 0));
  }

  get port(): number {
    return this.#broker.portOf("SECURE");
  }

  async restart(): Promise<void> {
    const { port } = this;
    await this.#broker[Symbol.asyncDispose]();
    await new Promise((resolve) => setTimeout(resolve, 500));
    this.#broker = await startedOn(this.#path, this.#folder, port);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#broker[Symbol.asyncDispose]();
  }
}

function startedOn(path: string, folder: CertificateFolder, port: number): Promise<TestBroker> {
  return TestBroker.start({
    path,
    listeners: [{ name: "SECURE", protocol: "SASL_SSL", port }],
    tls: folder.files,
    auth: {
      enabled: true,
      plainUsername: LOGIN.username,
      plainPassword: LOGIN.password,
      mechanism: ["PLAIN"],
    },
    topic: { "retention.ms": "-1" },
  });
}

Deno.test("a copy over TLS with log-ins goes on though source and target are started anew", async () => {
  const authority = await Authority.make();
  await using folder = await CertificateFolder.make();
  await folder.write(await authority.issue({ hosts: ["localhost", "127.0.0.1"] }));
  await withDirectory(async (path) => {
    await using from = await SecureBroker.start(`${path}/from`, folder);
    await using to = await SecureBroker.start(`${path}/to`, folder);
    const config = await clientConfig(path, authority);
    const source = reached(from, authority), target = reached(to, authority);
    const topics = ["t0", "t1"];
    let isOver = false;
    const sending = sendAll(source, topics, () => isOver);
    await ends(source, topics, 20);
    await using copy = started([
      ...["copy", ...topics, "--follow"],
      ...["--from", `localhost:${from.port}`, "--from-client-config", config],
      ...["--to", `localhost:${to.port}`, "--to-client-config", config],
    ]);
    await ends(target, topics, 20);
    for (const broker of [to, from, to]) {
      await broker.restart();
      const had = await ends(target, topics, 0);
      await ends(target, topics, Math.max(...had) + 20); // it goes on
    }
    await commitOffsets(source, "g", [{ topic: "t0", partition: 0, offset: 30n }]);
    isOver = true;
    const sent = await sending;
    await ends(target, topics, sent);
    copy.process.kill("SIGINT");
    const { code, error } = await copy.told;
    assertEquals(code, 0, error);
    for (const topic of topics) {
      const there = await recordsOf(target, topic), own = await recordsOf(source, topic);
      assertEquals(own.length, sent);
      assertEquals(contentOf(there), contentOf(own));
    }
    assertEquals(await committedOffsets(target, "g"), [{ topic: "t0", partition: 0, offset: 30n }]);
    for (const cluster of [source, target]) cluster.close();
  });
});

/** Sends the same numbers to each topic until it is over, a few at a time; how many it was. */
async function sendAll(
  cluster: Cluster,
  topics: readonly string[],
  isOver: () => boolean,
): Promise<number> {
  await using producer = new Producer(cluster);
  let sent = 0;
  while (!isOver()) {
    await Promise.all(
      topics.map((topic) => producer.send({ topic, key: `k${sent}`, value: `v${sent}` })),
    );
    sent++;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return sent;
}

/** Where the topics end, once each has so many records. */
async function ends(
  cluster: Cluster,
  topics: readonly string[],
  atLeast: number,
): Promise<number[]> {
  for (const untilMs = performance.now() + 60_000;;) {
    try {
      const found = await partitionEnds(cluster, topics.map((topic) => ({ topic, partition: 0 })));
      const all = found.map(({ end }) => end ?? 0);
      if (Math.min(...all) >= atLeast) return all;
      assert(performance.now() < untilMs, `${all} of ${atLeast}`);
    } catch (error) {
      if (performance.now() > untilMs) throw error; // it may not be made yet
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function reached({ port }: SecureBroker, authority: Authority): Cluster {
  return new Cluster({
    bootstrap: `localhost:${port}`,
    dial: dialTls([authority]),
    sasl: LOGIN,
    allowAutoTopicCreation: true,
  });
}

async function clientConfig(path: string, { certificate }: Authority): Promise<string> {
  const file = `${path}/client.properties`, store = `${path}/ca.pem`;
  const { username, password } = LOGIN;
  await Deno.writeTextFile(store, certificate);
  const lines = [
    "security.protocol=SASL_SSL",
    "sasl.mechanism=PLAIN",
    `sasl.jaas.config=x required username="${username}" password="${password}";`,
    "ssl.truststore.type=PEM",
    `ssl.truststore.location=${store}`,
  ];
  await Deno.writeTextFile(file, lines.map((line) => `${line}\n`).join(""), { mode: 0o600 });
  return file;
}

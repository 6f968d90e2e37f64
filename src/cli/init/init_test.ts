/**
 * Proves that `runnel init --secure` makes files by which a broker starts, its administrator logs in and a stranger does
 * not; that what is secret is its owner's alone; and that nothing that was there is touched.
 */
import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { X509Certificate } from "node:crypto";
import { startBroker } from "../../broker.ts";
import { Cluster } from "../../client/cluster.ts";
import { loadConfig } from "../../config/load.ts";
import { Metadata } from "../../protocol/messages/metadata.ts";
import { typed } from "../../../tests/broker/command_line.ts";
import { readClientConfig } from "../client_config.ts";

const DAY_MS = 86_400_000;
const FILES = [
  "ca.key",
  "ca.pem",
  "client.properties",
  "librdkafka.conf",
  "runnel.toml",
  "server.key",
  "server.pem",
  "users",
];

async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "runnel-init-" });
  try {
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

class Refused extends Error {}

async function init(...args: string[]): Promise<string> {
  const { code, out, error } = await typed("init", ...args);
  if (code !== 0) throw new Refused(error);
  return out;
}

const namesIn = (folder: string) => [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
const certificateIn = (path: string) => new X509Certificate(Deno.readTextFileSync(path));

async function configIn(folder: string) {
  return (await loadConfig({
    args: [`--config=${folder}/runnel.toml`, "--http-port=0"],
    env: {},
    readFile: (path) => ({ text: Deno.readTextFileSync(path), mode: Deno.statSync(path).mode }),
  })).config;
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return (listener.addr as Deno.NetAddr).port;
}

Deno.test("a broker serves by what init made, and both client files let the administrator in", () =>
  withFolder(async (folder) => {
    const port = freePort();
    const printed = await init(
      "--secure",
      `--dir=${folder}`,
      `--port=${port}`,
      "--storage-path=memory://",
    );
    const broker = await startBroker(await configIn(folder));
    try {
      for (const file of ["client.properties", "librdkafka.conf"]) {
        const { bootstrap, tls, sasl } = readClientConfig(`${folder}/${file}`);
        assertEquals(bootstrap, `127.0.0.1:${port}`);
        const cluster = new Cluster({ bootstrap: bootstrap!, tls, sasl, callTimeoutMs: 10_000 });
        const connection = await cluster.controllerConnection();
        assertEquals((await connection.request(Metadata, 12, { topics: [] })).errorCode, 0);
        cluster.close();
      }
      const { bootstrap, tls } = readClientConfig(`${folder}/client.properties`);
      const stranger = {
        mechanism: "SCRAM-SHA-512",
        username: "admin",
        password: "guess",
      } as const;
      const cluster = new Cluster({
        bootstrap: bootstrap!,
        tls,
        sasl: stranger,
        callTimeoutMs: 10_000,
      });
      await assertRejects(() => cluster.controllerConnection(), Error, "");
      cluster.close();
    } finally {
      await broker.stop();
    }
    for (const file of FILES) assertStringIncludes(printed, `${folder}/${file}`);
    for (
      const command of ["runnel serve --config", "kcat -F", "runnel user add", "runnel acl add"]
    ) {
      assertStringIncludes(printed, command);
    }
    const { password } = readClientConfig(`${folder}/client.properties`).sasl as {
      password: string;
    };
    assert(password.length >= 32);
    for (const text of [printed, Deno.readTextFileSync(`${folder}/users`)]) {
      assert(!text.includes(password));
    }
  }));

Deno.test("keys, the password and what verifies it are their owner's alone", () =>
  withFolder(async (folder) => {
    await init("--secure", "--dir", `${folder}/new/deep`);
    const made = `${folder}/new/deep`;
    assertEquals(namesIn(made), FILES);
    for (const name of FILES) {
      const isPublic = ["ca.pem", "server.pem", "runnel.toml"].includes(name);
      const mode = Deno.statSync(`${made}/${name}`).mode! & 0o777;
      assertEquals(isPublic ? mode & 0o600 : mode, 0o600, name);
    }
  }));

Deno.test("a folder that everybody may put files into is refused, and one that init makes is none", () =>
  withFolder(async (folder) => {
    const made = `${folder}/made`;
    await init("--secure", `--dir=${made}`);
    assertEquals(Deno.statSync(made).mode! & 0o022, 0);
    const open = `${folder}/open`;
    Deno.mkdirSync(open);
    Deno.chmodSync(open, 0o777);
    const error = await assertRejects(() => init("--secure", `--dir=${open}`), Refused);
    assertStringIncludes(error.message, `chmod o-w ${open}`);
    assertEquals(namesIn(open), []);
  }));

Deno.test("hosts are in the certificate, the first is told to clients, and the times are said", () =>
  withFolder(async (folder) => {
    const printed = await init(
      "--secure",
      `--dir=${folder}`,
      "--host",
      "broker.example.com,10.0.0.7",
      "--host=[2001:db8::7]",
      "--days=30",
    );
    const server = certificateIn(`${folder}/server.pem`), ca = certificateIn(`${folder}/ca.pem`);
    for (const host of ["broker.example.com", "localhost"]) {
      assertEquals(server.checkHost(host), host);
    }
    for (const ip of ["10.0.0.7", "127.0.0.1", "::1", "2001:db8::7"]) {
      assert(server.checkIP(ip), ip);
    }
    assert(server.checkIssued(ca) && server.verify(ca.publicKey) && !server.ca && ca.ca);
    assertEquals(Math.round((Date.parse(server.validTo) - Date.now()) / DAY_MS), 30);
    assertStringIncludes(printed, new Date(server.validTo).toISOString().slice(0, 10));
    assertStringIncludes(printed, new Date(ca.validTo).toISOString().slice(0, 10));
    const { listeners } = await configIn(folder);
    assertEquals(listeners[0].address, "::");
    assertEquals(listeners[0].advertised, "broker.example.com:9092");
  }));

Deno.test("what is in the way is named, and nothing is written or changed", () =>
  withFolder(async (folder) => {
    Deno.writeTextFileSync(`${folder}/users`, "mine");
    Deno.symlinkSync("/nowhere", `${folder}/ca.pem`);
    const error = await assertRejects(() => init("--secure", `--dir=${folder}`), Refused);
    assertStringIncludes(error.message, `${folder}/users`);
    assertStringIncludes(error.message, `${folder}/ca.pem`);
    assertEquals(namesIn(folder), ["ca.pem", "users"]);
    assertEquals(Deno.readTextFileSync(`${folder}/users`), "mine");
  }));

Deno.test("what the broker would refuse is refused before anything is there", () =>
  withFolder(async (folder) => {
    const made = `${folder}/made`;
    const refused: readonly [args: string[], says: RegExp][] = [
      [["--secure", "--port=9093"], /http_port are both 9093/],
      [["--secure", "--port=0"], /--port 0: needs a whole number, 1 to 65535/],
      [["--secure", "--days=3651"], /--days 3651: needs a whole number, 1 to 3650/],
      [["--secure", "--host=a:9092"], /--host a:9092: needs a host name or an IP address/],
      [["--secure", "--host=10.0.0.256"], /--host 10.0.0.256/],
      [["--secure", "--host="], /--host ""/],
      [["--secure", "--host=0.0.0.0"], /--host 0.0.0.0: stands for every address/],
      [["--secure", "--host"], /--host/],
      [["--secure", "--hots=a"], /Did you mean --host\?/],
      [["--secure", "--renew"], /two things/],
      [["--secure", "here"], /too many arguments/],
      [[], /--secure is missing/],
      [["--renew"], /--renew needs what init --secure made/],
    ];
    for (const [args, says] of refused) {
      const error = await assertRejects(() => init(...args, `--dir=${made}`), Refused);
      assertMatch(error.message, says);
      assertEquals(namesIn(folder), [], args.join(" "));
    }
  }));

Deno.test("--renew makes another certificate of the same CA for the same hosts, which a broker takes as it runs", () =>
  withFolder(async (folder) => {
    const port = freePort();
    const place = ["--secure", `--dir=${folder}`, `--port=${port}`, "--host=localhost,my.example"];
    await init(...place, "--storage-path=memory://");
    const before = certificateIn(`${folder}/server.pem`);
    const config = await configIn(folder);
    const broker = await startBroker({ ...config, tls: { ...config.tls, reloadIntervalMs: 50 } });
    try {
      const printed = await init("--renew", `--dir=${folder}`, "--days=20");
      assertStringIncludes(printed, "my.example");
      const after = certificateIn(`${folder}/server.pem`), ca = certificateIn(`${folder}/ca.pem`);
      assert(after.fingerprint256 !== before.fingerprint256 && after.verify(ca.publicKey));
      assertEquals(after.checkHost("my.example"), "my.example");
      assert(after.checkIP("::1") && after.checkIP("127.0.0.1"));
      assertEquals(Deno.statSync(`${folder}/server.key`).mode! & 0o777, 0o600);
      assertEquals(namesIn(folder), FILES);
      const deadline = performance.now() + 10_000;
      while (await shownAt(port, ca) !== after.fingerprint256) {
        assert(performance.now() < deadline, "the broker takes it");
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    } finally {
      await broker.stop();
    }
  }));

async function shownAt(port: number, ca: X509Certificate): Promise<string> {
  const { connect } = await import("node:tls");
  return await new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port, ca: ca.toString(), servername: "localhost" });
    socket.on("error", reject);
    socket.on("secureConnect", () => {
      resolve(socket.getPeerCertificate().fingerprint256);
      socket.destroy();
    });
  });
}

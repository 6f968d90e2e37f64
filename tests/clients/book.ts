/**
 * docs/clients.md, done by somebody who reads it: of each client the page's own blocks are taken, it is installed as the
 * page says, its program is run and has to print what the page shows. Then the same program with what the page has for
 * TLS and a password in it. After each run the group must have committed what it read.
 *
 *     RUNNEL=./runnel deno run -A tests/clients/book.ts            without those that take minutes; --all: with them
 *     deno run -A tests/clients/book.ts kafkajs sarama              these, against this checkout
 *
 * A client whose registry, or whose language, is not there is left out, in words. Ports and the place of `secure/` are the
 * test's own, in the places of the page's.
 */
import { Admin } from "../../src/mod.ts";
import { difference, replaced } from "../walk/page.ts";
import { type Client, clientsOf, securingOf, withSnippet } from "./book_page.ts";

const ROOT = new URL("../..", import.meta.url).pathname.replace(/\/$/, "");
const PAGE = "docs/clients.md";
const LIMIT_MS = 300_000, INSTALL_LIMIT_MS = 900_000, MOST_TRIES = 3;
/** Minutes of compiling. */
const BY_HAND = ["rdkafka"];
/** What a package manager says when its registry cannot be reached. */
const UNREACHED =
  /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ECONNRESET|Could not resolve|Temporary failure in name resolution|Failed to establish a new connection|dial tcp|Could not transfer artifact|UnknownHostException|spurious network error|Connection timed out/;
const CACHE = `${Deno.env.get("XDG_CACHE_HOME") ?? `${Deno.env.get("HOME")}/.cache`}/runnel`;

const PORTS = { clear: freePort(), secure: freePort() };
const work = Deno.makeTempDirSync({ prefix: "runnel-book-" });
const runnel = Deno.env.get("RUNNEL") ?? source();
const given = {
  "127.0.0.1:9092": `127.0.0.1:${PORTS.clear}`,
  "localhost:9094": `localhost:${PORTS.secure}`,
  "--port 9094": `--port ${PORTS.secure}`,
  "secure/": `${work}/secure/`,
  "--dir secure": `--dir ${work}/secure`,
};
const brokers: Deno.ChildProcess[] = [], ending = new AbortController();
let passed = 0, failed = 0;

interface Ran {
  readonly code: number;
  readonly printed: string;
}

async function main(): Promise<void> {
  const page = Deno.readTextFileSync(`${ROOT}/${PAGE}`);
  const chosen = chosenOf(clientsOf(page));
  const path = await tools(chosen);
  const places = installing(chosen, path);
  serve(["--kafka-port", `${PORTS.clear}`, "--storage-path", "memory://"]);
  await secure(securingOf(page));
  await answers(PORTS.clear);
  using clear = new Admin({ bootstrap: `127.0.0.1:${PORTS.clear}` });
  using locked = new Admin(administrator());
  for (const [i, client] of chosen.entries()) {
    await tried(client, await places[i], { clear, locked });
  }
}

function chosenOf(clients: readonly Client[]): readonly Client[] {
  const names = Deno.args.filter((arg) => !arg.startsWith("--"));
  const unknown = names.find((name) => !clients.some((client) => client.name === name));
  if (unknown !== undefined) throw new Error(`${PAGE} has no client ${unknown}`);
  if (names.length > 0) return clients.filter(({ name }) => names.includes(name));
  const isShort = !Deno.args.includes("--all");
  return clients.filter(({ name }) => !isShort || !BY_HAND.includes(name));
}

// ---- One client

/** Where a client is installed. */
interface Place {
  readonly folder: string;
  readonly path: string;
  readonly took: string;
  /** Why it is not. */
  readonly missing: string | null;
  readonly problem: string | null;
}

/** One after the other of the same package manager, and those side by side, while others are tried. */
function installing(clients: readonly Client[], path: string): Promise<Place>[] {
  const chains = new Map<string, Promise<unknown>>();
  return clients.map((client) => {
    const [tool] = client.install.split(" ");
    const place = (chains.get(tool) ?? Promise.resolve()).then(() => install(client, path));
    chains.set(tool, place.catch(() => {}));
    return place;
  });
}

async function install(client: Client, path: string): Promise<Place> {
  const folder = `${work}/${client.name.replace(/\W/g, "-")}`, began = performance.now();
  save(client, folder);
  const lacked = await lacks(client, path);
  if (lacked !== null) {
    return { folder, path, took: "", missing: `there is no ${lacked} here`, problem: null };
  }
  let { code, printed } = await run(client.install, { folder, path, limitMs: INSTALL_LIMIT_MS });
  // A registry that is there may fail once.
  for (let tries = 1; code !== 0 && !UNREACHED.test(printed) && tries < MOST_TRIES; tries++) {
    await pause(tries * 5000);
    Deno.removeSync(folder, { recursive: true }); // what is begun cannot be begun again there
    save(client, folder);
    ({ code, printed } = await run(client.install, { folder, path, limitMs: INSTALL_LIMIT_MS }));
  }
  const isUnreached = code !== 0 && UNREACHED.test(printed);
  return {
    folder,
    path,
    took: secondsSince(began),
    missing: isUnreached ? "its registry is not reached" : null,
    problem: code !== 0 && !isUnreached ? printed : null,
  };
}

/** The files that the page shows. */
function save({ files }: Client, folder: string): void {
  for (const { name, text } of files) {
    Deno.mkdirSync(`${folder}/${name}`.replace(/\/[^/]+$/, ""), { recursive: true });
    Deno.writeTextFileSync(`${folder}/${name}`, replaced(text, given));
  }
}

/** In clear, and with what the page has for TLS and a password. */
async function tried(
  client: Client,
  place: Place,
  { clear, locked }: { clear: Admin; locked: Admin },
): Promise<void> {
  const { folder, took, missing, problem } = place;
  if (missing !== null) return console.log(`ok   book: left out: ${client.name}, as ${missing}`);
  if (problem !== null) return told(`${client.name} is installed`, problem);
  await round(client, `${client.name}, installed in ${took}`, place, clear);
  for (const { name, text } of client.secured) {
    const program = client.files.at(-1)!;
    const [path, due] = name === null
      ? [program.name, withSnippet(program.text, text)]
      : [name, text];
    Deno.writeTextFileSync(`${folder}/${path}`, replaced(due, given));
  }
  await round(client, `${client.name} over TLS with a password`, place, locked);
}

async function round(
  client: Client,
  title: string,
  { folder, path }: Place,
  admin: Admin,
): Promise<void> {
  const began = performance.now();
  const { code, printed } = await run(client.command, { folder, path, limitMs: LIMIT_MS });
  const took = secondsSince(began);
  const expected = { output: client.output, doNumbersVary: false };
  const problem = code !== 0 ? `ended with ${code}` : difference(expected, printed, given);
  const committed = await committedOf(admin);
  if (problem !== null) return told(title, `${problem}\n${printed}`);
  if (committed !== `fruit-0 3`) {
    return told(title, `the group has committed ${committed || "nothing"}`);
  }
  told(`${title} (${took})`, null);
}

/** What the group committed; and then there is neither group nor topic. */
async function committedOf(admin: Admin): Promise<string> {
  const offsets = await admin.listGroupOffsets("kitchen");
  // One that did not leave is a member until its session ends.
  for (const until = Date.now() + 60_000;;) {
    const isGone = await admin.deleteGroup("kitchen").then(() => true, (error) => {
      if (/GROUP_ID_NOT_FOUND/.test(String(error))) return true;
      if (Date.now() > until) throw error;
      return false;
    });
    if (isGone) break;
    await pause(500);
  }
  await admin.deleteTopics(["fruit"]).catch((error) => {
    if (!/UNKNOWN_TOPIC_OR_PARTITION/.test(String(error))) throw error;
  });
  return offsets.map(({ topic, partition, offset }) => `${topic}-${partition} ${offset}`).join(
    ", ",
  );
}

// ---- Brokers

/** As the page says it, with the command of the test in the place of `runnel`, and what `serve` does done here. */
async function secure(commands: string): Promise<void> {
  const lines = commands.trim().split("\n");
  const at = lines.findIndex((line) => line.startsWith("runnel serve "));
  const typed = (part: readonly string[]) =>
    replaced(part.join("\n"), given).replace(/\brunnel (?=init|user|acl)/g, `${runnel} `);
  const options = { folder: work, path: Deno.env.get("PATH")!, limitMs: LIMIT_MS };
  const before = await run(typed(lines.slice(0, at)), options);
  if (before.code !== 0) throw new Error(before.printed);
  const [, , ...flags] = replaced(lines[at], given).replace(/ &$/, "").split(" ");
  serve([...flags, "--storage-path", "memory://"]);
  await answers(PORTS.secure);
  const after = await run(typed(lines.slice(at + 1)), options);
  told(
    `${PAGE}: a broker with TLS and a user who logs in`,
    after.code === 0 ? null : after.printed,
  );
}

function serve(flags: readonly string[]): void {
  const [command, ...args] = runnel.split(" ");
  const log = Deno.env.get("BROKER_LOG") ?? `${work}/broker.log`;
  // As Kafka does by default a broker waits for a group's members for 3 s, which is not what is tried here.
  const quick = ["--http-port", `${freePort()}`, "--groups-initial-rebalance-delay-ms", "0"];
  const script = `exec "$@" >> ${log} 2>&1`;
  brokers.push(
    new Deno.Command("bash", {
      args: [
        "-c",
        script,
        "-",
        command,
        ...args,
        "serve",
        ...quick,
        ...flags,
      ],
      stdin: "null",
    }).spawn(),
  );
}

async function answers(port: number): Promise<void> {
  for (const until = Date.now() + 30_000;;) {
    try {
      return (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    } catch (error) {
      if (Date.now() > until) throw error;
      await pause(50);
    }
  }
}

/** Of whom `init --secure` tells a client. */
function administrator() {
  const text = Deno.readTextFileSync(`${work}/secure/librdkafka.conf`);
  const password = /^sasl.password=(.*)$/m.exec(text)![1];
  return {
    bootstrap: `localhost:${PORTS.secure}`,
    tls: { caCerts: [Deno.readTextFileSync(`${work}/secure/ca.pem`)] },
    sasl: { mechanism: "SCRAM-SHA-512", username: "admin", password },
  } as const;
}

// ---- Tools

/** A PATH with a Python of its own, Go where somebody needs it, and a Node that is new enough. */
async function tools(clients: readonly Client[]): Promise<string> {
  const lines = [`work=${work}`, `. ${ROOT}/tests/clients/other_clients.sh`];
  const needs = (word: string) => clients.some(({ install }) => install.startsWith(word));
  if (needs("pip ")) {
    const venv = `${CACHE}/book-python`;
    lines.push(`[ -x ${venv}/bin/pip ] || python3 -m venv ${venv}; PATH=${venv}/bin:$PATH`);
  }
  if (needs("go ")) lines.push("go_there > /dev/null");
  if (needs("npm install @platformatic")) {
    lines.push(`version=$(node --version) && [ "\${version:1:2}" -ge 22 ] || {`);
    lines.push(`  node=\${RUNNEL_NODE:-${CACHE}/node-22}; PATH=$node/node_modules/.bin:$PATH`);
    lines.push("  [ -d $node ] || npm install --silent --no-save --prefix $node node@22; }");
  }
  lines.push('echo "PATH $PATH"');
  const { printed } = await run(lines.join("\n"), {
    folder: work,
    path: Deno.env.get("PATH")!,
    limitMs: INSTALL_LIMIT_MS,
  });
  const path = /^PATH (.*)$/m.exec(printed)?.[1];
  if (path === undefined) throw new Error(`No tools: ${printed}`);
  return path;
}

/** The program that the client's installation begins with, where it is not there. */
async function lacks({ install, command }: Client, path: string): Promise<string | null> {
  for (const word of new Set([install, command].map((text) => text.split(" ")[0]))) {
    const options = { folder: work, path, limitMs: LIMIT_MS };
    if ((await run(`command -v ${word}`, options)).code !== 0) return word;
  }
  return null;
}

function source(): string {
  const { tasks } = JSON.parse(Deno.readTextFileSync(`${ROOT}/deno.json`));
  return tasks.start.replace("main.ts", `${ROOT}/main.ts`).replace(
    "deno run",
    "deno run --no-check",
  );
}

async function run(
  text: string,
  { folder, path, limitMs }: { folder: string; path: string; limitMs: number },
): Promise<Ran> {
  const { code, stdout } = await new Deno.Command("timeout", {
    args: ["-k", "5", `${limitMs / 1000}`, "bash", "-c", `exec 2>&1; set -e -o pipefail\n${text}`],
    cwd: folder,
    env: {
      PATH: path,
      PIP_DISABLE_PIP_VERSION_CHECK: "1",
      DEBIAN_FRONTEND: "noninteractive",
      CARGO_TARGET_DIR: `${CACHE}/book-cargo`,
    },
    stdin: "null",
    stderr: "null",
    signal: ending.signal,
  }).output();
  return { code, printed: new TextDecoder().decode(stdout) };
}

// ---- What is told

function told(title: string, problem: string | null): void {
  if (problem === null) {
    passed++;
    return console.log(`ok   book: ${title}`);
  }
  failed++;
  console.log(`FAIL book: ${title}`);
  console.log(problem.trimEnd().split("\n").slice(-25).map((line) => `       ${line}`).join("\n"));
}

function secondsSince(began: number): string {
  return `${((performance.now() - began) / 1000).toFixed(1)} s`;
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return (listener.addr as Deno.NetAddr).port;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

Deno.addSignalListener("SIGTERM", () => {
  ending.abort(); // whatever runs
  for (const broker of brokers) broker.kill("SIGKILL");
  Deno.removeSync(work, { recursive: true });
  Deno.exit(1);
});
try {
  await main();
} catch (error) {
  told("its end", error instanceof Error ? error.stack ?? error.message : String(error));
} finally {
  for (const broker of brokers) {
    broker.kill("SIGTERM");
    await broker.status;
  }
  Deno.removeSync(work, { recursive: true });
}
console.log(`${passed} passed, ${failed} failed`);
Deno.exit(failed === 0 && passed > 0 ? 0 : 1);

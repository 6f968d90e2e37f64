/**
 * The walk: types what README.md says, as somebody does who has just cloned the repository to a machine with Node, and
 * compares what is printed with what README shows, then the same of docs/listeners.md, with certificates of openssl, and
 * of the other pages of docs/ with the executable that README has compiled (book.ts).
 * `deno task walk`; needs git, npx, kcat, openssl, Python for the fallback of compile, and Java with Maven for Kafka's
 * tools (KAFKA_HOME: the folder of Apache's download instead).
 *
 * The home is new and there is no Deno on the PATH until README has it installed. Two things are not README's: where npm
 * installs, which is the new home, and the ports, which are free ones in the places of 9092 and 9093.
 */
import { type Tally, typeBook } from "./book.ts";
import { stepsOf } from "./page.ts";
import { BARE, Typist } from "./typist.ts";

const ROOT = new URL("../..", import.meta.url).pathname.replace(/\/$/, "");

/** README.md from an empty home, then the book. */
async function walk(work: string): Promise<Tally> {
  const [kafka, http] = [freePort(), freePort()], clone = `${work}/runnel`, home = `${work}/home`;
  const env = {
    ...inherited(),
    HOME: home,
    PATH: `${home}/.npm-global/bin:${work}/bin:${pathWithoutDeno(work)}`,
    NPM_CONFIG_PREFIX: `${home}/.npm-global`,
  };
  const place = {
    cwd: clone,
    given: {
      "127.0.0.1:9092": `127.0.0.1:${kafka}`,
      "127.0.0.1:9093": `127.0.0.1:${http}`,
      "/home/you/runnel": clone,
    },
    env: { ...env, RUNNEL_KAFKA_PORT: `${kafka}`, RUNNEL_HTTP_PORT: `${http}` },
    folders: { "in Kafka's folder": `${work}/kafka` },
  };
  const runnel = `${clone}/dist/runnel`;
  let book: Promise<Tally> | null = null;
  const follow = async (path: string): Promise<Tally> => {
    await using typist = new Typist({ ...place, name: path });
    if (path === "README.md") await typist.type({ ...BARE, text: "! command -v deno\n" });
    for (const step of stepsOf(Deno.readTextFileSync(`${clone}/${path}`))) {
      await typist.do(step);
      // The pages of docs/ need nothing but what README makes first, and are apart from the rest of it.
      if (book === null && exists(runnel)) book = typeBook({ clone, runnel, work, env });
    }
    await typist.stopBroker();
    return typist;
  };
  const tallies = [await follow("README.md"), await follow("docs/listeners.md")];
  if (book === null) throw new Error(`README.md made no ${runnel}`);
  tallies.push(await book);
  return {
    passed: tallies.reduce((sum, { passed }) => sum + passed, 0),
    failed: tallies.reduce((sum, { failed }) => sum + failed, 0),
  };
}

/** What a login would bring, and nothing of this session's Deno or Runnel. */
function inherited(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(Deno.env.toObject()).filter(([name]) => !/^(DENO_|RUNNEL_)/.test(name)),
  );
}

/** A folder that has deno is replaced by one that has everything else of it. */
function pathWithoutDeno(work: string): string {
  return Deno.env.get("PATH")!.split(":").filter((folder) => folder !== "").map((folder, i) => {
    if (!exists(`${folder}/deno`)) return folder;
    const links = `${work}/path-${i}`;
    Deno.mkdirSync(links, { recursive: true });
    for (const { name } of Deno.readDirSync(folder)) {
      if (name !== "deno") Deno.symlinkSync(`${folder}/${name}`, `${links}/${name}`);
    }
    return links;
  }).join(":");
}

/** A folder that looks like Apache's download, from the tools that the client suites fetch. */
async function makeKafkaFolder(work: string): Promise<void> {
  const home = Deno.env.get("KAFKA_HOME");
  if (home !== undefined) return await Deno.symlink(home, `${work}/kafka`);
  await Deno.mkdir(`${work}/kafka/bin`, { recursive: true });
  const classes = {
    "kafka-topics": "org.apache.kafka.tools.TopicCommand",
    "kafka-console-producer": "org.apache.kafka.tools.ConsoleProducer",
    "kafka-console-consumer": "org.apache.kafka.tools.consumer.ConsoleConsumer",
  };
  for (const [name, main] of Object.entries(classes)) {
    const lines = [
      "#!/bin/bash",
      `export HOME=${Deno.env.get("HOME")}`, // where the tools are kept
      `. ${ROOT}/tests/clients/kafka_tools.sh`,
      "kafka_tools_install > /dev/null || exit 1",
      `tool ${main} "$@"`,
    ];
    await Deno.writeTextFile(`${work}/kafka/bin/${name}.sh`, lines.join("\n"), { mode: 0o755 });
  }
}

async function makeClone(work: string): Promise<void> {
  await git("clone", "-q", "--no-hardlinks", ROOT, `${work}/runnel`);
  const changed = await git("-C", ROOT, "status", "--porcelain");
  if (changed !== "") console.log(`# the walk is of the last commit, without:\n${changed}`);
}

async function git(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command("git", { args }).output();
  if (code !== 0) throw new Error(`git ${args[0]}: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout).trimEnd();
}

function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  return port;
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

if (import.meta.main) {
  const work = await Deno.makeTempDir({ prefix: "runnel-walk-" });
  let told: Tally;
  try {
    await Deno.mkdir(`${work}/home`);
    await makeClone(work);
    await makeKafkaFolder(work);
    told = await walk(work);
  } finally {
    await Deno.remove(work, { recursive: true });
  }
  console.log(`${told.passed} passed, ${told.failed} failed`);
  Deno.exit(told.failed === 0 && told.passed > 0 ? 0 : 1);
}

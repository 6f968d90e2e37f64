/**
 * The walk: types what README.md says, as somebody does who has just cloned the repository to a machine with Node, and
 * compares what is printed with what README shows, then the same of docs/listeners.md, with certificates of openssl.
 * `deno task walk`; needs git, npx, kcat, openssl, Python for the fallback of compile, and Java with Maven for Kafka's
 * tools (KAFKA_HOME: the folder of Apache's download instead).
 *
 * The home is new and there is no Deno on the PATH until README has it installed. Two things are not README's: where npm
 * installs, which is the new home, and the ports, which are free ones in the places of 9092 and 9093.
 */
import { type Commands, difference, replaced, stepsOf } from "./readme.ts";

/** In this order: a text has what those before it installed. */
const TEXTS = ["README.md", "docs/listeners.md"];
const ROOT = new URL("../..", import.meta.url).pathname.replace(/\/$/, "");
const LIMIT_MS = 900_000;
const STOP_LIMIT_MS = 20_000;
const BROKER = "broker", KAFKA_FOLDER = "in Kafka's folder";

const BARE = { kind: "commands", mark: null, output: [], doNumbersVary: false } as const;

/** What a block printed, while it runs and after. */
class Typed {
  printed = "";
  /** The code it ended with; null while it runs. */
  code: number | null = null;
  readonly pid: number;
  readonly #ended: Promise<void>;

  /** In a process group of its own, as in a terminal. */
  constructor(text: string, options: { cwd: string; env: Record<string, string> }) {
    const child = new Deno.Command("bash", {
      args: ["-c", `exec 2>&1; set -e -o pipefail\n${text}`],
      ...options,
      clearEnv: true,
      detached: true,
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.pid = child.pid;
    const reading = this.#read(child.stdout);
    this.#ended = child.status.then(async ({ code }) => {
      await Promise.race([reading, pause(1000)]); // who was left in the background may hold the stream
      this.code = code;
    });
  }

  /** Whether it ended in time. */
  async end(limitMs: number): Promise<boolean> {
    await Promise.race([this.#ended, pause(limitMs)]);
    return this.code !== null;
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) this.printed += text;
  }

  /** To the whole group. */
  async signal(name: "INT" | "KILL"): Promise<void> {
    await new Deno.Command("bash", {
      args: ["-c", `kill -${name} -- -${this.pid}`],
      stderr: "null",
    })
      .output();
  }
}

class Walk {
  passed = 0;
  failed = 0;
  readonly #work: string;
  readonly #home: string;
  readonly #given: Readonly<Record<string, string>>;
  readonly #env: Record<string, string>;
  #broker: Typed | null = null;

  constructor(work: string, ports: readonly [kafka: number, http: number]) {
    this.#work = work;
    this.#home = `${work}/home`;
    this.#given = {
      "127.0.0.1:9092": `127.0.0.1:${ports[0]}`,
      "127.0.0.1:9093": `127.0.0.1:${ports[1]}`,
      "/home/you/runnel": `${work}/runnel`,
    };
    this.#env = { ...inherited(), ...this.#ours(ports) };
  }

  #ours([kafka, http]: readonly [number, number]): Record<string, string> {
    const path = `${this.#home}/.npm-global/bin:${pathWithoutDeno(this.#work)}`;
    return {
      HOME: this.#home,
      PATH: path,
      NPM_CONFIG_PREFIX: `${this.#home}/.npm-global`,
      RUNNEL_KAFKA_PORT: `${kafka}`,
      RUNNEL_HTTP_PORT: `${http}`,
    };
  }

  async steps(): Promise<void> {
    const texts = TEXTS.map((name) => Deno.readTextFileSync(`${this.#work}/runnel/${name}`));
    try {
      await this.#type({ ...BARE, text: "! command -v deno\n" });
      for (const step of texts.flatMap(stepsOf)) {
        if (step.kind === "file") {
          await Deno.writeTextFile(`${this.#work}/runnel/${step.name}`, step.text);
        } else if (step.mark === BROKER) await this.#startBroker(step);
        else await this.#type(step);
      }
    } finally {
      await this.#stopBroker();
    }
  }

  async #type(step: Commands): Promise<void> {
    const cwd = step.mark === KAFKA_FOLDER ? `${this.#work}/kafka` : `${this.#work}/runnel`;
    const typed = new Typed(replaced(step.text, this.#given), { cwd, env: this.#env });
    const isOver = await typed.end(LIMIT_MS);
    if (!isOver) await typed.signal("KILL");
    const problem = isOver ? null : `did not end within ${LIMIT_MS / 1000} s`;
    const code = typed.code === 0 || !isOver ? null : `ended with ${typed.code}`;
    this.#told(step, typed, problem ?? code ?? difference(step, typed.printed, this.#given));
  }

  /** It is there when it has said so, and goes on. */
  async #startBroker(step: Commands): Promise<void> {
    await this.#stopBroker();
    const options = { cwd: `${this.#work}/runnel`, env: this.#env };
    const typed = this.#broker = new Typed(replaced(step.text, this.#given), options);
    const until = Date.now() + LIMIT_MS;
    while (!/^ {2}Try /m.test(typed.printed) && typed.code === null && Date.now() < until) {
      await pause(100);
    }
    await pause(200); // for what comes behind
    const ended = typed.code === null ? null : `ended with ${typed.code}`;
    this.#told(step, typed, ended ?? difference(step, typed.printed, this.#given));
  }

  /** As Ctrl-C does. */
  async #stopBroker(): Promise<void> {
    const broker = this.#broker;
    this.#broker = null;
    if (broker === null || broker.code !== null) return;
    await broker.signal("INT");
    const isOver = await broker.end(STOP_LIMIT_MS);
    if (!isOver) await broker.signal("KILL");
    const problem = isOver ? null : `did not end within ${STOP_LIMIT_MS / 1000} s after Ctrl-C`;
    const trace = /Uncaught|^ +at /m.test(broker.printed) ? "ended with a stack trace" : null;
    this.#told("Ctrl-C", broker, problem ?? trace);
  }

  #told(step: Commands | string, { printed }: Typed, problem: string | null): void {
    const name = typeof step === "string" ? step : step.text.trim().split("\n").join("; ");
    if (problem === null) {
      this.passed++;
      return console.log(`ok ${name}`);
    }
    this.failed++;
    console.log(`not ok ${name}: ${problem}`);
    console.log(printed.replace(/^/gm, "  | "));
  }
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

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    Deno.unrefTimer(timer);
  });
}

if (import.meta.main) {
  const work = await Deno.makeTempDir({ prefix: "runnel-walk-" });
  const walk = new Walk(work, [freePort(), freePort()]);
  try {
    await Deno.mkdir(`${work}/home`);
    await makeClone(work);
    await makeKafkaFolder(work);
    await walk.steps();
  } finally {
    await Deno.remove(work, { recursive: true });
  }
  console.log(`${walk.passed} passed, ${walk.failed} failed`);
  Deno.exit(walk.failed === 0 && walk.passed > 0 ? 0 : 1);
}

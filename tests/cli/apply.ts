/**
 * `runnel apply`, `runnel export` and `runnel serve --apply` of an executable, against a broker that it begins itself, and
 * others that serve already (a Kafka with an authorizer, where anybody may change ACLs):
 * tests/cli/apply.ts RUNNEL [HOST:PORT …]
 *
 * A file is made so, checked, altered, refused, pruned, with equal outputs everywhere; export goes through a pipe back
 * into apply; one that was killed midway goes on.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";

const [program, ...others] = Deno.args;
if (program === undefined) throw new Error("Usage: tests/cli/apply.ts RUNNEL [HOST:PORT …]");
const directory = await Deno.makeTempDir({ prefix: "runnel-apply-" });
const file = `${directory}/state.toml`;

const NAMES = [
  "$(touch evil)",
  '"quoted"',
  "it's; rm -rf .",
  "back\\slash",
  "\x1b[31mred\x1b[0m\x07",
  "\u202e漢字 😀",
  "a\nb",
];

const users = NAMES.map((name) => `
[users.${JSON.stringify(name).replaceAll("\x7f", "")}]
SCRAM-SHA-256 = 4096
password_env = "CLI_APPLY_PASSWORD"
[[acls]]
user = ${JSON.stringify(`cli-apply ${name}`)}
allow = ["read", "describe"]
resource = ${JSON.stringify(`group:cli-apply ${name}`)}
[[quotas]]
user = ${JSON.stringify(`cli-apply ${name}`)}
consumer_byte_rate = 1000000`).join("\n");

const STATE = `
[topics.cli-apply]
partitions = 2
configs = { "retention.ms" = 61000, "cleanup.policy" = "compact,delete", "min.cleanable.dirty.ratio" = 1 }
[topics."cli-apply.dots"]
partitions = 1
[groups.cli-apply]
"consumer.session.timeout.ms" = 50000
[[acls]]
user = "cli-apply"
deny = "write"
resource = "topic:cli-apply"
prefixed = true
host = "10.0.0.1"
[[quotas]]
client_id = "cli-apply"
request_percentage = 50.5
${users}
`;

try {
  await suite();
} finally {
  await Deno.remove(directory, { recursive: true });
}

async function suite(): Promise<void> {
  await wrongFilesKeepFromStarting();
  const all: string[][] = [];
  {
    await using own = await begun("own", ["--authorization-super-users", "User:ANONYMOUS"]);
    await killedGoesOn(own.address);
    all.push(await outputsOf(own.address));
  }
  for (const broker of others) {
    all.push(await outputsOf(broker));
  }
  for (const outputs of all) assertEquals(outputs, all[0]);
  await appliesAtStart();
  console.log(`apply and export: equal on ${all.length} brokers; killed and at start on Runnel`);
}

async function outputsOf(broker: string): Promise<string[]> {
  const startMs = performance.now();
  const at = ["--bootstrap", broker], outputs: string[] = [];
  const apply = async (text: string, args: readonly string[], code = 0) => {
    await Deno.writeTextFile(file, text);
    const told = await ran(["apply", "-f", file, ...args, ...at], code);
    outputs.push(told.replaceAll(broker, "BROKER").replaceAll(directory, ""));
    return told;
  };
  const plan = await apply(STATE, ["--check"], 2);
  assertStringIncludes(plan, "+ topic cli-apply: 2 partitions, retention.ms = 61000, ");
  // deno-lint-ignore no-control-regex -- they are what must not be there
  assertEquals(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/.test(plan), false);
  await apply(STATE, [], 1);
  await apply(STATE, ["--yes"]);
  for (const args of [[], ["--check"], ["--check", "--prune"], ["--json"]]) {
    const told = await apply(STATE, args);
    assertEquals(told, args.includes("--json") ? "" : "Nothing to do\n");
  }
  // Through a pipe, with what others have made there.
  const piped = `"$1" export --bootstrap "$2" | "$1" apply --check -f - --bootstrap "$2"`;
  assertEquals(
    await output("bash", ["-ceo", "pipefail", piped, "bash", program, broker], 0),
    "Nothing to do\n",
  );

  // Who does not read to the end gets the same exit code.
  const unread = `"$1" apply --check -f "$3" --bootstrap "$2" | true; exit "\${PIPESTATUS[0]}"`;
  await Deno.writeTextFile(file, STATE.replace("61000", "62000"));
  await output("bash", ["-c", unread, "bash", program, broker, file], 2);

  await apply(STATE.replace("partitions = 2", "partitions = 1"), ["--yes"], 1);
  await apply(STATE.replace("cli-apply.dots", "cli-apply..dots").replace("61000", "long"), [
    "--yes",
  ], 1);
  outputs.pop(); // why is the broker's word
  const grown = STATE.replace("partitions = 2", "partitions = 4").replace("61000", "62000");
  await apply(grown, ["--check", "--json"], 2);
  await apply(grown, ["--yes", "--json"]);
  await apply(STATE.replace("partitions = 2", "partitions = 4"), ["--check"], 2);
  const described = await ran(["topic", "describe", "cli-apply", "--json", ...at]);
  const { partitions, configs } = JSON.parse(described);
  assertEquals([partitions.length, configs["retention.ms"]], [4, "62000"]);

  const less = grown.replace(/\[groups[^[]*/, "").replace(
    '"cleanup.policy" = "compact,delete", ',
    "",
  );
  assertStringIncludes(await apply(less, []), "No longer in the file, and left as it is");
  assertEquals(await apply(less, ["--prune"]), "Nothing to do\n");
  await apply(grown, ["--yes"]);
  assertStringIncludes(await apply(less, ["--prune", "--yes"]), "- group cli-apply: ");
  await apply("", ["--prune", "--yes"], 1);
  assertStringIncludes(
    await apply("", ["--prune", "--yes", "--force"]),
    "- topic cli-apply, with all",
  );
  const left = await ran(["export", ...at]);
  assert(!left.includes("cli-apply"), left);
  console.log(`${broker}: ${Math.round(performance.now() - startMs)} ms`);
  return outputs;
}

/** A hundred topics a request: one that ends in between has made some, and another makes the rest. */
async function killedGoesOn(broker: string): Promise<void> {
  const count = 600;
  await Deno.writeTextFile(
    file,
    Array.from({ length: count }, (_, i) => `[topics.many-${i}]\npartitions = 1\n`).join(""),
  );
  const args = ["apply", "-f", file, "--yes", "--bootstrap", broker];
  const topics = async () =>
    (await ran(["topic", "list", "--json", "--bootstrap", broker])).split("\n").length - 1;
  const child = new Deno.Command(program, { args, stdout: "null", stderr: "null" }).spawn();
  while (await topics() === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  child.kill("SIGKILL");
  await child.status;
  const between = await topics();
  assertStringIncludes(await ran(args), `${count - between} to add, 0 to change`);
  assertEquals(await ran(args), "Nothing to do\n");
  console.log(`killed with ${between} of ${count} topics: the rest came with the next`);
  await Deno.writeTextFile(file, "");
  await ran([...args, "--prune", "--force"]);
  assertEquals(await topics(), 0);
}

async function wrongFilesKeepFromStarting(): Promise<void> {
  for (const text of ["[topics.t]\npartition = 1", "[topics", "[topics.t]\nconfigs.nonsense = 1"]) {
    await Deno.writeTextFile(file, text);
    const told = await ran(["serve", "--apply", file, ...await places("never")], 1);
    assertStringIncludes(told, `runnel: ${file}:`.slice(0, -1));
    assertEquals([...Deno.readDirSync(directory)].map(({ name }) => name), ["state.toml"]);
  }
}

async function appliesAtStart(): Promise<void> {
  await Deno.writeTextFile(file, STATE);
  const audit = `${directory}/audit.log`, args = ["--apply", file, "--audit-file", audit];
  for (const changes of [true, false]) {
    await using broker = await begun("start", [
      ...args,
      "--authorization-super-users",
      "User:ANONYMOUS",
    ]);
    assertEquals(
      await ran(["apply", "--check", "-f", file, "--bootstrap", broker.address]),
      "Nothing to do\n",
    );
    const lines = (await Deno.readTextFile(audit)).split("\n").filter((line) =>
      line.includes('"change"')
    );
    assertEquals(lines.every((line) => JSON.parse(line).principal === "Runnel:serve"), true);
    assert(lines.length > 3);
    if (changes) assertStringIncludes(broker.log(), "state_applied changes=");
    else assertStringIncludes(broker.log(), "state_applied changes=0");
  }
  await Deno.writeTextFile(file, STATE.replace("partitions = 2", "partitions = 1"));
  const told = await ran(["serve", ...args, ...await places("start")], 1);
  assertStringIncludes(told, "topic cli-apply has 2 partitions and cannot have fewer: not 1");
}

/** Free ports, and where the data are. */
async function places(data: string): Promise<string[]> {
  const ports = [0, 0].map(() => Deno.listen({ hostname: "127.0.0.1", port: 0 }));
  const [kafka, http] = ports.map(({ addr }) => (addr as Deno.NetAddr).port);
  for (const port of ports) port.close();
  return await Promise.resolve([
    ...["--kafka-port", `${kafka}`, "--http-port", `${http}`],
    ...["--storage-path", `${directory}/${data}`, "--authorization-mode", "on"],
  ]);
}

/** A broker until it is disposed of; its directory stays. */
async function begun(data: string, args: readonly string[]) {
  const where = await places(data), address = `127.0.0.1:${where[1]}`;
  const env = { CLI_APPLY_PASSWORD: "pw" };
  const process = new Deno.Command(program, {
    args: ["serve", ...args, ...where],
    stdout: "piped",
    stderr: "piped",
    env,
  }).spawn();
  let out = "", log = "";
  const decoder = () => new TextDecoderStream() as TransformStream<Uint8Array, string>;
  const reading = [
    (async () => {
      for await (const text of process.stdout.pipeThrough(decoder())) out += text;
    })(),
    (async () => {
      for await (const text of process.stderr.pipeThrough(decoder())) log += text;
    })(),
  ];
  const deadlineMs = performance.now() + 20_000;
  while (!out.includes("Try ")) {
    if (performance.now() > deadlineMs) throw new Error(`The broker does not serve: ${out}${log}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return {
    address,
    log: () => log,
    async [Symbol.asyncDispose]() {
      process.kill("SIGTERM");
      await process.status;
      await Promise.all(reading);
    },
  };
}

/** What runnel printed, or complained of where it ends with 1. */
function ran(args: readonly string[], code = 0): Promise<string> {
  return output(program, args, code);
}

async function output(command: string, args: readonly string[], code: number): Promise<string> {
  const { code: ended, stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
    stdin: "null",
    env: { NO_COLOR: "1", CLI_APPLY_PASSWORD: "pw" },
  }).output();
  const out = new TextDecoder().decode(stdout), error = new TextDecoder().decode(stderr);
  assertEquals(ended, code, `${command} ${args.join(" ")}: ${out}${error}`);
  return code === 1 ? error : out;
}

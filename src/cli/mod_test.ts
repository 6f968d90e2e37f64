/** Proves what the command line answers to what people type: help, near misses, and what is missing. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { COMMANDS } from "./commands.ts";
import { commandHelp, helpText } from "./help.ts";
import { parse } from "./parse.ts";
import { run } from "./mod.ts";

interface Answer {
  readonly code: number;
  readonly out: string;
  readonly error: string;
}

async function type(...args: string[]): Promise<Answer> {
  const { log, error } = console;
  const out: string[] = [], errors: string[] = [];
  console.log = (text: string) => out.push(text);
  console.error = (text: string) => errors.push(text);
  try {
    const code = await run(args, () => Promise.reject(new TypeError("a broker was started")));
    return { code, out: out.join("\n"), error: errors.join("\n") };
  } finally {
    Object.assign(console, { log, error });
  }
}

Deno.test("every command and action has the same help by --help, -h and the command help", async () => {
  for (const { name, actions } of COMMANDS.filter(({ name }) => name !== "help")) {
    const asked = [await type(name, "--help"), await type(name, "-h"), await type("help", name)];
    for (const { code, out, error } of asked) {
      assertEquals([code, error, out.trimEnd()], [0, "", asked[0].out.trimEnd()]);
      for (const action of actions) assertStringIncludes(out, action.name);
    }
    assertEquals(asked[0].out.includes("--limits-max-connections"), name === "serve");
    for (const action of actions.filter(({ name }) => name !== "")) {
      const one = [await type(name, action.name, "--help"), await type("help", name, action.name)];
      assertEquals(one[0].out.trimEnd(), one[1].out.trimEnd());
      const { flags = [], words = [], examples = [] } = action;
      for (const { name } of [...flags, ...words]) assertStringIncludes(one[0].out, name);
      for (const { line } of examples) assertStringIncludes(one[0].out, line);
    }
  }
});

Deno.test("help, --help and -h list all commands with their actions, and the exit codes", async () => {
  const { out } = await type("help");
  assertEquals(out, helpText());
  for (const args of [["--help"], ["-h"], ["help", "--help"], ["--debug", "-h"]]) {
    assertEquals(await type(...args), { code: 0, out, error: "" });
  }
  for (const { name } of COMMANDS) assertMatch(out, new RegExp(`^  ${name} +\\S`, "m"));
  for (const words of ["list, describe, create", "create, verify, restore", "Exit codes"]) {
    assertStringIncludes(out, words);
  }
});

Deno.test("help of a page prints it, by its name, its file's, and beside a command of that name", async () => {
  const { code, out } = await type("help", "listeners");
  assertEquals([code, out.split("\n", 2)], [0, [
    "Who connects: listeners and TLS",
    "===============================",
  ]]);
  assert(!out.includes("\x1b"));
  for (const line of out.split("\n")) assert(line.length <= 80 || /^ {4}/.test(line), line);
  for (const name of ["listeners.md", "docs/listeners.md"]) {
    assertEquals((await type("help", name)).out, out);
  }
  assertStringIncludes((await type("help", "audit")).out, "Usage: runnel audit");
  assertStringIncludes((await type("help", "audit.md")).out, "Who did what: the audit\n");
  assertStringIncludes(helpText(), "\n  audit.md        who did what\n");
});

Deno.test("help of what is neither says what was meant, be it a page", async () => {
  for (
    const [given, meant] of [["lisstners", "listeners"], ["topc", "topic"], ["audit.m", "audit"]]
  ) {
    const { code, error } = await type("help", given);
    assertEquals(code, 1);
    assertStringIncludes(error, `neither a command nor a page ${given}: did you mean ${meant}`);
  }
  assertStringIncludes((await type("help", "xyzzyplugh")).error, "`runnel help` lists both");
  assertEquals((await type("help", "listeners", "more")).code, 1);
});

Deno.test("help fits a terminal of 100 columns, and of 80 but for the list of commands and examples", () => {
  for (const line of helpText().split("\n")) assert(line.length <= 100, line);
  for (const command of COMMANDS) {
    const texts = ["", ...command.actions.map(({ name }) => name)].map((name) =>
      commandHelp(command, name)
    );
    const examples = command.actions.flatMap(({ examples = [] }) => examples);
    for (const line of texts.join("\n").split("\n")) {
      const isExample = examples.some((one) => line === `  ${one.line}`);
      assert(line.length <= (isExample ? 100 : 80), `${command.name}: ${line}`);
    }
  }
});

Deno.test("every example of help is read without a complaint", () => {
  for (const command of COMMANDS) {
    for (const { examples = [] } of command.actions) {
      for (const { line } of examples) {
        const words = line.split(" | ").at(-1)!.match(/'[^']*'|\S+/g)!
          .map((word) => word.replace(/^'|'$/g, ""));
        if (words[1] !== command.name) continue; // `runnel consume a --json | runnel produce b --json`
        const end = words.findIndex((word) => word === "<" || word === ">");
        assertEquals(words[0], "runnel");
        parse(command, words.slice(2, end < 0 ? undefined : end));
      }
    }
  }
});

const MISTAKES: [args: string[], ...says: string[]][] = [
  [["servve"], "There is no command servve: did you mean serve?", "runnel help"],
  [["start"], "There is no command start: did you mean serve?"],
  [["run", "--kafka-port=1"], "There is no command run: did you mean serve?"],
  [["consumer"], "There is no command consumer: did you mean consume?"],
  [["status"], "There is no command status: did you mean doctor?"],
  [["produce", "orders", "hello"], "There is no file hello", "--value TEXT"],
  [["produce", "orders", "a", "hello world", "--whole"], "There is no file a:"],
  [["grup", "list"], "did you mean group?"],
  [["topics"], "did you mean topic?"],
  [["help", "grop"], "did you mean group?"],
  [["help", "group", "lst"], "group: unknown command 'lst' (Did you mean list?)"],
  [["init", "--host", "--dir=x"], "--host has no value"],
  [["serve", "now"], "unknown argument now"],
  [["topic", "--json", "list"], "it goes behind list: `runnel topic list --json`"],
  [["topic", "--bootstrap", "b:1"], "it goes behind one of list, describe, create"],
  [["config", "all"], "config: unknown command 'all'", "runnel config --help"],
  [["config", "--kafka-port=1", "get", "topic", "t"], "too many arguments"],
  [["config", "--kafka-prt=1"], "unknown option '--kafka-prt=1' (Did you mean --kafka-port?)"],
  [["config", "--auth-plain-password=secret"], "use RUNNEL_AUTH_PLAIN_PASSWORD"],
  [["group", "list", "--auth-plain-password", "x"], "use RUNNEL_AUTH_PLAIN_PASSWORD"],
  [["config", "get", "queue", "q"], "KIND queue: needs one of topic, broker, group, client"],
  [["config", "get", "broker", "one"], "NAME one: needs the id of a broker, or default for all"],
  [["config", "set", "topic", "t", "retention.ms"], "retention.ms: needs CONFIG=VALUE"],
  [["config", "set", "topic", "t", "a=1", "a=2"], "a is named twice"],
  [["config", "unset", "topic", "t", "a=1"], "a=1: needs the name of a config"],
  [["config", "diff", "topic", "t"], "needs OTHER, or --other-bootstrap"],
  [["version", "all"], "version: too many arguments"],
  [["serve", "--kafka-prt=1"], "unknown flag --kafka-prt: did you mean --kafka-port?"],
  [["-x"], "unknown flag -x"],
  [
    ["nothing"],
    "There is no command nothing; there are acl, ",
  ],
  [["group"], "group: needs one of list, describe, reset, delete, watch", "runnel group --help"],
  [["group", "describe"], "group describe: needs GROUP, or --all"],
  [["group", "describe", "g", "--all"], "group describe: --all is every GROUP"],
  [["topic", "describe"], "topic describe: needs TOPIC, or --all"],
  [["topic", "alter"], "missing required argument 'TOPIC'"],
  [["group", "descrbe", "g"], "unknown command 'descrbe' (Did you mean describe?)"],
  [["txn"], "txn: needs one of list, describe, find-hanging, abort", "runnel txn --help"],
  [["storage"], "storage: needs one of verify, repair"],
  [["storage", "repair"], "repair: needs --partition TOPIC-N"],
  [["storage", "repair", "--partition"], "'--partition <TOPIC-N>' argument missing"],
  [["storage", "verify", "--cut"], "unknown option '--cut', which `runnel storage repair` has"],
  [["storage", "verify", "/nowhere/data"], "Cannot look at /nowhere/data: it is not a directory"],
  [["storage", "verify", "a", "--storage-path=b"], "DIR a and --storage-path are both given"],
  [["backup"], "backup: needs one of create, verify, restore"],
  [["backup", "create"], "missing required argument 'DEST'"],
  [["backup", "verify", "a", "b"], "too many arguments"],
  [["backup", "verify", "a", "--allow-damage"], "unknown option '--allow-damage', which"],
  [["backup", "restore", "a"], "restore: needs --to DIR"],
  [["backup", "restore", "a", "--to"], "'--to <DIR>' argument missing"],
  [["backup", "restore", "a", "--to=b", "--kafka-port=1"], "unknown option '--kafka-port=1'"],
  [["backup", "create", "a", "--bootstrap-server=h"], "host:port"],
];

Deno.test("what is mistyped or missing is named in one line, and nothing is done", async () => {
  for (const [args, ...says] of MISTAKES) {
    const { code, out, error } = await type(...args);
    assertEquals([code, out], [1, ""], args.join(" "));
    assertMatch(error, /^runnel: [^\n]+$/, args.join(" "));
    for (const words of says) assertStringIncludes(error, words, args.join(" "));
  }
});

Deno.test("where no broker is, that is said at once, with the flag that says where it is", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  for (const args of [["list"], ["describe", "g"]]) {
    const startedMs = performance.now();
    const { code, error } = await type("group", ...args, `--bootstrap=127.0.0.1:${port}`);
    assertEquals(code, 1);
    assertMatch(error, /^runnel: Cannot connect to [^\n]+ is a broker running there\? --bootstrap/);
    assert(performance.now() - startedMs < 5000);
  }
});

Deno.test("an error that nobody foresaw is one line as well, and --debug adds where it was", async () => {
  const flags = ["--kafka-port=0", "--http-port=0", "--storage-path=memory://"];
  const { code, error } = await type(...flags);
  assertEquals(code, 1);
  assertMatch(
    error,
    /^runnel: Cannot start: TypeError: a broker was started\. [^\n]+--debug[^\n]+$/,
  );
  assertStringIncludes(String((await type(...flags, "--debug")).error), "\nTypeError: a broker");
});

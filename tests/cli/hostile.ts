/**
 * Names and payloads that others chose, through every form in which an executable prints them, against a broker that
 * serves already: tests/cli/hostile.ts RUNNEL HOST:PORT
 *
 * In a terminal nothing reaches it that steers it: what was sent to it is read byte for byte, and its state is what it
 * was. JSON is JSON and has the names as they are. No cell of CSV begins as a formula does. Errors are one line.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { Cluster } from "../../src/client/cluster.ts";
import { commitOffsets, deleteGroup } from "../../src/client/group_changes.ts";
import { GroupMember } from "../../src/client/group_member.ts";
import { Producer } from "../../src/client/producer.ts";
import { TransactionalProducer } from "../../src/client/transactional_producer.ts";
import { Terminal } from "./terminal.ts";

const [program, broker] = Deno.args;
if (broker === undefined) throw new Error("Usage: tests/cli/hostile.ts RUNNEL HOST:PORT");

/** Clears, hides the cursor, sets the title, turns to the other screen, colours, rings, by C1, turns writing round. */
const STEERING =
  "\x1b[2J\x1b[?25l\x1b]0;pwned\x07\x1b[?1049h\x1b[31m\x9b35m\u202e\u2066\u2028\r\n\x08\x7f\x0e\x1bc";
const FORMULAS = ["=cmd|' /C calc'!A0", "+1+1", "-1+1", "@SUM(1)", "\t=1", "\r=1"];
/** Each begins with the first, so that they are found again. */
const GROUPS = [`cli-hostile${STEERING}`, `cli-hostile"},{"x":"`, "cli-hostile$(id)`id`;'\"\\"];
const MEMBER = `member${STEERING}`, TOPIC = "--cli-hostile", COPY = "cli-hostile-copy";
const ID = `cli-hostile-id${STEERING}`, CLIENT = `cli-hostile-client${STEERING}`;

const STATE =
  "#{pane_title} #{cursor_flag} #{alternate_on} #{insert_flag} #{keypad_flag} #{keypad_cursor_flag} " +
  "#{mouse_any_flag} #{origin_flag} #{wrap_flag} #{scroll_region_upper} #{scroll_region_lower}";

const at = ["--bootstrap", broker];
const folder = await Deno.makeTempDir({ prefix: "runnel-hostile-" });
const cluster = new Cluster({ bootstrap: broker, callTimeoutMs: 10_000 });
const members = new Cluster({ bootstrap: broker, callTimeoutMs: 10_000, clientId: MEMBER });
const startMs = performance.now();
try {
  const group = await fill();
  /** With names that others chose; each is told in a terminal, and as JSON where it says so. */
  const commands: [args: string[], json: ((rows: unknown[]) => void) | null][] = [
    [["group", "list"], (rows) => hasAll(rows, "group", GROUPS)],
    [
      ["group", "describe", group, "--wait", "0"],
      (rows) => assertMatch(JSON.stringify(rows), /pwned/),
    ],
    [["group", "watch", group, "--count", "1"], (rows) => hasAll(rows, "group", [group])],
    [["group", "reset", GROUPS[1], "--to", "latest", "--all-topics", "--dry-run"], null],
    [["consume", "--", TOPIC], null],
    [["consume", "--json", "--", TOPIC], (rows) => hasAll(rows, "value", [STEERING, ...FORMULAS])],
    [["consume", "--csv", "--", TOPIC], null],
    [["consume", "--key-separator", " ", "--", TOPIC], null],
    [["consume", "--format", "%k %s %h %t\\n", "--", TOPIC], null],
    [["topic", "list"], (rows) => hasAll(rows, "topic", [TOPIC])],
    [["topic", "describe", "--", TOPIC], null],
    [["txn", "list"], (rows) => hasAll(rows, "transactionalId", [ID])],
    [["txn", "describe", ID], (rows) => hasAll(rows, "transactionalId", [ID])],
    [["quota", "list"], (rows) => assertMatch(JSON.stringify(rows), /pwned/)],
    [["quota", "set", "--client-id", CLIENT, "producer_byte_rate=2"], null],
    [["cluster"], () => {}],
    [["doctor", "--wait", "1s"], null],
    [["export"], null],
    // Complaints of what was typed, of what is not there, and of what the broker says.
    ...[
      [`x${STEERING}`],
      ["topic", `x${STEERING}`],
      ["topic", "list", `--x${STEERING}`],
      ["topic", "list", "--pattern", `(${STEERING}`],
      ["topic", "describe", `x${STEERING}`],
      ["topic", "create", `x${STEERING}`],
      ["topic", "alter", `x${STEERING}`, "--config", "a=b"],
      ["topic", "create", "x", "--config", `a${STEERING}=b`],
      ["group", "describe", `x${STEERING}`],
      ["group", "delete", `x${STEERING}`, "--yes"],
      ["group", "reset", group, "--file", `/x${STEERING}`],
      ["config", "get", "topic", `x${STEERING}`],
      ["config", "get", `x${STEERING}`, "x"],
      ["consume", `x${STEERING}`],
      ["consume", "x", "--offset", STEERING],
      ["produce", `x${STEERING}`, "--value", "x"],
      ["txn", "describe", `x${STEERING}`],
      ["txn", "abort", ID],
      ["quota", "set", "--user", "x", `x${STEERING}=1`],
      ["acl", "check", `x${STEERING}`, "read", `x:${STEERING}`],
      ["user", "delete", `x\u202e\u2028`, "--yes", "--auth-users-file", `/x${STEERING}`],
      ["token", "renew", `x${STEERING}`],
      ["storage", "verify", `/x${STEERING}`],
      ["backup", "verify", `/x${STEERING}`],
      ["audit", "verify", `/x${STEERING}`],
      ["init", "--secure", "--host", `x${STEERING}`],
      ["apply", "--file", `/x${STEERING}`],
      ["bench", "produce", `x${STEERING}`],
      ["copy", "--from", broker, "--to", broker, `x${STEERING}`],
      ["topic", "list", "--profile", `x${STEERING}`],
      ["topic", "list", "--client-config", `/x${STEERING}`],
    ].map((args): [string[], null] => [args, null]),
  ];
  await inTerminal(commands.map(([args]) => args));
  await asTheyAre();
  await forPrograms(commands);
  await asCsv();
  const ms = Math.round(performance.now() - startMs);
  console.log(`hostile: ${commands.length} commands leave the terminal as it was, in ${ms} ms`);
} finally {
  await Promise.all(GROUPS.map((name) => deleteGroup(cluster, name).catch(() => {})));
  await ran(["quota", "unset", "--client-id", CLIENT, "producer_byte_rate", ...at]);
  await ran(["topic", "delete", "--yes", "--if-present", ...at, "--", TOPIC, COPY]);
  cluster.close();
  members.close();
  await Deno.remove(folder, { recursive: true });
}

/** Makes what others could; the group that has a member. */
async function fill(): Promise<string> {
  await ok(["topic", "create", "--if-absent", ...at, "--", TOPIC, COPY]);
  await using producer = new Producer(cluster, {});
  for (const text of [STEERING, ...FORMULAS, "", null]) {
    const headers = [{ key: `h${STEERING}`, value: text }, { key: text ?? "", value: "=1" }];
    await producer.send({ topic: TOPIC, key: text, value: text, headers });
  }
  for (const group of GROUPS) {
    await commitOffsets(cluster, group, [{ topic: TOPIC, partition: 0, offset: 1n }]);
  }
  const group = GROUPS[0];
  const member = new GroupMember(
    members,
    { groupId: group, topics: [TOPIC] },
  );
  await member.heartbeat();
  await using transactional = new TransactionalProducer(cluster, { transactionalId: ID });
  await transactional.init();
  await ok(["quota", "set", "--client-id", CLIENT, "producer_byte_rate=1", ...at]);
  return group;
}

/** What each sends to its terminal, and how that is left. */
async function inTerminal(all: readonly string[][]): Promise<void> {
  await using terminal = await Terminal.open("hostile", ["sh"], {
    PS1: "",
    TERM: "xterm-256color",
  });
  const before = await terminal.state(STATE);
  const sent = `${folder}/sent`;
  await terminal.record(sent);
  for (const [at, args] of all.entries()) {
    await Deno.writeTextFile(
      `${folder}/${at}.sh`,
      `${scriptOf(args)}; printf 'DONE %s %s\\n' "${at}" "$?"\n`,
    );
    await terminal.type(`. ${folder}/${at}.sh`);
    await terminal.press("Enter");
    await terminal.until(
      (lines) => lines.some((line) => line.startsWith(`DONE ${at} `)),
      told(args),
    );
    assertEquals(await terminal.state(STATE), before, told(args));
  }
  const text = await whole(sent, `DONE ${all.length - 1} `);
  assertEquals(steeringIn(text), null);
  assert(text.includes("\\u{1b}]0;pwned\\u{7}"), "names were shown");
}

/** What is written down of a terminal, up to this: who writes it does that when it comes to it. */
async function whole(path: string, last: string): Promise<string> {
  for (let tries = 0;; tries++) {
    const text = await Deno.readTextFile(path).catch(() => "");
    if (text.includes(last)) return text;
    assert(tries < 1500, `${path} has no ${last}: ${text.slice(-200)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** What reached a terminal and steers it, with what was before; null for nothing. Runnel's own are bold, and watch's clearing. */
function steeringIn(text: string): string | null {
  // deno-lint-ignore no-control-regex -- they are what is looked for
  const rest = text.replace(/\x1b\[(?:0|1|22)?m|\x1b\[H\x1b\[2J/g, "");
  // deno-lint-ignore no-control-regex -- the same
  const found = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2028\u2029\u2066-\u2069]/.exec(
    rest,
  );
  return found && rest.slice(Math.max(0, found.index - 200), found.index + 40);
}

/** With --raw it does, which shows that this would be seen. */
async function asTheyAre(): Promise<void> {
  await using terminal = await Terminal.open("raw", ["sh"], { PS1: "", TERM: "xterm-256color" });
  const before = await terminal.state(STATE), sent = `${folder}/raw`;
  await terminal.record(sent);
  await Deno.writeTextFile(
    `${folder}/raw.sh`,
    `${scriptOf(["consume", "--raw", "--", TOPIC])}; echo DONE\n`,
  );
  await terminal.type(`. ${folder}/raw.sh`);
  await terminal.press("Enter");
  await terminal.until((lines) => lines.some((line) => line.includes("DONE")), "--raw");
  assert(steeringIn(await whole(sent, "DONE")) !== null);
  assert(await terminal.state(STATE) !== before);
}

/** A line of sh that runs it: nothing of the arguments is the shell's. */
function scriptOf(args: readonly string[]): string {
  const words = [program, ...withBroker(args)].map((word) => `'${word.replaceAll("'", `'\\''`)}'`);
  return words.join(" ") + " < /dev/null";
}

/** `args` may have words behind `--`. */
function withBroker(args: readonly string[]): string[] {
  const takesIt = !["storage", "backup", "audit", "init", "user"].includes(args[0]) &&
    !args.includes("--profile");
  const end = args.indexOf("--"), isOne = args.length > 1 || args[0] === "cluster";
  const where = takesIt && isOne ? at : [];
  return end < 0 ? [...args, ...where] : [...args.slice(0, end), ...where, ...args.slice(end)];
}

/** Every line is a value, and has the names as they are; where it fails, that is one line. */
async function forPrograms(
  commands: readonly [args: string[], json: ((rows: unknown[]) => void) | null][],
): Promise<void> {
  await eachOf(commands, async ([args, check]) => {
    if (check !== null) {
      const [command, ...rest] = args, isJson = args.includes("--json");
      // Behind the action where there is one.
      const json = rest.length === 0 || rest[0].startsWith("-")
        ? [command, "--json", ...rest]
        : [command, rest[0], "--json", ...rest.slice(1)];
      const { out } = await ok(withBroker(isJson ? args : json));
      assertMatch(out, /^[\x20-\x7e\n\u00a0-\u{10ffff}]*$/u, told(args));
      check(out.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line)));
    }
    const { code, error } = await ran(withBroker(args));
    // A doctor that finds something ends with 1 too, behind what it tells of while it looks.
    const isFailure = code !== 0 && args[0] !== "doctor";
    if (isFailure) assertMatch(error, /^runnel: [^\n]+\n$/, told(args));
  });
}

/** A few at a time. */
async function eachOf<T>(all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  const left = [...all];
  const worker = async () => {
    for (let one = left.shift(); one !== undefined; one = left.shift()) await work(one);
  };
  await Promise.all(Array.from({ length: 6 }, worker));
}

/** As a program for tables reads it. */
async function asCsv(): Promise<void> {
  const consumed = await ok(["consume", "--csv", ...at, "--", TOPIC]);
  const reset = await ok([
    "group",
    "reset",
    GROUPS[1],
    "--to",
    "latest",
    "--all-topics",
    "--csv",
    "--dry-run",
    ...at,
  ]);
  for (const { out } of [consumed, reset]) {
    const cells = cellsOf(out);
    assert(cells.length >= 3);
    assertEquals(cells.filter((cell) => /^[=+\-@\t\r]/.test(cell)), []);
  }
  const cells = cellsOf(consumed.out);
  for (const text of FORMULAS) assert(cells.includes(`'${text}`), text);
  // And back, byte for byte.
  const { out } = await ok(["consume", "--json", ...at, "--", TOPIC]);
  await ok(["produce", COPY, "--json", ...at], out);
  const copied = await ok(["consume", COPY, "--json", ...at]);
  const pairs = (text: string) =>
    text.trim().split("\n").map((line) => JSON.parse(line)).map((
      { key, value, headers },
    ) => [key, value, headers]);
  assertEquals(pairs(copied.out), pairs(out));
}

/** Of CSV as RFC 4180 has it. */
function cellsOf(text: string): string[] {
  return [...text.matchAll(/("(?:[^"]|"")*"|[^",\r\n]*)(?:,|\r?\n|$)/g)]
    .map(([, cell]) => cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell);
}

function hasAll(rows: readonly unknown[], key: string, names: readonly string[]): void {
  const found = rows.map((row) => (row as Record<string, unknown>)[key]);
  for (const name of names) {
    assert(found.includes(name), `${JSON.stringify(name)} is not in ${JSON.stringify(found)}`);
  }
}

function told(args: readonly string[]): string {
  return JSON.stringify(args);
}

async function ok(args: readonly string[], input = "") {
  const answer = await ran(args, input);
  assertEquals(answer.code, 0, `${told(args)}: ${answer.error}`);
  return answer;
}

async function ran(args: readonly string[], input = "") {
  const process = new Deno.Command(program, {
    args: [...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = process.stdin.getWriter();
  writer.write(new TextEncoder().encode(input)).then(() => writer.close()).catch(() => {}); // who ends reads no more
  const { code, stdout, stderr } = await process.output();
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), error: decoder.decode(stderr) };
}

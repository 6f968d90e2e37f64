/**
 * `runnel produce` and `runnel consume` of an executable against brokers that serve already, whose outputs have to be
 * equal: tests/cli/records.ts RUNNEL HOST:PORT [HOST:PORT …]
 *
 * Beside that: --format prints what kcat -f does, a terminal (tmux) that hostile records are printed on stays as it was,
 * JSON is JSON and without loss, and a group goes on where it was. kcat and tmux are needed.
 */
import { assert, assertEquals } from "@std/assert";

const [program, ...brokers] = Deno.args;
if (brokers.length === 0) {
  throw new Error("Usage: tests/cli/records.ts RUNNEL HOST:PORT [HOST:PORT …]");
}

const RECORDS = [
  '{"key":"k\\u001b[31m","value":"a\\u001b]0;owned\\u0007\\u009b31m\\u202e\\u2028","timestamp":1700000000000,"headers":[{"key":"h\\u001b","value":"\\u001b[2J"}]}',
  '{"key":null,"value":null,"timestamp":1700000000001}',
  '{"key":"","value":"","timestamp":1700000000002}',
  '{"key":{"base64":"/w=="},"value":{"base64":"m//AAA=="},"timestamp":1700000000003,"headers":[{"key":{"base64":"/2g="},"value":"v"}]}',
  '{"key":"=1+1","value":"{\\"n\\":9007199254740993}","timestamp":1700000000004,"headers":[{"key":"a","value":null},{"key":"a","value":""},{"key":"","value":{"base64":"/w=="}}]}',
  '{"key":"é","value":"😀 \\u001bc\\u001b(0\\r","timestamp":1700000000005}',
];

const WAYS = [
  ["--json"],
  ["--csv"],
  [],
  ["--null", "∅", "--key-separator", "\\t"],
  ["--format", "%t %p %o|%k|%K|%s|%S|%h|%T|%R\\x41\\n"],
  ["--offset", "@1700000000002:@1700000000004", "--json"],
  ["--offset", "@2023-11-14T22:13:20.003Z:1h", "--json"],
  ["--offset", "1:-1"],
  ["--last", "2"],
  ["--where", "$.n"],
  ["--header", "a="],
  ["--key-pattern", "^k"],
  ["--group", "GROUP", "--count", "2", "--json"],
  ["--group", "GROUP", "--json"],
  ["--group", "GROUP", "--json"],
];

const all: string[][] = [];
for (const broker of brokers) {
  const startMs = performance.now();
  all.push(await outputsOf(broker));
  console.log(
    `${broker}: ${WAYS.length} ways to consume in ${Math.round(performance.now() - startMs)} ms`,
  );
}
for (const outputs of all) assertEquals(outputs, all[0]);
console.log(
  `produce and consume: equal on ${brokers.length} brokers, --format as kcat, the terminal unchanged`,
);

async function outputsOf(broker: string): Promise<string[]> {
  const at = ["--bootstrap", broker], topic = "cli-records", group = `cli-${crypto.randomUUID()}`;
  await ran(program, ["topic", "delete", topic, `${topic}-copy`, "--yes", "--if-present", ...at]);
  const kept = ["--config", "retention.ms=-1"]; // the records are of 2023
  for (const name of [topic, `${topic}-copy`]) {
    const args = ["--partitions", "1", "--if-absent", ...kept, ...at];
    await ran(program, ["topic", "create", name, ...args]);
  }
  await ran(program, ["produce", topic, "--json", ...at], bytes(`${RECORDS.join("\n")}\n`));
  const outputs: string[] = [];
  for (const way of WAYS) {
    const out = await ran(program, [
      "consume",
      topic,
      ...way.map((one) => one === "GROUP" ? group : one),
      ...at,
    ]);
    outputs.push(`${way.join(" ")}\n${out.toBase64()}`);
  }
  const json = await ran(program, ["consume", topic, "--json", ...at]);
  const lines = new TextDecoder().decode(json).trimEnd().split("\n").map((line) =>
    JSON.parse(line)
  );
  assertEquals(lines.map(({ timestamp }) => timestamp - 1700000000000), [0, 1, 2, 3, 4, 5]);
  await ran(program, ["produce", `${topic}-copy`, "--json", "--compression", "lz4", ...at], json);
  const copy = await ran(program, [
    "consume",
    `${topic}-copy`,
    "--json",
    ...at,
  ]);
  const content = (text: Uint8Array) =>
    new TextDecoder().decode(text).replace(/"topic":"[^"]*","partition":0,"offset":\d+/g, "");
  assertEquals(content(copy), content(json), "a copy by JSON");
  await asKcat(broker, topic);
  await onTerminal(broker, topic);
  return outputs;
}

async function asKcat(broker: string, topic: string): Promise<void> {
  for (
    const format of [
      "%t %p %o %k %K %s %S %T %h|\\n",
      "%R%s",
      "100%% \\x41\\x0a\\065\\10\\q\\\\\\n",
    ]
  ) {
    const theirs = await ran("kcat", ["-C", "-b", broker, "-t", topic, "-e", "-q", "-f", format]);
    const ours = await ran(program, ["consume", topic, "--format", format, "--bootstrap", broker]);
    assertEquals(ours.toBase64(), theirs.toBase64(), `--format ${format}`);
  }
}

/** Every output on a terminal: the screen holds the text, and neither title, colours, charset nor screen have changed. */
async function onTerminal(broker: string, topic: string): Promise<void> {
  const socket = `cli-records-${Deno.pid}`,
    tmux = (...args: string[]) => ran("tmux", ["-L", socket, ...args]);
  const ways = ["", "--json", "--csv", "--format '%k %s %h %R\\n'", "--key-separator :"];
  const commands = ways.map((way) => `'${program}' consume ${topic} ${way} --bootstrap ${broker}`);
  const script = await Deno.makeTempFile();
  await Deno.writeTextFile(script, `${commands.join("\n")}\nprintf 'the-end\\n'\nsleep 60\n`);
  try {
    await tmux("-f", "/dev/null", "new-session", "-d", "-x", "150", "-y", "60", `sh ${script}`);
    const titleBefore = text(await tmux("display-message", "-p", "#{pane_title}"));
    let screen = "";
    for (let tries = 0; tries < 100 && !screen.includes("the-end"); tries++) {
      await new Promise((resolve) => setTimeout(resolve, 200));
      screen = text(await tmux("capture-pane", "-p", "-e"));
    }
    assert(screen.includes("the-end"), screen);
    assert(screen.includes("\\u{1b}]0;owned\\u{7}\\u{9b}31m\\u{202e}\\u{2028}"), screen);
    assert(screen.includes("\\u001b]0;owned"), screen);
    assert(!screen.includes("\x1b"), `something is coloured: ${JSON.stringify(screen)}`);
    assertEquals(text(await tmux("display-message", "-p", "#{pane_title}")), titleBefore);
    assertEquals(
      text(await tmux("display-message", "-p", "#{alternate_on}#{cursor_flag}#{insert_flag}")),
      "010\n",
    );
  } finally {
    await tmux("kill-server").catch(() => {});
    await Deno.remove(script);
  }
}

async function ran(
  command: string,
  args: readonly string[],
  input: Uint8Array = new Uint8Array(),
): Promise<Uint8Array> {
  const child = new Deno.Command(command, {
    args: [...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    env: { TERM: "xterm-256color" },
  }).spawn();
  const writer = child.stdin.getWriter();
  writer.write(input as Uint8Array<ArrayBuffer>).then(() => writer.close()).catch(() => {});
  const { code, stdout, stderr } = await child.output();
  if (code !== 0) throw new Error(`${command} ${args.join(" ")}: ${code} ${text(stderr)}`);
  return stdout;
}

function bytes(of: string) {
  return new TextEncoder().encode(of);
}

function text(of: Uint8Array): string {
  return new TextDecoder().decode(of);
}

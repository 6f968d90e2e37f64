/**
 * Help of the executable, on a terminal (tmux) and without one: pages fit the terminal's width, styles are shown on a
 * terminal alone and not against NO_COLOR, and what reads it may stop: deno run -A tests/cli/help.ts RUNNEL
 */
import { assert, assertEquals } from "@std/assert";
import { PAGES } from "../../src/cli/help/pages.ts";
import { Terminal } from "./terminal.ts";

const [program] = Deno.args;
/** What bold and colours begin with. */
const ESCAPE = "\x1b[";

/** All that is printed of a page, `set` being what the shell does first. */
async function shown(topic: string, set: string): Promise<string[]> {
  const command = `${set}; '${program}' help ${topic}; echo the end; sleep 60`;
  await using terminal = await Terminal.open("help", ["sh", "-c", command]);
  await terminal.until((lines) => lines.includes("the end"), "a page");
  return await terminal.lines("-e", "-J", "-S", "-");
}

// deno-lint-ignore no-control-regex -- styles begin with one
const plain = (line: string) => line.replace(/\x1b\[[0-9;]*m/g, "");

const styled = await shown("security", "unset NO_COLOR");
assert(styled.some((line) => line.includes(ESCAPE)), styled.join("\n"));
for (const line of styled.map(plain)) {
  assert(line.length <= 100 || line.startsWith("    "), line);
}
const bare = await shown("security", "export NO_COLOR=1");
assertEquals(bare.filter((line) => line.includes(ESCAPE)), []);

let pages = 0;
for (const { name, load } of PAGES) {
  const { code, stdout, stderr } = await new Deno.Command(program, {
    args: ["help", `${name}.md`],
  }).output();
  const text = new TextDecoder().decode(stdout);
  assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
  assert(!text.includes(ESCAPE), name);
  const [, title] = /^# (.*)$/m.exec(await load())!;
  assertEquals(text.split("\n")[0], title);
  pages++;
}

const cut = new Deno.Command("bash", {
  args: ["-c", `set -o pipefail; '${program}' help reliability | head -1`],
});
const { code, stdout, stderr } = await cut.output();
assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
assert(new TextDecoder().decode(stdout).startsWith("What Runnel promises"));

console.log(`ok   ${pages} pages out of the executable, styled on a terminal alone`);
console.log("4 passed, 0 failed");

/**
 * `deno task walk:embedding`: goes by docs/testing.md alone, in a new directory: every file that it shows is written and
 * every command that it names is run, in its order, in a fresh Deno project and a fresh Node project with TypeScript.
 *
 * A block of `ts` whose first line is a path is a file, a block of `sh` is run from that new directory with $RUNNEL set.
 * Where the machine's Node is older than the package needs, one is taken from npm first.
 */
import { Authority } from "../../src/testing/certificates.ts";

const root = new URL("../../", import.meta.url).pathname.replace(/\/$/, "");
const book = Deno.readTextFileSync(`${root}/docs/testing.md`);
const work = Deno.makeTempDirSync({ prefix: "runnel-walk-" });
const beganMs = performance.now(), made = new Set<string>();

try {
  const path = await withNode();
  // Files first: a command names those of its own project, which the book makes before it.
  const blocks = [...book.matchAll(/^```(ts|sh)\n([^]*?)^```$/gm)]
    .map(([, language, text]) => ({ language, text }));
  let files = 0, commands = 0;
  for (const { language, text } of blocks) {
    if (language === "ts") {
      const name = /^\/\/ (\S+)\n/.exec(text)?.[1];
      if (name === undefined) throw new Error(`A block of ts says no path: ${text.slice(0, 80)}`);
      Deno.writeTextFileSync(`${work}/${name}`, text);
      files++;
    } else {
      await run(text, path);
      commands++;
    }
  }
  if (files < 4 || commands < 6) throw new Error(`Only ${files} files and ${commands} blocks`);
  // Beyond the book: the package does in Node what it says, and in Bun where there is one.
  Deno.copyFileSync(`${root}/tests/embedding/in_node.mjs`, `${work}/node-project/in_node.mjs`);
  const authority = await Authority.make(), { certificate, key } = await authority.issue();
  const other = await Authority.make("CN=Other");
  const pems = {
    "ca.pem": authority.certificate,
    "other.pem": other.certificate,
    "server.pem": certificate,
    "server.key": key,
  };
  for (const [name, pem] of Object.entries(pems)) {
    Deno.writeTextFileSync(`${work}/node-project/${name}`, pem);
  }
  const service = "examples/service";
  Deno.mkdirSync(`${work}/node-project/service`);
  for (const name of ["orders.ts", "orders_node_test.ts"]) {
    Deno.copyFileSync(`${root}/${service}/${name}`, `${work}/node-project/service/${name}`);
  }
  await run("cd node-project\nnode --test service/orders_node_test.ts", path);
  const bun = await new Deno.Command("bash", { args: ["-c", "command -v bun"] }).output();
  await run("cd node-project\nnode --expose-gc in_node.mjs", path);
  if (bun.success) await run("cd node-project\nbun run in_node.mjs", path);
  const seconds = ((performance.now() - beganMs) / 1000).toFixed(1);
  console.log(
    `ok: ${files} files and ${commands} blocks of commands of docs/testing.md in ${seconds} s`,
  );
} finally {
  Deno.removeSync(work, { recursive: true });
}

/** In the project that the block before it went into, as one who follows the book would. */
async function run(text: string, path: string): Promise<void> {
  const place = /^(mkdir|cd) /.test(text) ? work : `${work}/${lastProject()}`;
  const { success, stdout, stderr } = await new Deno.Command("bash", {
    args: ["-euo", "pipefail", "-c", text],
    cwd: place,
    env: { RUNNEL: root, PATH: path, NO_COLOR: "1" },
  }).output();
  const told = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  console.log(text.trim().replace(/^/gm, "$ "));
  if (!success) throw new Error(`This failed:\n${text}\n${told}`);
  const sums = told.match(/^.*(passed|ℹ pass|# pass).*$/gm) ?? [];
  if (/^(deno|node) (test|--test)/m.test(text) && sums.length === 0) {
    throw new Error(`No test ran:\n${told}`);
  }
  for (const sum of sums) console.log(`  ${sum.trim()}`);
  lastProject(); // it may have made one
}

/** The newest of the projects that were made, which are looked for behind each block. */
function lastProject(): string {
  const projects = [...Deno.readDirSync(work)].map(({ name }) => name)
    .filter((name) => name.endsWith("-project"));
  for (const name of projects) made.add(name);
  return [...made].at(-1)!;
}

/** A PATH whose node runs TypeScript. */
async function withNode(): Promise<string> {
  const path = Deno.env.get("PATH")!;
  const node = await new Deno.Command("node", { args: ["--version"] }).output();
  const [, major, minor] = /v(\d+)\.(\d+)/.exec(new TextDecoder().decode(node.stdout))!;
  if (Number(major) > 22 || Number(major) === 22 && Number(minor) >= 18) return path;
  const prefix = Deno.env.get("RUNNEL_NODE") ?? `${work}/node`;
  const { success, stderr } = await new Deno.Command("npm", {
    args: ["install", "--silent", "--no-save", "--prefix", prefix, "node@22"],
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return `${prefix}/node_modules/.bin:${path}`;
}

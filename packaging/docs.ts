/**
 * `deno task docs`: writes what derives from code into README.md (between its markers) and packaging/runnel.toml.
 * With --check it writes nothing and fails when something is out of date.
 */
import { exampleToml, optionTable } from "../src/config/describe.ts";

const root = new URL("..", import.meta.url);

/** The files that derive from code, with their current and their due text. */
export async function derived(): Promise<{ path: string; text: string; due: string }[]> {
  const read = (path: string) => Deno.readTextFileSync(new URL(path, root));
  const readme = read("README.md");
  const toml = "packaging/runnel.toml";
  return [
    {
      path: "README.md",
      text: readme,
      due: fill(fill(readme, "options", optionTable()), "apis", await apiTable()),
    },
    { path: toml, text: read(toml), due: exampleToml() },
  ];
}

/** The text with what stands between the markers of `name` replaced. */
export function fill(text: string, name: string, content: string): string {
  const [begin, end] = [`<!-- ${name}: begin -->`, `<!-- ${name}: end -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`README.md has no markers ${begin} … ${end}`);
  return `${text.slice(0, from + begin.length)}\n${content}\n${text.slice(to)}`;
}

/** Every API served with its versions, from the handlers' own declarations: `handler(Fetch, { min: 4, max: 18 }, …)`. */
async function apiTable(): Promise<string> {
  const rows: [key: number, line: string][] = [];
  for (const { name } of Deno.readDirSync(new URL("src/handlers", root))) {
    if (!name.endsWith(".ts") || name.endsWith("_test.ts")) continue;
    const source = Deno.readTextFileSync(new URL(`src/handlers/${name}`, root));
    for (
      const [, api, min, max] of source.matchAll(
        /\bhandler\(\s*(\w+),\s*\{\s*min:\s*(\d+),\s*max:\s*(\d+)/g,
      )
    ) {
      const path = new RegExp(`\\b${api}\\b[^;]*from "\\.\\./protocol/messages/([a-z_0-9]+\\.ts)"`)
        .exec(source)?.[1];
      if (path === undefined) {
        throw new Error(`src/handlers/${name} serves ${api} but does not import its declaration`);
      }
      const { key } = (await import(`../src/protocol/messages/${path}`))[api] as { key: number };
      rows.push([key, `| ${api} | ${key} | ${min}–${max} |`]);
    }
  }
  const lines = rows.sort(([a], [b]) => a - b).map(([, line]) => line);
  return ["| API | Key | Versions |", "|---|---|---|", ...lines].join("\n");
}

if (import.meta.main) {
  const files = await derived();
  const stale = files.filter(({ text, due }) => text !== due);
  for (const { path, due } of Deno.args.includes("--check") ? [] : stale) {
    Deno.writeTextFileSync(new URL(path, root), due);
  }
  for (const { path } of stale) {
    console.log(
      `${path}: ${Deno.args.includes("--check") ? "out of date, run: deno task docs" : "written"}`,
    );
  }
  if (Deno.args.includes("--check") && stale.length > 0) Deno.exit(1);
}

/**
 * `deno task console`: makes the front end of the console (src/console/web/) into src/console/web_assets.ts, from where it
 * is in whatever is made of the sources: the executable, the npm package, `deno task start`. With --check it writes
 * nothing and fails when what is there is not what the sources make.
 *
 * Preact, signals and uPlot come from npm by the import map and are bundled by Deno. Names hold a hash of what is in
 * them, so that a browser may keep them for ever; the page that names them is the one thing it asks for again.
 */
import { createHash } from "node:crypto";
import { gunzipSync, gzipSync } from "node:zlib";
import { API_PATH, CHANGE_HEADER, CHANGE_VALUE } from "../src/console/api.ts";

const root = new URL("..", import.meta.url);
const WEB = "src/console/web/", OUT = "src/console/web_assets.ts";
const STYLES = ["palette", "base", "parts", "plot", "views"];
/** What of the import map is in the bundle. */
const PACKAGES = ["preact", "@preact/signals", "uplot"];

interface Made {
  /** As the page names it: "assets/console.0123456789abcdef.js"; "" is the page. */
  readonly path: string;
  readonly type: string;
  readonly text: string;
}

/** A hash of everything the assets are made of. */
export function sourcesHash(): string {
  const hash = createHash("sha256"), { imports } = JSON.parse(read("deno.json"));
  for (const name of PACKAGES) hash.update(`${name} ${imports[name]}\n`);
  // What of the API is in the bundle; the rest of it are types.
  hash.update(`${API_PATH} ${CHANGE_HEADER} ${CHANGE_VALUE}\n`);
  const files = ["packaging/console.ts", ...sourcesBelow(WEB)];
  for (const path of files.sort()) hash.update(`${path}\n${read(path)}\n`);
  return hash.digest("hex");
}

/** The front end as it is in the repository, by path. */
export function keptAssets(module: typeof import("../src/console/web_assets.ts")): Made[] {
  return Object.entries(module.WEB_ASSETS).map(([path, { type, gzip }]) => ({
    path,
    type,
    text: gunzipSync(Uint8Array.fromBase64(gzip)).toString(),
  }));
}

async function madeAssets(): Promise<Made[]> {
  const style = STYLES.map((name) => read(`${WEB}style/${name}.css`)).map(withoutBlanks).join("");
  const files = [
    {
      name: "first.js",
      type: "text/javascript; charset=utf-8",
      text: `(()=>{${await bundled("first.ts")}})();`,
    },
    { name: "console.js", type: "text/javascript; charset=utf-8", text: await bundled("main.tsx") },
    { name: "console.css", type: "text/css; charset=utf-8", text: style },
    { name: "icon.svg", type: "image/svg+xml", text: read(`${WEB}icon.svg`) },
  ];
  let page = read(`${WEB}index.html`);
  const assets = files.map(({ name, type, text }) => {
    const [stem, ending] = name.split("."), hash = createHash("sha256").update(text).digest("hex");
    const path = `assets/${stem}.${hash.slice(0, 16)}.${ending}`;
    if (!page.includes(`"assets/${name}"`)) {
      throw new Error(`${WEB}index.html does not name ${name}`);
    }
    page = page.replace(`"assets/${name}"`, `"${path}"`);
    return { path, type, text };
  });
  return [{ path: "", type: "text/html; charset=utf-8", text: page }, ...assets];
}

/** What is below web/, with all that it imports. */
async function bundled(entry: string): Promise<string> {
  const to = Deno.makeTempFileSync({ suffix: ".js" });
  try {
    const { success, stderr } = await new Deno.Command("deno", {
      args: [
        "bundle",
        "--quiet",
        "--platform",
        "browser",
        "--minify",
        `--output=${to}`,
        `${WEB}${entry}`,
      ],
      cwd: root,
    }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
    return Deno.readTextFileSync(to);
  } finally {
    Deno.removeSync(to);
  }
}

/** Of a stylesheet without texts in which blanks or comments would count. */
function withoutBlanks(css: string): string {
  return css.replace(/\/\*[^]*?\*\//g, "").replace(/\s*\n\s*/g, "").replace(/(?<=[:,{;]) /g, "");
}

function moduleOf(assets: readonly Made[]): string {
  const entries = assets.map(({ path, type, text }) =>
    `  ${JSON.stringify(path)}: {\n    type: ${JSON.stringify(type)},\n    gzip: "${
      gzipSync(text, { level: 9 }).toString("base64")
    }",\n  },\n`
  );
  return `/** Web assets: made by \`deno task console\` from web/, not by hand. By path, "" being the page: gzip in base64. */\n` +
    `export const WEB_ASSETS: { readonly [path: string]: { readonly type: string; readonly gzip: string } } = {\n` +
    `${
      entries.join("")
    }};\n\n/** Of what they were made of. */\nexport const WEB_SOURCES = "${sourcesHash()}";\n`;
}

function sourcesBelow(folder: string): string[] {
  return [...Deno.readDirSync(new URL(folder, root))].flatMap(({ name, isDirectory }) =>
    isDirectory
      ? sourcesBelow(`${folder}${name}/`)
      : /_test\.tsx?$/.test(name)
      ? []
      : [`${folder}${name}`]
  );
}

function read(path: string): string {
  return Deno.readTextFileSync(new URL(path, root));
}

if (import.meta.main) {
  const due = await madeAssets();
  for (const { path, text } of due) {
    const bytes = gzipSync(text, { level: 9 }).length;
    console.log(`${path || "the page"}: ${text.length} characters, ${bytes} bytes packed`);
  }
  if (Deno.args.includes("--check")) {
    const kept = keptAssets(await import("../src/console/web_assets.ts"));
    if (JSON.stringify(kept) !== JSON.stringify(due)) {
      console.log(`${OUT}: out of date, run: deno task console`);
      Deno.exit(1);
    }
  } else Deno.writeTextFileSync(new URL(OUT, root), moduleOf(due));
}

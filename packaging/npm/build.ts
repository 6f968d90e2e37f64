/**
 * `deno task npm`: makes the npm package in dist/npm (or where told): the library of src/mod.ts as one file for Node and
 * Bun, with its types.
 *
 * The bundle is Deno's; what is of Deno in it comes from runtime.ts instead, which is a module beside it, and TypeScript
 * brings it down to what Node 22 reads (`using`). The types are TypeScript's own, those files of them that can be reached.
 */
import ts from "typescript";

const root = new URL("../../", import.meta.url).pathname;
const out = Deno.args[0] ?? `${root}dist/npm`;

const { version, license, imports } = JSON.parse(Deno.readTextFileSync(`${root}deno.json`));
const work = Deno.makeTempDirSync();
try {
  Deno.mkdirSync(out, { recursive: true });
  await bundle();
  types();
  describe();
} finally {
  Deno.removeSync(work, { recursive: true });
}

/** index.js and runtime.js */
async function bundle(): Promise<void> {
  const importMap = `${work}/import_map.json`;
  Deno.writeTextFileSync(
    importMap,
    JSON.stringify({
      imports: {
        ...imports,
        "runnel-runtime": `file://${root}packaging/npm/runtime.ts`,
        [`file://${root}src/server/transport/tcp.ts`]: `file://${root}packaging/npm/tcp.ts`,
      },
    }),
  );
  const bundled = async (entry: string, args: readonly string[]) => {
    const to = `${work}/bundled.js`;
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "bundle",
        "--quiet",
        ...args,
        `--output=${to}`,
        entry,
      ],
      cwd: root,
    }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
    return Deno.readTextFileSync(to);
  };
  const mod = `${root}src/mod.ts`, outside = "--external=runnel-runtime";
  const index = lowered(await bundled(mod, [`--import-map=${importMap}`, outside]));
  const runtime = 'import { AsyncDisposableStack, Deno } from "./runtime.js";\n';
  const whole = runtime + index.replaceAll('"runnel-runtime"', '"./runtime.js"');
  Deno.writeTextFileSync(`${out}/index.js`, whole);
  const own = lowered(await bundled(`${root}packaging/npm/runtime.ts`, []));
  Deno.writeTextFileSync(`${out}/runtime.js`, own);
}

function lowered(code: string): string {
  const { outputText } = ts.transpileModule(code, {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
  });
  return outputText;
}

/** dist/npm/types/: the declarations that mod.d.ts leads to, each beside what it imports. */
function types(): void {
  const program = ts.createProgram([`${root}src/mod.ts`], {
    target: ts.ScriptTarget.ESNext,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    lib: ["lib.esnext.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts"],
    strict: true,
    allowImportingTsExtensions: true,
    resolveJsonModule: true,
    declaration: true,
    emitDeclarationOnly: true,
    rootDir: `${root}`,
    outDir: work,
    types: [],
  });
  const emitted = new Map<string, string>();
  program.emit(undefined, (path, text) => emitted.set(path.slice(work.length + 1), text));
  const due = ["src/mod.d.ts"];
  for (const path of due) {
    const text = emitted.get(path);
    if (text === undefined) throw new Error(`No declarations of ${path}`);
    const imported = [...text.matchAll(/(?:from|import\()\s*"(\.[^"]+)\.ts"/g)]
      .map(([, to]) => new URL(to, `file:///${path}`).pathname.slice(1) + ".d.ts");
    for (const one of imported) if (!due.includes(one)) due.push(one);
    const to = `${out}/types/${path.slice("src/".length)}`;
    Deno.mkdirSync(to.slice(0, to.lastIndexOf("/")), { recursive: true });
    const lib = path === due[0] ? '/// <reference lib="esnext.disposable" />\n' : ""; // for who targets less
    Deno.writeTextFileSync(
      to,
      lib + text.replace(/((?:from|import\()\s*"\.[^"]+)\.ts"/g, '$1.js"'),
    );
  }
}

function describe(): void {
  const pack = {
    name: "runnel",
    version,
    description: "A Kafka-compatible broker in your own process, and a client of its own",
    license,
    type: "module",
    exports: { ".": { types: "./types/mod.d.ts", default: "./index.js" } },
    types: "./types/mod.d.ts",
    files: ["index.js", "runtime.js", "types", "LICENSE", "README.md"],
    engines: { node: ">=22.15" },
  };
  Deno.writeTextFileSync(`${out}/package.json`, JSON.stringify(pack, null, 2) + "\n");
  Deno.copyFileSync(`${root}LICENSE`, `${out}/LICENSE`);
  Deno.copyFileSync(`${root}packaging/npm/README.md`, `${out}/README.md`);
}

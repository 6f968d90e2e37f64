/** Proves that the TypeScript in docs/, in src/mod.ts and in docstrings is right: it is checked, and run. */
import { assert, assertEquals } from "@std/assert";
import * as runnel from "../../src/mod.ts";
import { moduleOf, type Snippet, snippetsOfDocument, snippetsOfSource } from "./snippets.ts";

const root = new URL("../../", import.meta.url);
const MOD = new URL("src/mod.ts", root);

function allSnippets(): Snippet[] {
  const read = (path: string) => Deno.readTextFileSync(new URL(path, root));
  const sources = ["src/mod.ts", ...files("src/client"), ...files("src/broker/embedded")];
  return [
    ...documents().flatMap((path) => snippetsOfDocument(path, read(path))),
    ...sources.flatMap((path) => snippetsOfSource(path, read(path))),
  ];
}

/** Pages of docs/; a block that begins with its file's name is run elsewhere (tests/walk/page.ts). */
function documents(): string[] {
  return [...Deno.readDirSync(new URL("docs", root))].map(({ name }) => `docs/${name}`).sort();
}

/** What src/mod.ts exports of the clients. */
function clientExports(): string {
  const text = Deno.readTextFileSync(MOD);
  const found = [...text.matchAll(/^export (type )?\{[^}]*\} from "(\.[^"]+)";$/gm)]
    .filter(([, , path]) => path.startsWith("./client/") || path.startsWith("./protocol/"));
  return found.map(([statement, , path]) => statement.replace(path, new URL(path, MOD).href)).join(
    "\n",
  );
}

function files(folder: string): string[] {
  return [...Deno.readDirSync(new URL(folder, root))].flatMap(({ name, isDirectory }) => {
    const path = `${folder}/${name}`;
    return isDirectory
      ? files(path)
      : path.endsWith(".ts") && !path.includes("_test")
      ? [path]
      : [];
  });
}

Deno.test("every snippet is right, by the compiler and when it is run", async (test) => {
  const snippets = allSnippets(), folder = await Deno.makeTempDir();
  assert(snippets.length >= 15, `only ${snippets.length} were found`);
  const path = `${folder}/snippets.ts`;
  await Deno.writeTextFile(path, moduleOf(snippets, MOD, Object.keys(runnel)));
  await test.step("the compiler takes them", async () => {
    // Against the clients alone, which takes a third of the time; Broker has tests that are compiled.
    const ofClients = snippets.filter(({ code }) => !/\bBroker\b/.test(code));
    assert(ofClients.length >= 12, `only ${ofClients.length} are of clients alone`);
    await Deno.writeTextFile(`${folder}/clients.ts`, clientExports());
    const clients = new URL(`file://${folder}/clients.ts`);
    const checked = `${folder}/checked.ts`, names = Object.keys(await import(clients.href));
    await Deno.writeTextFile(checked, moduleOf(ofClients, clients, names));
    const { code, stderr } = await new Deno.Command("deno", {
      args: ["check", "-q", "--config", new URL("deno.json", root).pathname, checked],
      stdout: "null",
      stderr: "piped",
    }).output();
    assertEquals(code, 0, new TextDecoder().decode(stderr));
  });
  const module = await import(`file://${path}`), log = console.log, error = console.error;
  for (const { place, code } of snippets) {
    await test.step(place, async () => {
      console.log = console.error = () => {};
      try {
        await run(module, place, /\bfor await\b/.test(code));
      } finally {
        Object.assign(console, { log, error });
      }
    });
  }
  await Deno.remove(folder, { recursive: true });
});

async function run(
  { snippets, closeAll }: {
    snippets: Record<string, (bootstrap: string) => Promise<void>>;
    closeAll: () => Promise<void>;
  },
  place: string,
  isEndless: boolean,
): Promise<void> {
  await using broker = await runnel.Broker.start({ groups: { initialRebalanceDelayMs: 0 } });
  const cluster = new runnel.Cluster({ bootstrap: broker.address });
  await new runnel.Admin(cluster).createTopics(
    ["orders", "returns", "copies", "greetings", "in", "out"].map((name) => ({
      name,
      partitions: 2,
    })),
  );
  await using producer = new runnel.Producer(cluster);
  for (let i = 0; i < 4; i++) {
    await producer.send({ topic: "orders", partition: i % 2, value: `${i}` });
  }
  // A loop without end is ended by closing what it reads from.
  const timer = setInterval(() => isEndless && closeAll().catch(() => {}), 1500);
  try {
    await snippets[place](broker.address);
  } finally {
    clearInterval(timer);
    await closeAll();
    await producer.close();
    cluster.close();
  }
}

Deno.test("snippets are found in documents and docstrings, each with its line", () => {
  const text = '# x\n\n```ts\nimport { A } from "runnel";\na();\n```\n```sh\nls\n```\n';
  assertEquals(snippetsOfDocument("d.md", text), [
    { place: "d.md:3", code: 'import { A } from "runnel";\na();\n' },
  ]);
  const source =
    "/**\n * F.\n * ```ts\n * f();\n * ```\n */\n/**\n * @example\n * ```ts\n * g();\n * ```\n */\n/** ```ts h(); ``` */\n";
  assertEquals(snippetsOfSource("s.ts", source).map(({ place, code }) => [place, code]), [
    ["s.ts:3", "f();\n"],
    ["s.ts:9", "g();\n"],
  ]);
});

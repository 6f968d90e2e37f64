/** Proves that the links and anchors of the documents lead somewhere, and that README.md leads to every one of them. */
import { assertEquals } from "@std/assert";

const ROOT = new URL("../", import.meta.url);

Deno.test("every relative link and anchor of the documents is there", () => {
  const documents = documentsOf(ROOT);
  assertEquals([...documents].flatMap(([path, text]) => broken(path, text, documents)), []);
});

Deno.test("README.md leads to every document and to the examples", () => {
  const documents = documentsOf(ROOT), found = reachable("README.md", documents);
  assertEquals([...documents.keys()].filter((path) => !found.has(path)), []);
  assertEquals(found.has("examples"), true);
});

Deno.test("every document is in README.md's list, and every example in docs/testing.md's", () => {
  const read = (path: string) => Deno.readTextFileSync(new URL(path, ROOT));
  const [, list = ""] = read("README.md").split("\n## Read on\n");
  const own = [...documentsOf(ROOT).keys()].filter((path) => path !== "README.md");
  assertEquals(own.filter((path) => !list.split("\n## ")[0].includes(`](${path})`)), []);
  const testing = read("docs/testing.md");
  const examples = [...Deno.readDirSync(new URL("examples", ROOT))].map(({ name }) => name);
  assertEquals(examples.filter((name) => !testing.includes(`](../examples/${name})`)), []);
});

Deno.test("a dead link, a dead anchor and a document that nothing leads to are found", () => {
  const documents = new Map([
    [
      "README.md",
      "[a](docs/a.md) [b](docs/b.md#what-it-costs) `[c](no)`\n## The `end`, and more\n",
    ],
    [
      "docs/a.md",
      "[up](../README.md#the-end-and-more) [no](#nothing)\n```\n[d](no)\n# nothing\n```\n",
    ],
    ["docs/c.md", "[far](https://example.com) [x](x.md)"],
  ]);
  const told = [...documents].flatMap(([path, text]) => broken(path, text, documents));
  assertEquals(told, [
    "README.md: docs/b.md#what-it-costs",
    "docs/a.md: #nothing",
    "docs/c.md: x.md",
  ]);
  assertEquals([...reachable("README.md", documents)].includes("docs/c.md"), false);
});

/** Path → text. */
type Documents = ReadonlyMap<string, string>;

function documentsOf(root: URL): Documents {
  const markdownIn = (folder: string) =>
    [...Deno.readDirSync(new URL(folder || ".", root))]
      .filter(({ isFile, name }) => isFile && name.endsWith(".md"))
      .map(({ name }) => `${folder}${name}`);
  const paths = ["", "docs/"].flatMap(markdownIn).sort();
  return new Map(paths.map((path) => [path, Deno.readTextFileSync(new URL(path, root))]));
}

/** Without blocks of code and what stands in backquotes. */
function withoutCode(text: string): string {
  return text.replace(/^```[^]*?^```$/gm, "").replace(/`[^`]*`/g, "");
}

interface Link {
  readonly written: string;
  /** From the root; of the document itself where the link is an anchor alone. */
  readonly path: string;
  readonly anchor: string;
}

function linksOf(path: string, text: string): Link[] {
  const links = [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, to]) => to);
  return links.filter((to) => !/^[a-z]+:/.test(to)).map((written) => {
    const [to, anchor = ""] = written.split("#");
    const url = new URL(to === "" ? path : to, new URL(path, "file:///"));
    const resolved = to === "" ? path : decodeURIComponent(url.pathname).replace(/^\/|\/$/g, "");
    return { written, path: resolved, anchor };
  });
}

/** As GitHub makes them of headings. */
function anchorsOf(text: string): Set<string> {
  const headings = text.replace(/^```[^]*?^```$/gm, "").matchAll(/^#+ +(.*)$/gm);
  return new Set(
    [...headings].map(([, heading]) =>
      heading.toLowerCase().replace(/[^\p{L}\p{N}_ -]/gu, "").trim().replaceAll(" ", "-")
    ),
  );
}

function broken(path: string, text: string, documents: Documents): string[] {
  const isThere = ({ path, anchor }: Link) => {
    const target = documents.get(path);
    if (target === undefined) return anchor === "" && exists(path);
    return anchor === "" || anchorsOf(target).has(anchor);
  };
  return linksOf(path, text).filter((link) => !isThere(link))
    .map(({ written }) => `${path}: ${written}`);
}

function exists(path: string): boolean {
  try {
    Deno.statSync(new URL(path, ROOT));
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function reachable(from: string, documents: Documents): Set<string> {
  const found = new Set([from]);
  for (const path of found) {
    for (const link of linksOf(path, documents.get(path) ?? "")) found.add(link.path);
  }
  return found;
}

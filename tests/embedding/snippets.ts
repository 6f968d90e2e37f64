/**
 * Snippets: the TypeScript of documents and docstrings, as functions of one module that can be checked and run. Each is
 * given a broker of its own; "127.0.0.1:9092" in it is that broker's address. A docstring's example may use `broker`,
 * `consumer`, `producer` and `admin`, which are made for it.
 */

export interface Snippet {
  /** "docs/embedding.md:17" */
  readonly place: string;
  readonly code: string;
}

/** Those between ```ts and ```, but for files, whose first line is their name. */
export function snippetsOfDocument(path: string, text: string): Snippet[] {
  return fenced(text).filter(({ code }) => !/^\/\/ \S+\.ts\n/.test(code)).map(({ line, code }) => ({
    place: `${path}:${line}`,
    code,
  }));
}

/** Those that come behind an `@example` of a docstring, and those of a file's first comment. */
export function snippetsOfSource(path: string, text: string): Snippet[] {
  const found: Snippet[] = [];
  for (const { 0: comment, index } of text.matchAll(/\/\*\*[^]*?\*\//g)) {
    if (!comment.includes("@example") && index > 0) continue;
    const plain = comment.replace(/^ *\* ?/gm, ""), line = text.slice(0, index).split("\n").length;
    for (const one of fenced(plain)) {
      found.push({ place: `${path}:${line + one.line - 1}`, code: one.code });
    }
  }
  return found;
}

function fenced(text: string): { line: number; code: string }[] {
  return [...text.matchAll(/^```ts\n([^]*?)^```/gm)].map(({ 1: code, index }) => ({
    line: text.slice(0, index).split("\n").length,
    code,
  }));
}

/** A module that exports `snippets`: functions of a broker's address, by place. `names` are what runnel exports. */
export function moduleOf(snippets: readonly Snippet[], mod: URL, names: readonly string[]): string {
  const functions = snippets.map(({ place, code }) => {
    const body = code.replace(/^import [^]*? from "runnel";\n/gm, "")
      .replaceAll('"127.0.0.1:9092"', "bootstrap");
    const made = ["broker", "consumer", "producer", "admin"].filter((name) =>
      new RegExp(`\\b${name}\\.`).test(body) && !new RegExp(`(using|const) ${name}\\b`).test(body)
    );
    return `${JSON.stringify(place)}: async (bootstrap: string) => {\n${
      made.map((name) => MAKERS[name]).join("\n")
    }\n${body}\n},`;
  });
  const values = names.filter((name) => name !== "Consumer");
  return `import { ${values.join(", ")}, Consumer as RunnelConsumer } from ${
    JSON.stringify(mod.href)
  };
const made: RunnelConsumer[] = [];
/** Loops without end are ended by closing their consumers. */
export async function closeAll(): Promise<void> {
  await Promise.all(made.splice(0).map((one) => one.close()));
}
class Consumer extends RunnelConsumer {
  constructor(...options: ConstructorParameters<typeof RunnelConsumer>) {
    super(...options);
    made.push(this);
  }
}
export const used: readonly unknown[] = [${values.join(", ")}];
export const snippets: Record<string, (bootstrap: string) => Promise<void>> = {
${functions.join("\n")}
};
`;
}

const MAKERS: Readonly<Record<string, string>> = {
  broker: "const broker = { address: bootstrap };",
  consumer: `await using consumer = new Consumer({ bootstrap }, {
  groupId: "example",
  autoOffsetReset: "earliest",
});
consumer.subscribe("orders");
while (consumer.assignment().length === 0) await consumer.poll(50);
await consumer.seekToBeginning();`,
  producer: `await using producer = new Producer({ bootstrap });`,
  admin: `using admin = new Admin({ bootstrap });`,
};

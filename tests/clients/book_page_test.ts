/** Proves that docs/clients.md is read as it is meant: every client has all that book.ts runs, and nothing is passed over. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { clientsOf, securingOf, withSnippet } from "./book_page.ts";

const PAGE = Deno.readTextFileSync(new URL("../../docs/clients.md", import.meta.url));

Deno.test("every client of the page has a program, what it prints, and the same with TLS and a password", () => {
  const clients = clientsOf(PAGE);
  assert(clients.length >= 11, `${clients.length} clients`);
  for (const { name, files, secured, output } of clients) {
    assertEquals(output, ["0 apples", "1 pears", "2 plums"], name);
    const program = files.at(-1)!.text, snippet = secured.find((one) => one.name === null)!.text;
    const locked = withSnippet(program, snippet);
    assert(!locked.includes("127.0.0.1:9092"), `${name} in clear is left in:\n${locked}`);
  }
  assert(securingOf(PAGE).includes("runnel init --secure"));
});

Deno.test("every block of the page belongs to a client, or makes the broker with TLS", () => {
  const fences = PAGE.match(/^```/gm)!.length;
  // Of each client: how to install, how to run and what is printed; and once the broker.
  const known = clientsOf(PAGE).map(({ files, secured }) => files.length + secured.length + 3);
  assertEquals(fences / 2, known.reduce((sum, n) => sum + n, 1));
});

const client = (...blocks: string[]) => `### one\n\n${blocks.join("\n")}`;
const sh = "```sh\nmake\n```\n", file = "```py\n# a.py\nx = 1\n```\n", shown = "```\n1\n```\n";

Deno.test("a client that lacks something is refused by its name", () => {
  assertEquals(clientsOf(client(sh, file, sh, shown))[0].files, [{
    name: "a.py",
    text: "# a.py\nx = 1\n",
  }]);
  assertThrows(
    () => clientsOf(client(sh, file, shown)),
    Error,
    "one in the page: it has 1 commands",
  );
  assertThrows(() => clientsOf(client(sh, sh, shown)), Error, "no program");
  assertThrows(() => clientsOf(client(sh, file, sh)), Error, "what is printed");
  assertThrows(() => clientsOf(client(sh, "```py\nx\n```\n", sh)), Error, "says no name: x");
});

Deno.test("a snippet goes into the place of the line that begins as it does, and of no other", () => {
  const snippet = "import y\n\nx = {\n  2 }\n";
  assertEquals(withSnippet("a = 1\n x = 1\nb", " x = {\n}\n"), "a = 1\n x = {\n}\nb");
  assertEquals(withSnippet("a = 1\nx = 1\nb", snippet), "a = 1\nimport y\n\nx = {\n  2 }\nb");
  assertThrows(() => withSnippet("a = 1", snippet), Error, "No line of the program");
  assertThrows(() => withSnippet("x = 1\nx = 2", snippet), Error, "No line of the program");
});

/** Keeps docs/reliability.md true: every test that its tables name exists, and no promise is left out. */
import { assertEquals } from "@std/assert";

const root = new URL("..", import.meta.url);

interface Row {
  readonly promise: string;
  readonly file: string;
  readonly test: string;
}

/** The rows of the tables that end in a test file and the name of a test. */
function rowsOf(text: string): Row[] {
  const rows = text.split("\n").filter((line) => line.startsWith("| "));
  return rows.map((line) => line.slice(1, -1).split(" | ").map((cell) => cell.trim())).flatMap(
    (cells) => {
      const [file, test] = cells.slice(-2);
      return /_test\.ts$/.test(file) ? [{ promise: cells[0], file, test }] : [];
    },
  );
}

/** Whether a test file has a test of this name, with `${…}` in its place for what differs. */
function hasTest(source: string, name: string): boolean {
  return source.includes(`"${name}"`) || source.includes(`\`${name}\``);
}

Deno.test("docs/reliability.md names tests that exist", async () => {
  const text = await Deno.readTextFile(new URL("docs/reliability.md", root));
  const rows = rowsOf(text), missing: string[] = [];
  for (const { file, test } of rows) {
    const source = await Deno.readTextFile(new URL(file, root)).catch(() => "");
    if (!hasTest(source, test)) missing.push(`${file}: ${test}`);
  }
  assertEquals(missing, []);
  const promises = new Set(rows.map(({ promise }) => Number(promise)).filter(Number.isInteger));
  assertEquals([...promises], Array.from({ length: 28 }, (_, i) => i + 1));
});

Deno.test("a row whose test is gone is found", () => {
  const [row] = rowsOf("| 1 | something | tests/a_test.ts | it holds |");
  assertEquals(row, { promise: "1", file: "tests/a_test.ts", test: "it holds" });
  assertEquals(hasTest('Deno.test("it holds", () => {});', row.test), true);
  assertEquals(hasTest('Deno.test("it holds not", () => {});', row.test), false);
});

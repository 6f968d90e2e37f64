import { assert, assertEquals } from "@std/assert";
import { type JsonNode, jsonTree, MAX_DEPTH, MAX_NODES } from "./json_tree.ts";

Deno.test("integers beyond 2^53 and digits of any length stay as they were written", () => {
  const digits = [
    "9007199254740993",
    "-9223372036854775808",
    "0.10",
    "1e400",
    "123456789012345678901234567890",
  ];
  assertEquals(root(`[${digits.join(",")}]`).children.map(({ text }) => text), digits);
});

Deno.test("members stay in their order, and those of the same name are all there", () => {
  const node = root('{"b": 1, "1": 2, "b": 3, "__proto__": 4}');
  assertEquals(node.children.map(({ key, text }) => [key, text]), [["b", "1"], ["1", "2"], [
    "b",
    "3",
  ], [
    "__proto__",
    "4",
  ]]);
});

Deno.test("what JSON.parse takes is a tree that says the same, and nothing else is", () => {
  const good = [
    "null",
    " true ",
    "-0",
    "0.5e-7",
    '""',
    '"a\\"b\\\\"',
    '"\\\\\\""',
    '"\\u00e4\\n"',
    "[]",
    "{}",
    "[[],{},[1,[2]]]",
    '{"a":{"b":[null,false,"x"]},"c":""}',
    '\n{\t"a" :\r[ 1 , 2 ] }\n',
    '"<img src=x onerror=alert(1)>"',
  ];
  for (const text of good) assertEquals(valueOf(root(text)), JSON.parse(text), text);
  const bad = [
    "",
    " ",
    "tru",
    "True",
    "nulll",
    "01",
    "+1",
    ".5",
    "1.",
    "1e",
    "NaN",
    "'a'",
    '"a',
    '"\\"',
    '"\\x"',
    '"a\nb"',
    "[1,]",
    "[,1]",
    "[1 2]",
    "[1",
    "[1}",
    '{"a"}',
    '{"a":}',
    '{"a":1,}',
    "{a:1}",
    "{1:1}",
    "{}{}",
    "1 2",
    "]",
    "// x\n1",
  ];
  for (const text of bad) assertEquals(jsonTree(text).kind, "not_json", text);
});

Deno.test("random JSON and random harm to it: a tree exactly where JSON.parse takes it", () => {
  const seed = Number(new Date()) % 1e9;
  let state = seed;
  const random = (below: number) => (state = (state * 48271 + 11) % 2147483647) % below;
  const made = (depth: number): unknown => {
    const kind = random(depth > 4 ? 4 : 6);
    if (kind === 4) return Array.from({ length: random(4) }, () => made(depth + 1));
    if (kind === 5) {
      return Object.fromEntries(
        Array.from({ length: random(4) }, (_, i) => [`k"${i}\\`, made(depth + 1)]),
      );
    }
    return [null, true, random(1000) / 8, '"\\\n/ä'][kind];
  };
  for (let round = 0; round < 3000; round++) {
    const text = JSON.stringify(made(0), null, random(2));
    const at = random(text.length + 1);
    const harmed = text.slice(0, at) + '{}[]",:\\0a '[random(11)] + text.slice(at + random(2));
    for (const one of [text, harmed]) {
      let expected: unknown = jsonTree; // what no JSON is
      try {
        expected = JSON.parse(one);
      } catch { /* no JSON */ }
      const tree = jsonTree(one);
      assertEquals(tree.kind === "tree", expected !== jsonTree, `seed ${seed}: ${one}`);
      if (tree.kind === "tree") assertEquals(valueOf(tree.root), expected, `seed ${seed}: ${one}`);
    }
  }
});

Deno.test("what is too deep or too much is refused in words, in a moment", () => {
  const deep = jsonTree("[".repeat(1_000_000));
  assert(deep.kind === "not_json" && deep.reason.includes(String(MAX_DEPTH)), JSON.stringify(deep));
  const many = jsonTree(`[${"0,".repeat(MAX_NODES)}0]`);
  assert(many.kind === "not_json" && many.reason.includes(String(MAX_NODES)), JSON.stringify(many));
  assertEquals(root(`["${"x".repeat(5_000_000)}"]`).children[0].text.length, 5_000_000);
});

function root(text: string): JsonNode {
  const tree = jsonTree(text);
  if (tree.kind !== "tree") throw new Error(`${text}: ${tree.reason} at ${tree.at}`);
  return tree.root;
}

function valueOf({ kind, text, children }: JsonNode): unknown {
  if (kind === "array") return children.map(valueOf);
  if (kind === "object") return Object.fromEntries(children.map((one) => [one.key, valueOf(one)]));
  return kind === "string" ? text : JSON.parse(text);
}

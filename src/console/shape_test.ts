/** Proves that what does not fit a shape is refused by the member at fault, and that a query is read as its shapes say. */
import { assertEquals, assertThrows } from "@std/assert";
import { ApiFailure } from "./failure.ts";
import { mustFit, type ObjectShape, queryOf, schemaOf } from "./shape.ts";

const SHAPE: ObjectShape = {
  type: "object",
  properties: {
    name: { type: "string", minLength: 1, maxLength: 3 },
    count: { type: "integer", minimum: -1, maximum: 5 },
    is: { type: "boolean" },
    list: { type: "array", items: { type: "integer", minimum: 0, maximum: 9 }, maxItems: 2 },
    map: { type: "map", values: { nullable: { type: "string" } }, maxProperties: 1 },
    to: {
      oneOf: [
        {
          type: "object",
          properties: { kind: { type: "string", enum: ["a"] } },
          required: ["kind"],
        },
        {
          type: "object",
          properties: { kind: { type: "string", enum: ["b"] }, at: { type: "boolean" } },
          required: ["kind", "at"],
        },
      ],
    },
  },
  required: ["name"],
};

const fitting: unknown[] = [
  { name: "abc" },
  { name: "a", count: -1, is: false, list: [0, 9], map: { x: null } },
  { name: "a", to: { kind: "a" } },
  { name: "a", to: { kind: "b", at: true }, map: { x: "y" } },
];

const wrong: [value: unknown, field: string][] = [
  [null, "body"],
  [[], "body"],
  ["text", "body"],
  [{}, "body"],
  [{ name: "" }, "name"],
  [{ name: "abcd" }, "name"],
  [{ name: 1 }, "name"],
  [{ name: "\ud800" }, "name"],
  [{ name: "a", count: 1.5 }, "count"],
  [{ name: "a", count: "1" }, "count"],
  [{ name: "a", count: 2 ** 60 }, "count"],
  [{ name: "a", is: 1 }, "is"],
  [{ name: "a", list: [1, 2, 3] }, "list"],
  [{ name: "a", list: [1, -1] }, "list[1]"],
  [{ name: "a", list: { length: 1 } }, "list"],
  [{ name: "a", map: { x: 1 } }, "map.x"],
  [{ name: "a", map: { x: null, y: null } }, "map"],
  [{ name: "a", map: [] }, "map"],
  [{ name: "a", to: { kind: "c" } }, "to"],
  [{ name: "a", to: { kind: "b" } }, "to"],
  [{ name: "a", to: { kind: "a", at: true } }, "to.at"],
  [{ name: "a", other: 1 }, "other"],
  [JSON.parse('{"name":"a","__proto__":1}'), "__proto__"],
  [{ name: "a", constructor: 1 }, "constructor"],
];

Deno.test("what fits passes, and what does not is refused by its member", () => {
  for (const value of fitting) mustFit(SHAPE, value);
  for (const [value, field] of wrong) {
    const failure = assertThrows(() => mustFit(SHAPE, value), ApiFailure);
    assertEquals([JSON.stringify(value), failure.field, failure.status], [
      JSON.stringify(value),
      field,
      400,
    ]);
  }
});

Deno.test("a query's numbers and booleans are read, and whatever else is refused", () => {
  const { name, count, is } = SHAPE.properties, shapes = { name, count, is };
  const read = (text: string) => queryOf(shapes, new URLSearchParams(text));
  assertEquals(read("name=1&count=-1&is=true"), { name: "1", count: -1, is: true });
  for (
    const text of ["count=1e1", "count=", "count=0x1", "is=1", "is=", "toString=1", "name=a&name=a"]
  ) {
    assertThrows(() => read(text), ApiFailure);
  }
});

Deno.test("a shape describes itself as JSON Schema", () => {
  assertEquals(schemaOf(SHAPE.properties.map), {
    type: "object",
    additionalProperties: { anyOf: [{ type: "string" }, { type: "null" }] },
    maxProperties: 1,
  });
});

import { assertEquals } from "@std/assert";
import { draftOf, parametersOf, queryOf } from "./records_query.ts";

Deno.test("what the form says becomes the address, and comes back from it", () => {
  for (
    const search of [
      "",
      "at=start&partitions=0%2C3",
      "at=offset%3A42&key=a%26b&isolation=uncommitted",
      "at=time%3A1764505514000&text=%3Cimg%3E",
      "regex=%5Ea.*&jsonpath=%24..a&header=trace%3D1&value=x",
      "at=some-next",
    ]
  ) {
    const query = queryOf(new URLSearchParams(search));
    const parameters = parametersOf(draftOf(query), query.at ?? null);
    if (typeof parameters === "string") throw new Error(parameters);
    assertEquals(queryOf(new URLSearchParams(parameters)), query, search);
  }
});

Deno.test("an offset or a time that is none is asked for in words", () => {
  const draft = draftOf({});
  for (const offset of ["", "x", "-1", "1e3", "12345678901234567"]) {
    assertEquals(typeof parametersOf({ ...draft, from: "offset", offset }, null), "string", offset);
  }
  assertEquals(parametersOf({ ...draft, from: "time", time: "" }, null), "Which time?");
});

Deno.test("what is no parameter of a search is not asked of the broker", () => {
  assertEquals(queryOf(new URLSearchParams("q=x&limit=9&text=a&at=")), { text: "a" });
});

import { assertEquals } from "@std/assert";
import { addressOf, basePathOf, type Place, routeOf } from "./routes.ts";

const HOSTILE = [
  "..",
  ".",
  "",
  "a/b",
  "a?b#c",
  "<img src=x onerror=alert(1)>",
  "ä 😀",
  "%2e%2e",
  "a&id=b",
];

Deno.test("every place has an address that leads back to it, below every base path", () => {
  const places: Place[] = [
    ...(["overview", "topics", "groups", "clients", "transactions", "warnings"] as const)
      .map((view) => ({ view })),
    ...(["partitions", "records", "configs"] as const)
      .map((tab) => ({ view: "topic" as const, topic: "a.b_c-1", tab })),
    ...HOSTILE.flatMap((
      id,
    ) => [{ view: "group" as const, id }, { view: "transaction" as const, id }]),
  ];
  for (const basePath of ["", "/runnel", "/a/b"]) {
    for (const place of places) {
      const url = new URL(addressOf(basePath, place, { q: "x y", from: 3, sort: "" }), "http://h");
      const route = routeOf(basePath, url.pathname, url.search);
      assertEquals(route.place, place);
      assertEquals([route.query.get("q"), route.query.get("from"), route.query.get("sort")], [
        "x y",
        "3",
        null,
      ]);
    }
  }
});

Deno.test("the base path is where the page's base says, with and without a slash at its end", () => {
  assertEquals(basePathOf("http://h:8080/"), "");
  assertEquals(basePathOf("http://h:8080/runnel/"), "/runnel");
  assertEquals(routeOf("/runnel", "/runnel", "").place, { view: "overview" });
  assertEquals(routeOf("/runnel", "/runnel/", "").place, { view: "overview" });
  assertEquals(routeOf("", "/topics/", "").place, { view: "topics" });
});

Deno.test("what is no place is nowhere, and what is wrongly encoded does not throw", () => {
  for (
    const path of [
      "/x",
      "/topics/a/b",
      "/topics/a/records/b",
      "/groups/x",
      "/group",
      "//evil.example",
    ]
  ) {
    assertEquals(routeOf("", path, "").place.view, "nowhere", path);
  }
  assertEquals(routeOf("", "/topics/%E0%A4%A", "").place, {
    view: "topic",
    topic: "%E0%A4%A",
    tab: "partitions",
  });
});

/** Proves that the bill of materials has what is imported, what that needs, and the hashes of deno.lock; nothing else. */
import { assertEquals, assertThrows } from "@std/assert";
import { billOf, infoOf } from "../../packaging/sbom.ts";

const info = {
  modules: [{ npmPackage: "@a/b@1.0.0" }, {}],
  npmPackages: {
    "@a/b@1.0.0": { name: "@a/b", version: "1.0.0", dependencies: ["c@2.0.0"] },
    "c@2.0.0": { name: "c", version: "2.0.0", dependencies: ["@a/b@1.0.0"] },
    "of-tests@3.0.0": { name: "of-tests", version: "3.0.0", dependencies: [] },
  },
};
const hash = `sha512-${btoa("\x01\xff")}`;

Deno.test("a bill has what is imported and what that needs, each with its hash", () => {
  const { components } = billOf(info, () => hash) as { components: Record<string, unknown>[] };
  assertEquals(components[0].name, "deno");
  assertEquals(components.slice(1), [
    {
      type: "library",
      name: "@a/b",
      version: "1.0.0",
      purl: "pkg:npm/%40a/b@1.0.0",
      hashes: [{ alg: "SHA-512", content: "01ff" }],
    },
    {
      type: "library",
      name: "c",
      version: "2.0.0",
      purl: "pkg:npm/c@2.0.0",
      hashes: [{ alg: "SHA-512", content: "01ff" }],
    },
  ]);
});

Deno.test("a package that deno.lock has no hash of ends it", () => {
  assertThrows(
    () => billOf(info, (id) => id === "c@2.0.0" ? undefined : hash),
    Error,
    "c@2.0.0: deno.lock has no hash of it",
  );
});

Deno.test("what several entries reach is one bill", () => {
  const other = {
    modules: [{ npmPackage: "d@1.0.0_c@2.0.0" }],
    npmPackages: { "d@1.0.0_c@2.0.0": { name: "d", version: "1.0.0", dependencies: ["c@2.0.0"] } },
  };
  const text = [info, other].map((one) => `${JSON.stringify(one, null, 2)}\n`).join("");
  const asked: string[] = [];
  const { components } = billOf(infoOf(text), (id) => {
    asked.push(id);
    return hash;
  }) as { components: { name: string }[] };
  assertEquals(components.map(({ name }) => name), ["deno", "@a/b", "c", "d"]);
  assertEquals(asked, ["@a/b@1.0.0", "c@2.0.0", "d@1.0.0_c@2.0.0"]);
  assertEquals(infoOf(JSON.stringify(info)), info);
});

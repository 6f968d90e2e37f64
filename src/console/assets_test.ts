import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { keptAssets, sourcesHash } from "../../packaging/console.ts";
import { assetsBelow } from "./assets.ts";
import * as kept from "./web_assets.ts";

Deno.test("the assets are made of the sources that are there (deno task console)", () => {
  assertEquals(kept.WEB_SOURCES, sourcesHash(), "out of date, run: deno task console");
});

Deno.test("the front end is under 300 KB, and under 80 KB packed", () => {
  const all = keptAssets(kept);
  const bytes = all.reduce((sum, { text }) => sum + new TextEncoder().encode(text).length, 0);
  const packed = Object.values(kept.WEB_ASSETS).reduce(
    (sum, { gzip }) => sum + gzip.length * 3 / 4,
    0,
  );
  assert(bytes < 300_000, `${bytes} bytes`);
  assert(packed < 80_000, `${packed} bytes packed`);
});

Deno.test("nothing in the front end evaluates text, writes markup, or names another origin", () => {
  for (const { path, type, text } of keptAssets(kept)) {
    const code = text.replaceAll("http://www.w3.org/", ""); // names of SVG and MathML, which nobody asks for
    assertEquals(
      code.match(/\beval\(|new Function\b|document\.write\b|https?:\/\/[\w.]+/g) ?? [],
      [],
      path,
    );
    if (type.startsWith("text/html")) {
      assertEquals(code.match(/<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=/g) ?? [], [], path);
    }
  }
});

Deno.test("no source of the front end writes markup", () => {
  for (const text of sources(new URL("web/", import.meta.url))) {
    assertEquals(
      text.match(/innerHTML|outerHTML|insertAdjacentHTML|dangerously\w*|srcdoc/g) ?? [],
      [],
    );
  }
});

Deno.test("every view is the page, whose base is the base path, and which names what is there", async () => {
  for (const basePath of ["", "/runnel", "/a/b"]) {
    const asset = assetsBelow(basePath);
    for (
      const path of [
        "/",
        "/topics",
        "/topics/a.b",
        "/topics/a/records",
        "/group",
        "/groups",
        "/warnings",
      ]
    ) {
      const answer = asset(path)!, page = await answer.text();
      assertEquals(answer.headers.get("cache-control"), "no-cache");
      assertStringIncludes(page, `<base href="${basePath}/">`);
      const named = [...page.matchAll(/(?:src|href)="(assets\/[^"]+)"/g)].map(([, name]) => name);
      assertEquals(named.length, 4);
      for (const name of named) {
        const file = asset(`/${name}`)!;
        assertStringIncludes(file.headers.get("cache-control")!, "immutable");
        assert((await file.bytes()).length > 100);
      }
    }
  }
});

Deno.test("a base path is text in the page", async () => {
  const page = await assetsBelow('/"><script>')("/")!.text();
  assertStringIncludes(page, '<base href="/&#34;&#62;&#60;script&#62;/">');
});

Deno.test("who takes gzip gets it, and the same comes out of it", async () => {
  const asset = assetsBelow("/runnel");
  for (const path of ["/", `/${Object.keys(kept.WEB_ASSETS)[1]}`]) {
    const plain = await asset(path)!.bytes();
    for (const accepts of ["gzip", "br, GZIP;q=0.5", "deflate, gzip;q=1.0"]) {
      const answer = asset(path, accepts)!;
      assertEquals(answer.headers.get("content-encoding"), "gzip");
      const unpacked = answer.body!.pipeThrough(new DecompressionStream("gzip"));
      assertEquals(await new Response(unpacked).bytes(), plain);
    }
    for (const accepts of ["identity", "gzip;q=0", "br", "", null]) {
      assertEquals(asset(path, accepts)!.headers.get("content-encoding"), null);
    }
  }
});

Deno.test("what is no view and no file is nothing", () => {
  const asset = assetsBelow("");
  for (
    const path of [
      "/x",
      "/assets/",
      "/assets/x.js",
      "/assets/../deno.json",
      "/metrics",
      "/assets/__proto__",
      "/favicon.ico",
    ]
  ) {
    assertEquals(asset(path), null, path);
  }
});

function sources(folder: URL): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) => {
    if (isDirectory) return sources(new URL(`${name}/`, folder));
    return /_test\.tsx?$/.test(name) ? [] : [Deno.readTextFileSync(new URL(name, folder))];
  });
}

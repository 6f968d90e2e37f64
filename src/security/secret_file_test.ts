/** Proves which files are read: those that everybody can neither read nor write, where they are secret, and only files. */
import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { readPublicFile, readSecretFile } from "./secret_file.ts";

Deno.test("a secret's file that everybody can read or write is refused, one of its group is told of", () => {
  const path = Deno.makeTempFileSync({ prefix: "runnel-secret-" });
  try {
    Deno.writeTextFileSync(path, "secret");
    const read = (mode: number) => {
      Deno.chmodSync(path, mode);
      return readSecretFile(path).isGroupReadable;
    };
    assertEquals([read(0o600), read(0o400), read(0o640)], [false, false, true]);
    for (const mode of [0o604, 0o602, 0o622, 0o666]) {
      const error = assertThrows(() => read(mode), Error, `chmod 600 ${path}`);
      assertStringIncludes(error.message, (mode & 0o004) !== 0 ? "be read" : "be written");
    }
  } finally {
    Deno.removeSync(path);
  }
});

Deno.test("what is no file, and what is too large, is not read", () => {
  assertThrows(() => readPublicFile("/tmp", 1000), Error, "is not a file");
  const path = Deno.makeTempFileSync({ prefix: "runnel-public-" });
  try {
    Deno.writeTextFileSync(path, "x".repeat(1001));
    assertThrows(() => readPublicFile(path, 1000), Error, "1001 bytes, allowed are 1000");
    assertEquals(readPublicFile(path, 1001).length, 1001);
  } finally {
    Deno.removeSync(path);
  }
});

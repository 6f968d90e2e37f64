/** Proves what is made of each system's name, on whichever this runs. What comes of it is tried where it is used. */
import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { makeSecure } from "./cli/init/secure.ts";
import { ConfigError } from "./config/load.ts";
import { configHome, directoryProblem, permissionsOf, PLATFORM, stopSignals } from "./platform.ts";
import { readSecretFile } from "./security/secret_file.ts";
import { FileStore, UnsupportedSystemError } from "./storage/backends/file_store.ts";

Deno.test("each system is stopped by signals that Deno listens for there", () => {
  // Deno 2.6 throws on Windows for every other one.
  const ofWindows = ["SIGINT", "SIGBREAK", "SIGHUP"];
  assertEquals(stopSignals("win32").filter((signal) => !ofWindows.includes(signal)), []);
  assertEquals(stopSignals("win32").includes("SIGINT"), true);
  for (const system of ["linux", "darwin"]) {
    assertEquals(stopSignals(system), ["SIGINT", "SIGTERM"]);
  }
  for (const signal of stopSignals()) {
    const listener = () => {};
    Deno.addSignalListener(signal, listener);
    Deno.removeSignalListener(signal, listener);
  }
});

Deno.test("a mode says who may read a file, but on Windows", () => {
  assertEquals(permissionsOf(0o100640, "linux"), 0o640);
  assertEquals(permissionsOf(0o100604, "darwin"), 0o604);
  assertEquals(permissionsOf(0o100666, "win32"), null);
  assertEquals(permissionsOf(null, "linux"), null);
});

Deno.test("a secret's file is read on Windows, whose mode of it is everybody's", () => {
  const path = Deno.makeTempFileSync();
  try {
    Deno.writeTextFileSync(path, "secret");
    Deno.chmodSync(path, 0o666); // as Deno shows every file there
    assertThrows(() => readSecretFile(path, "linux"), Error, "can be read by everybody");
    const { bytes, isGroupReadable } = readSecretFile(path, "win32");
    assertEquals([new TextDecoder().decode(bytes), isGroupReadable], ["secret", false]);
  } finally {
    Deno.removeSync(path);
  }
});

Deno.test("profiles lie where a system's programs keep their configuration", () => {
  const at = (platform: string, variables: Record<string, string>) =>
    configHome((name) => variables[name], platform);
  assertEquals(at("linux", { HOME: "/home/ann" }), "/home/ann/.config");
  assertEquals(at("darwin", { HOME: "/Users/ann", APPDATA: "no" }), "/Users/ann/.config");
  assertEquals(at("linux", { HOME: "/home/ann", XDG_CONFIG_HOME: "/x" }), "/x");
  assertEquals(at("win32", { APPDATA: "C:\\Users\\ann\\AppData" }), "C:\\Users\\ann\\AppData");
  assertEquals(at("win32", { APPDATA: "C:\\no", XDG_CONFIG_HOME: "C:\\x" }), "C:\\x");
});

Deno.test("on Windows a directory is refused in words, and not made", () => {
  const folder = Deno.makeTempDirSync();
  try {
    const path = `${folder}/data`;
    const error = assertThrows(
      () => new FileStore(path, { platform: "win32" }),
      UnsupportedSystemError,
    );
    assertStringIncludes(error.message, path);
    for (const word of ["Windows", "WSL 2", "memory://"]) assertStringIncludes(error.message, word);
    assertEquals([...Deno.readDirSync(folder)], []);
    for (const system of ["linux", "darwin", PLATFORM]) {
      assertEquals(directoryProblem(system), null);
    }
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("init --secure makes no secrets on Windows, where they would be everybody's", async () => {
  const folder = Deno.makeTempDirSync();
  const wish = {
    folder: `${folder}/new`,
    hosts: ["localhost"],
    port: 9092,
    storagePath: null,
    validity: { nowMs: Date.now(), days: 1 },
    platform: "win32",
  };
  const error = await makeSecure(wish).then(() => null, (error) => error);
  assertEquals(error instanceof ConfigError, true);
  assertStringIncludes(error.message, "Windows");
  assertEquals([...Deno.readDirSync(folder)], []);
  Deno.removeSync(folder);
});

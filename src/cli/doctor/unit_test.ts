/** Proves what is found in a systemd unit: limits below what the configuration promises, and paths that cannot be written. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { defaultConfig } from "../../config/options.ts";
import { bytesOf, secondsOf, serviceOf, unitFindings } from "./unit.ts";

const config = defaultConfig();
const OWN = Deno.readTextFileSync(new URL("../../../packaging/runnel.service", import.meta.url))
  .replaceAll("/usr/bin/runnel", Deno.execPath()); // which is there

function found(text: string, path: string | null = "/var/lib/runnel") {
  return unitFindings(serviceOf([OWN, `[Service]\n${text}`]), {
    unit: "runnel.service",
    config,
    path,
  });
}

Deno.test("the unit that is shipped is sound", () => {
  assertEquals(found(""), []);
  assertEquals(found("", null), []); // where its ExecStart has the data
});

const BROKEN: [line: string, severity: string, told: string, path?: string][] = [
  ["LimitNOFILE=1024", "warning", "LimitNOFILE=1024"],
  ["LimitNOFILE=512:4096", "warning", "have 4096 descriptors"],
  ["MemoryMax=300M", "warning", "300 MiB of memory, and it may need 512 MiB"],
  ["MemoryDenyWriteExecute=yes", "error", "V8 makes machine code"],
  ["TimeoutStopSec=2", "warning", "TimeoutStopSec=2"],
  ["ExecStart=\nExecStart=/nowhere/runnel serve", "error", "/nowhere/runnel, which is not there"],
  ["", "error", "ReadWritePaths=/data/runnel", "/data/runnel"],
  [
    "ReadWritePaths=/data\nReadOnlyPaths=/data\nReadWritePaths=",
    "error",
    "ReadOnlyPaths=/data",
    "/data/x",
  ],
  ["ReadWritePaths=/home\nInaccessiblePaths=/home/b", "error", "InaccessiblePaths", "/home/b/c"],
  ["ProtectSystem=no", "error", "ProtectHome=yes", "/home/alice/data"],
  ["ProtectSystem=full", "error", "ProtectSystem=full", "/usr/share/data"],
  ["", "warning", "PrivateTmp=yes", "/var/tmp/data"],
];

for (const [line, severity, told, path] of BROKEN) {
  Deno.test(`a unit is told of: ${JSON.stringify(line)}${path ? ` and ${path}` : ""}`, () => {
    const [one, ...rest] = found(line, path);
    assertEquals(rest, []);
    assertEquals(one.severity, severity);
    assertStringIncludes(`${one.what} ${one.evidence}`, told);
  });
}

Deno.test("what a later file says, and paths that may be written, count", () => {
  assertEquals(found("ReadWritePaths=/data", "/data/runnel"), []);
  assertEquals(found("ReadWritePaths=-/srv /data/runnel", "/data/runnel"), []);
  assertEquals(found("LimitNOFILE=1024\nLimitNOFILE=infinity"), []);
  assertEquals(found("ReadWritePaths=/data", "/database").length, 1); // another directory
  assertEquals(found("[Unit]\nLimitNOFILE=5"), []);
  assertEquals(found("#LimitNOFILE=5"), []);
  assertEquals(found("MemoryMax=80%"), []);
});

Deno.test("sizes and times are read as systemd has them", () => {
  assertEquals(["512M", "1G", "100", "1.5K", "infinity", "50%", null].map(bytesOf), [
    2 ** 29,
    2 ** 30,
    100,
    1536,
    null,
    null,
    null,
  ]);
  assertEquals(["60", "5s", "1min 30s", "2h", "infinity", "soon", null].map(secondsOf), [
    60_000,
    5000,
    90_000,
    7_200_000,
    null,
    null,
    null,
  ]);
});

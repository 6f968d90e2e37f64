/** Proves what the start says, by calling its parts with brokers and errors made up here. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { defaultConfig } from "../config/options.ts";
import { helpText } from "./help.ts";
import type { RunningBroker } from "../broker.ts";
import { startErrorLine } from "./error_line.ts";
import { greeting } from "./serve.ts";

const broker: RunningBroker = {
  kafkaAddress: "127.0.0.1:9092",
  listeners: [{ name: "PLAINTEXT", address: "127.0.0.1:9092" }],
  httpAddress: "127.0.0.1:9093",
  dataName: "./runnel-data",
  stop: () => Promise.resolve(),
};

Deno.test("the greeting has at most five lines, with the addresses, the data and a command to try", () => {
  const lines = greeting(broker, defaultConfig());
  assert(lines.length <= 5);
  for (const part of ["127.0.0.1:9092", "./runnel-data", "http://127.0.0.1:9093/metrics", "kcat"]) {
    assertStringIncludes(lines.join("\n"), part);
  }
});

Deno.test("a port in use is named, with the flag that changes it", () => {
  const taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const port = (taken.addr as Deno.NetAddr).port;
  try {
    const error = new Deno.errors.AddrInUse("Address already in use (os error 98)");
    const kafka = startErrorLine(error, { ...defaultConfig(), kafkaPort: port })!;
    assertStringIncludes(kafka, `Port ${port}`);
    assertStringIncludes(kafka, "--kafka-port");
    const http = startErrorLine(error, { ...defaultConfig(), kafkaPort: 0, httpPort: port })!;
    assertStringIncludes(http, "--http-port");
  } finally {
    taken.close();
  }
});

Deno.test("missing rights name the directory, and an unforeseen error is none of those", () => {
  const line = startErrorLine(
    new Deno.errors.PermissionDenied("mkdir '/root/x'"),
    defaultConfig(),
  )!;
  assertStringIncludes(line, "--storage-path");
  assert(!line.includes("\n"));
  assertEquals(startErrorLine(new TypeError("a bug"), defaultConfig()), null);
});

Deno.test("help has every flag but those of secrets", () => {
  const text = helpText();
  for (
    const flag of [
      "--kafka-port",
      "--storage-path",
      "--debug",
      "--config",
      "--limits-max-connections",
    ]
  ) {
    assertStringIncludes(text, flag);
  }
  assert(!/--auth-plain-password\s/.test(text));
});

/** Proves what the start says, by calling its parts with brokers and errors made up here. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { type Config, defaultConfig } from "../config/options.ts";
import { listenTcp } from "../server/transport/tcp.ts";
import { commandHelp } from "./help.ts";
import { serveCommand } from "./serve/command.ts";
import { startErrorLine } from "./error_line.ts";
import { FakeTimers } from "../testing/fake_timers.ts";
import { type Greeted, greeting, isLate } from "./serve.ts";

const broker: Greeted = {
  kafkaAddress: "127.0.0.1:9092",
  listeners: [{ name: "PLAINTEXT", address: "127.0.0.1:9092" }],
  httpAddress: "127.0.0.1:9093",
  dataName: "./runnel-data",
};

Deno.test("the greeting has at most six lines, with the addresses, the data and a command to try", () => {
  const lines = greeting(broker, defaultConfig());
  assert(lines.length <= 6);
  for (
    const part of [
      "127.0.0.1:9092",
      "./runnel-data",
      "Console  http://127.0.0.1:9093/",
      "http://127.0.0.1:9093/metrics",
      "kcat",
    ]
  ) {
    assertStringIncludes(lines.join("\n"), part);
  }
});

Deno.test("the console is named where it is, below its base path and by TLS, or not at all", () => {
  const { console: pages, http, metrics } = defaultConfig();
  const said = (more: Partial<Config>) =>
    greeting(broker, { ...defaultConfig(), ...more }).slice(3, -1).map((line) => line.trim());
  assertEquals(
    said({ console: { ...pages, basePath: "/runnel" }, http: { ...http, tls: true } }),
    ["Console  https://127.0.0.1:9093/runnel/", "Metrics  https://127.0.0.1:9093/metrics"],
  );
  assertEquals(
    said({ console: { ...pages, enabled: false }, metrics: { ...metrics, enabled: false } }),
    ["Health   http://127.0.0.1:9093/healthz"],
  );
});

Deno.test("where every address is listened on, the greeting gives one that a browser and kcat can take", () => {
  const everywhere = {
    kafkaAddress: "0.0.0.0:1",
    listeners: [{ name: "PLAINTEXT", address: "0.0.0.0:1" }],
  };
  assertEquals(
    greeting({ ...broker, ...everywhere, httpAddress: "[::]:2" }, defaultConfig()).slice(1).map((
      line,
    ) => line.trim()),
    [
      "Kafka    0.0.0.0:1",
      "Data     ./runnel-data",
      "Console  http://[::1]:2/",
      "Metrics  http://[::1]:2/metrics",
      "Try      kcat -b 127.0.0.1:1 -L",
    ],
  );
});

Deno.test("the greeting's command says what the listener asks for, or names a plain one", () => {
  const tried = (listeners: Config["listeners"], more: Partial<Config> = {}) => {
    const config = { ...defaultConfig(), listeners, ...more };
    const named = listeners.map(({ protocol }, i) => ({ name: protocol!, address: `a:${i + 1}` }));
    const lines = greeting({ ...broker, kafkaAddress: "a:1", listeners: named }, config);
    assert(lines.length <= 6);
    return lines.at(-1)!.trim();
  };
  const { auth, tls } = defaultConfig(), mechanism = ["PLAIN", "SCRAM-SHA-256"] as const;
  const withTls = { tls: { ...tls, certificateFile: "c" } };
  assertEquals(
    tried([{ protocol: "SSL", port: 1 }, { protocol: "PLAINTEXT", port: 2 }], withTls),
    "Try      kcat -b a:2 -L",
  );
  assertEquals(
    tried([{ protocol: "SSL", port: 1 }], withTls),
    "Try      kcat -b a:1 -F FILE -L, with a FILE that has security.protocol=ssl, ssl.ca.location",
  );
  const mutual = { ...withTls.tls, clientAuth: "required", clientCaFile: "d" } as const;
  assertStringIncludes(
    tried([{ protocol: "SSL", port: 1 }], { tls: mutual }),
    "ssl.ca.location, ssl.certificate.location, ssl.key.location",
  );
  assertStringIncludes(
    tried([{ protocol: "SASL_SSL", port: 1 }], {
      ...withTls,
      auth: { ...auth, mechanism: [...mechanism] },
    }),
    "security.protocol=sasl_ssl, ssl.ca.location, sasl.mechanisms=SCRAM-SHA-256, sasl.username, sasl.password",
  );
});

Deno.test("of two ports only the one in use is named, whoever has the other by now", () => {
  const listening = [0, 0].map((port) => Deno.listen({ hostname: "127.0.0.1", port }));
  const [kafkaPort, httpPort] = listening.map(({ addr }) => (addr as Deno.NetAddr).port);
  try {
    const config = { ...defaultConfig(), kafkaPort, httpPort };
    for (const [port, flag] of [[kafkaPort, "--kafka-port"], [httpPort, "--http-port"]] as const) {
      let caught: unknown;
      try {
        listenTcp({ host: "127.0.0.1", port }).close();
      } catch (error) {
        caught = error;
      }
      assertEquals(
        startErrorLine(caught, config),
        `Port ${port} (${flag}) on 127.0.0.1 is in use: stop the program that has it, or choose another`,
      );
    }
  } finally {
    for (const one of listening) one.close();
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

Deno.test("a port that only root may have is named as that, and not the directory", () => {
  const error = Object.assign(new Deno.errors.PermissionDenied("Permission denied (os error 13)"), {
    address: { host: "127.0.0.1", port: 92 },
  });
  assertEquals(
    startErrorLine(error, { ...defaultConfig(), kafkaPort: 92 }),
    "No rights to listen on port 92 (--kafka-port) of 127.0.0.1: those below 1024 are the system's on most " +
      "machines; choose a higher one",
  );
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

Deno.test("a stop has as long as it gets on, within a limit, and not longer than it stands still", async () => {
  const lateAfterMs = async (closes: (atMs: number) => number, endsAtMs = Infinity) => {
    const timers = new FakeTimers(), stop = Promise.withResolvers<void>();
    let atMs = 0, isOver: boolean | null = null;
    isLate(stop.promise, () => closes(atMs), timers).then((late) => isOver = late);
    while (isOver === null && atMs < 90_000) {
      await timers.advance(100);
      atMs += 100;
      if (atMs === endsAtMs) stop.resolve();
    }
    assertEquals(timers.count, 0);
    return isOver === false ? "in time" : atMs;
  };
  const never = () => 7,
    always = (atMs: number) => atMs,
    until8s = (atMs: number) => Math.min(atMs, 8000);
  assertEquals(await lateAfterMs(never), 4500);
  assertEquals(await lateAfterMs(never, 4400), "in time");
  assertEquals(await lateAfterMs(until8s), 13_000);
  const bySteps = (atMs: number) => Math.floor(atMs / 4000); // each log has a sync that takes its time
  assertEquals(await lateAfterMs(bySteps, 50_000), "in time");
  assertEquals(await lateAfterMs(always, 50_000), "in time");
  assertEquals(await lateAfterMs(always), 55_000);
});

Deno.test("help of serve has every flag but those of secrets", () => {
  const text = commandHelp(serveCommand);
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

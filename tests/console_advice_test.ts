/** Proves that the console advises what `runnel doctor` does of the same broker, in the same words, and nothing where all is well. */
import { assertEquals } from "@std/assert";
import { clientsCheck } from "../src/cli/doctor/clients.ts";
import { processCheck } from "../src/cli/doctor/process.ts";
import type { Scene } from "../src/cli/doctor/scene.ts";
import { adviceOf } from "../src/console/advice.ts";
import type { DiskForecast } from "../src/console/api.ts";
import type { StatusFacts } from "../src/console/route.ts";

const DAY_MS = 86_400_000, NOW_MS = 1_700_000_000_000, GIB = 2 ** 30;

const well = {
  process: { spareDescriptors: 256, lookedFor: 256, heapUsedBytes: 10, heapLimitBytes: 100 },
  limits: { maxConnections: 1000 },
  connections: 7,
  tlsExpiresMs: null,
  clients: [],
} as unknown as StatusFacts;
const disk: DiskForecast = {
  path: "/data",
  logBytes: 1,
  freeBytes: 100 * GIB,
  minFreeBytes: GIB,
  freeBytesPerSecond: null,
  overMs: 0,
  fullAtMs: null,
};

const client = (software: string, version: string, connections = 1) => ({
  clientId: "c",
  software,
  version,
  principal: "User:ANONYMOUS",
  address: "10.0.0.1",
  listener: "PLAINTEXT",
  connections,
  requests: 0,
});

const of = (status: StatusFacts, forecast = disk) =>
  adviceOf(status, forecast, NOW_MS).map(({ level, message }) => [level, message]);

Deno.test("where all is well nothing is advised", () => {
  const clients = ["3.0.0", "3.10.1", "4.4.0", "unknown"]
    .map((version) => client("apache-kafka-java", version));
  assertEquals(of({ ...well, clients, tlsExpiresMs: NOW_MS + 8 * DAY_MS }), []);
});

Deno.test("of the process and of clients it says what doctor says", async () => {
  const status = {
    ...well,
    process: { spareDescriptors: 12, lookedFor: 256, heapUsedBytes: 90, heapLimitBytes: 100 },
    clients: [
      client("apache-kafka-java", "2.8.1"),
      client("apache-kafka-java", "3.1.0"),
      client("librdkafka", "1.9.2", 3),
      client("librdkafka", "2.10.0"),
    ],
  };
  const scene = { http: { status, url: "http://localhost" } } as unknown as Scene;
  const found = [...await processCheck.look(scene), ...await clientsCheck.look(scene)];
  assertEquals(of(status), found.map(({ severity, what }) => [severity, what]));
});

Deno.test("a disk that is full or soon will be, and a certificate that ends, are told of", () => {
  const full = { ...disk, freeBytes: 1.5 * GIB };
  assertEquals(of(well, full), [["warning", "The disk of /data is nearly full"]]);
  assertEquals(of(well, { ...disk, freeBytes: GIB / 2 }), [
    ["error", "The disk of /data is nearly full"],
  ]);
  const soon = { ...disk, freeBytesPerSecond: -1000, fullAtMs: NOW_MS + 5_400_000 };
  assertEquals(of(well, soon), [["warning", "The disk of /data is full in 1.5 h, at this rate"]]);
  assertEquals(of(well, { ...soon, fullAtMs: NOW_MS + 2 * DAY_MS }), []);
  assertEquals(of({ ...well, tlsExpiresMs: NOW_MS + DAY_MS * 2 }), [
    ["warning", "The certificate of a listener of the broker expires in 2.0 d"],
  ]);
  assertEquals(of({ ...well, tlsExpiresMs: NOW_MS - 1 }), [
    ["error", "The certificate of a listener of the broker has expired"],
  ]);
});

/**
 * Client telemetry (KIP-714): which metrics a client is asked for, when it may ask and push, and what is seen of them;
 * through the codec, over a metadata log in memory and a clock that moves when told. Codes are Kafka's.
 */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { type Uuid, ZERO_UUID } from "../bytes/uuid.ts";
import { Paced } from "../background/paced.ts";
import { FakeClock } from "../testing/fake_clock.ts";
import { ClientMetrics } from "../metrics/client_metrics.ts";
import { decode, encode } from "../protocol/codec.ts";
import { GetTelemetrySubscriptions } from "../protocol/messages/get_telemetry_subscriptions.ts";
import { IncrementalAlterConfigs } from "../protocol/messages/incremental_alter_configs.ts";
import { gauge, metricsData, sum } from "../testing/otlp.ts";
import { compress, CompressionType } from "../protocol/records/compression.ts";
import { adminFixture, ask } from "../testing/admin.ts";
import { ClientTelemetry } from "./client_telemetry.ts";
import { getTelemetrySubscriptions } from "./get_telemetry_subscriptions.ts";
import type { RequestContext } from "./handler.ts";
import { pushTelemetry } from "./push_telemetry.ts";

const ID = "SOMEsomeSOMEsomeSOMEsA" as Uuid;
const MAX_BYTES = 10_000, MAX_SERIES = 20;
const INVALID = 42, THROTTLED = 89, UNKNOWN_SUBSCRIPTION = 117, TOO_LARGE = 118;

async function start({ maxInstances = 10 } = {}) {
  const { fixture, handlers } = await adminFixture();
  const clock = new FakeClock(), metrics = new ClientMetrics(MAX_SERIES);
  const telemetry = new ClientTelemetry({
    metadata: fixture.metadata,
    clock,
    maxInstances,
    onGone: (instanceId) => metrics.forget(instanceId),
  });
  metrics.forgetGone = () => telemetry.forgetGone();
  const get = getTelemetrySubscriptions({ telemetry, maxBytes: MAX_BYTES });
  const push = pushTelemetry({
    telemetry,
    metrics,
    maxBytes: MAX_BYTES,
    maxPoints: 100,
    paced: new Paced(),
  });

  const configure = async (name: string, configs: Record<string, string>) => {
    const { responses } = await ask(
      handlers.incrementalAlterConfigs,
      IncrementalAlterConfigs,
      1,
      {
        resources: [{
          resourceType: 16,
          resourceName: name,
          configs: Object.entries(configs).map(([name, value]) => ({
            name,
            configOperation: 0,
            value,
          })),
        }],
      },
    );
    assertEquals(responses[0].errorMessage, null);
  };
  const context = (clientId: string) => ({
    clientId,
    apiVersion: 0,
    connection: {
      peer: "127.0.0.1",
      clientSoftwareName: "lib",
      clientSoftwareVersion: "1.2",
      hold: (_until: Promise<unknown>) => {},
    },
  } as RequestContext);
  const subscribe = async (clientInstanceId: Uuid = ID, clientId = "app") => {
    const answer = await get.handle({ clientInstanceId }, context(clientId));
    return decode(
      GetTelemetrySubscriptions.response,
      0,
      encode(GetTelemetrySubscriptions.response, 0, answer as { errorCode: number }),
    );
  };
  const pushed = async (
    bytes: Uint8Array,
    { id = ID, subscriptionId = 0, terminating = false, compressionType = 0 } = {},
  ) => {
    const request = {
      clientInstanceId: id,
      subscriptionId,
      terminating,
      compressionType,
      metrics: bytes,
    };
    const { errorCode } = await push.handle(request, context("app")) as { errorCode: number };
    return errorCode;
  };
  const shown = () =>
    [...metrics.series()].map(({ clientId, metric, attributes, value }) =>
      [clientId, metric, attributes, value].join(" ").trim()
    );
  return { fixture, clock, metrics, telemetry, configure, subscribe, pushed, shown };
}

const ONE = metricsData([gauge("rate", 2, { topic: "t" })]);

Deno.test("A client without a subscription is asked for nothing, every five minutes", async () => {
  const { subscribe } = await start();
  const answer = await subscribe();
  assertEquals([answer.errorCode, answer.pushIntervalMs], [0, 300_000]);
  assertEquals(answer.requestedMetrics, []);
  assertEquals([answer.telemetryMaxBytes, answer.deltaTemporality], [MAX_BYTES, false]);
});

Deno.test("A client without an id is given one, another each time", async () => {
  const { subscribe } = await start();
  const ids = [await subscribe(ZERO_UUID), await subscribe(ZERO_UUID)].map((one) =>
    one.clientInstanceId
  );
  assert(!ids.includes(ZERO_UUID));
  assertNotEquals(ids[0], ids[1]);
});

Deno.test("Subscriptions that match are added up: all metrics, the shortest interval", async () => {
  const { configure, subscribe } = await start();
  await configure("a", { "interval.ms": "2000", "metrics": "x., y.", "match": "client_id=app.*" });
  await configure("b", { "interval.ms": "1000", "metrics": "y.,z." });
  await configure("c", { "interval.ms": "100", "metrics": "*", "match": "client_id=other" });
  await configure("d", {
    "interval.ms": "100",
    "metrics": "*",
    "match": "client_software_name=lib,client_software_version=2.*",
  });
  const answer = await subscribe();
  assertEquals(answer.pushIntervalMs, 1000);
  assertEquals(answer.requestedMetrics, ["x.", "y.", "z."]);
  assertEquals((await subscribe(ZERO_UUID, "other")).requestedMetrics, ["*"]);
});

Deno.test("A client may ask again when the interval is over, or its subscription has changed under it", async () => {
  const { configure, subscribe, pushed, clock } = await start();
  await configure("a", { "interval.ms": "1000", "metrics": "*" });
  const first = await subscribe();
  assertEquals((await subscribe()).errorCode, THROTTLED);
  clock.advance(1000);
  assertEquals((await subscribe()).subscriptionId, first.subscriptionId);
  await configure("a", { "metrics": "x." });
  assertEquals(
    await pushed(ONE, { subscriptionId: first.subscriptionId }),
    UNKNOWN_SUBSCRIPTION,
  );
  const second = await subscribe();
  assertEquals([second.errorCode, second.requestedMetrics], [0, ["x."]]);
  assertNotEquals(second.subscriptionId, first.subscriptionId);
});

Deno.test("What is pushed is shown, and the next push takes its place", async () => {
  const { configure, subscribe, pushed, shown, clock } = await start();
  await configure("a", { "interval.ms": "1000", "metrics": "*" });
  const { subscriptionId } = await subscribe();
  const push = async (...metrics: Uint8Array[]) => {
    assertEquals(await pushed(metricsData(metrics), { subscriptionId }), 0);
    clock.advance(1000);
  };
  await push(gauge("rate", 2, { topic: "t" }), sum("total", 5n, { isDelta: false }));
  assertEquals(shown(), ["app rate topic=t 2", "app total  5"]);
  await push(gauge("rate", 3, { topic: "t" }), sum("total", 7n, { isDelta: false }));
  assertEquals(shown(), ["app rate topic=t 3", "app total  7"]);
  await push(sum("total", 7n, { isDelta: true }));
  assertEquals(shown(), ["app rate topic=t 3", "app total  14"]);
});

Deno.test("A push may be compressed by every codec", async () => {
  const { subscribe, pushed, shown, clock } = await start();
  const { subscriptionId, acceptedCompressionTypes } = await subscribe();
  assertEquals(acceptedCompressionTypes, [4, 3, 1, 2]);
  for (const compressionType of Object.values(CompressionType)) {
    const bytes = compress(compressionType, metricsData([gauge(`by ${compressionType}`, 1)]));
    assertEquals(await pushed(bytes, { subscriptionId, compressionType }), 0);
    clock.advance(300_000);
  }
  assertEquals(shown().length, 5);
});

Deno.test("A push before its time is refused, unless the client terminates; after that all are", async () => {
  const { subscribe, pushed, clock } = await start();
  const { subscriptionId } = await subscribe();
  assertEquals(await pushed(ONE, { subscriptionId }), 0);
  clock.advance(299_999);
  assertEquals(await pushed(ONE, { subscriptionId }), THROTTLED);
  assertEquals(await pushed(ONE, { subscriptionId, terminating: true }), 0);
  clock.advance(300_000);
  assertEquals(await pushed(ONE, { subscriptionId }), INVALID);
});

Deno.test("A push that cannot be read is refused by what is wrong with it", async () => {
  const { subscribe, pushed, shown, clock } = await start();
  const { subscriptionId } = await subscribe();
  const bomb = compress(CompressionType.gzip, new Uint8Array(MAX_BYTES * 11));
  const cases: [Uint8Array, Parameters<typeof pushed>[1], number][] = [
    [ONE, { id: ZERO_UUID, subscriptionId }, INVALID],
    [ONE, { subscriptionId: subscriptionId + 1 }, UNKNOWN_SUBSCRIPTION],
    [ONE, { subscriptionId, compressionType: 9 }, 76],
    [new Uint8Array(MAX_BYTES + 1), { subscriptionId }, TOO_LARGE],
    [ONE, { subscriptionId, compressionType: CompressionType.gzip }, 87],
    [ONE.subarray(1), { subscriptionId }, 87],
    [bomb, { subscriptionId, compressionType: CompressionType.gzip }, 87],
    [new Uint8Array(0), { subscriptionId }, 0],
  ];
  for (const [bytes, options, code] of cases) {
    assertEquals(await pushed(bytes, options), code);
    clock.advance(300_000);
  }
  assertEquals(shown(), []);
});

Deno.test("Series beyond the limit are counted and left out, and a client that is gone makes room", async () => {
  const { subscribe, pushed, shown, metrics, clock } = await start();
  const { subscriptionId } = await subscribe();
  const many = Array.from({ length: MAX_SERIES + 5 }, (_, i) => gauge(`m${i}`, i));
  assertEquals(await pushed(metricsData(many), { subscriptionId }), 0);
  assertEquals([shown().length, metrics.dropped], [MAX_SERIES, 5]);
  clock.advance(3 * 300_000 + 1);
  assertEquals(shown(), []);
  const again = await subscribe();
  assertEquals(await pushed(ONE, { subscriptionId: again.subscriptionId }), 0);
  assertEquals(shown(), ["app rate topic=t 2"]);
});

Deno.test("Of too many clients the one unheard of for longest is forgotten", async () => {
  const { subscribe, pushed, shown, clock } = await start({ maxInstances: 2 });
  const first = await subscribe();
  await pushed(ONE, { subscriptionId: first.subscriptionId });
  for (let i = 0; i < 2; i++) {
    clock.advance(1);
    await subscribe(ZERO_UUID);
  }
  assertEquals(shown(), []);
});

Deno.test("pushing is offered while a subscription asks for metrics, and not before or after", async () => {
  const desk = await start();
  assertEquals(desk.telemetry.isWanted, false);
  await desk.configure("interval-alone", { "interval.ms": "60000" });
  assertEquals(desk.telemetry.isWanted, false);
  await desk.configure("all", { "metrics": "*" });
  assertEquals(desk.telemetry.isWanted, true);
  await desk.configure("all", { "metrics": "" });
  assertEquals(desk.telemetry.isWanted, false);
});

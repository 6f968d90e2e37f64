/**
 * OTLP metrics, read from bytes written here field by field as OpenTelemetry's metrics.proto numbers them, whole, cut
 * off at every byte, and with every byte changed.
 */
import { assertEquals, assertThrows } from "@std/assert";
import { ProtocolError } from "../bytes/reader.ts";
import { readOtlpMetrics } from "./otlp.ts";
import { gauge, message, metricsData, sum } from "../testing/otlp.ts";

const WHOLE = metricsData([
  gauge("send.rate", 1.5, { topic: "t", partition: "0" }),
  sum("sends", -7n, { isDelta: false }),
  sum("errors", 3n, { isDelta: true }),
]);

Deno.test("readOtlpMetrics() reads gauges and sums with their attributes", () => {
  assertEquals(readOtlpMetrics(WHOLE, 10), [
    {
      name: "send.rate",
      value: 1.5,
      isDelta: false,
      attributes: [["topic", "t"], ["partition", "0"]],
    },
    { name: "sends", value: -7, isDelta: false, attributes: [] },
    { name: "errors", value: 3, isDelta: true, attributes: [] },
  ]);
});

Deno.test("readOtlpMetrics() reads attributes of every simple kind", () => {
  const attribute = (...value: number[]) =>
    message(7, message(1, new TextEncoder().encode("k")), message(2, Uint8Array.from(value)));
  const point = message(
    1,
    attribute(2 << 3, 1),
    attribute(3 << 3, 0x96, 1),
    attribute(3 << 3, ...new Array(9).fill(255), 1),
    attribute(4 << 3 | 1, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f),
    attribute(5 << 3 | 2, 0),
  );
  const name = message(1, new TextEncoder().encode("m"));
  const [read] = readOtlpMetrics(metricsData([message(2, name, message(5, point))]), 10);
  assertEquals(read.attributes.map(([, value]) => value), ["true", "150", "-1", "1.5", ""]);
});

Deno.test("readOtlpMetrics() stops at maxPoints", () => {
  assertEquals(readOtlpMetrics(WHOLE, 2).map(({ name }) => name), ["send.rate", "sends"]);
});

Deno.test("readOtlpMetrics() reads nothing from nothing, and skips fields it does not know", () => {
  assertEquals(readOtlpMetrics(new Uint8Array(0), 10), []);
  assertEquals(readOtlpMetrics(message(9, Uint8Array.of(1, 2, 3)), 10), []);
});

Deno.test("readOtlpMetrics() of a message that is cut off throws ProtocolError", () => {
  for (let length = 1; length < WHOLE.length; length++) {
    assertThrows(() => readOtlpMetrics(WHOLE.subarray(0, length), 10), ProtocolError);
  }
});

Deno.test("readOtlpMetrics() of changed bytes throws nothing but ProtocolError", () => {
  for (let at = 0; at < WHOLE.length; at++) {
    for (const mask of [1, 2, 4, 7, 128, 255]) {
      const bytes = WHOLE.slice();
      bytes[at] ^= mask;
      try {
        readOtlpMetrics(bytes, 10);
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
      }
    }
  }
});

Deno.test("readOtlpMetrics() refuses very many fields for the points it may read", () => {
  const empty = new Uint8Array(1002).map((_, i) => i % 2 === 0 ? 15 << 3 : 0);
  assertThrows(() => readOtlpMetrics(empty, 10), ProtocolError, "too many fields");
  assertEquals(readOtlpMetrics(empty.subarray(0, 1000), 10), []);
});

Deno.test("readOtlpMetrics() refuses a varint that does not end and a length beyond the end", () => {
  assertThrows(
    () => readOtlpMetrics(new Uint8Array(11).fill(255), 10),
    ProtocolError,
    "more than 10 bytes",
  );
  assertThrows(
    () => readOtlpMetrics(Uint8Array.of(10, 0xff, 0xff, 0xff, 0xff, 0x0f), 10),
    ProtocolError,
    "4294967295 bytes, and 0 are left",
  );
});

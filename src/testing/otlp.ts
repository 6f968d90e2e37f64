/** OtlpFixture: OpenTelemetry's MetricsData written by hand, for tests. */

/** A field of bytes. */
export function message(number: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return join([varint(number << 3 | 2), varint(length), ...parts]);
}

export function metricsData(metrics: readonly Uint8Array[]): Uint8Array {
  return message(1, message(2, ...metrics));
}

export function gauge(
  name: string,
  value: number,
  attributes: Readonly<Record<string, string>> = {},
): Uint8Array {
  const number = new Uint8Array(8);
  new DataView(number.buffer).setFloat64(0, value, true);
  const pairs = Object.entries(attributes).map(([key, text]) =>
    message(7, message(1, utf8(key)), message(2, message(1, utf8(text))))
  );
  const point = message(1, ...pairs, varint(4 << 3 | 1), number);
  return message(2, message(1, utf8(name)), message(5, point));
}

export function sum(
  name: string,
  value: bigint,
  { isDelta }: { readonly isDelta: boolean },
): Uint8Array {
  const number = new Uint8Array(8);
  new DataView(number.buffer).setBigInt64(0, value, true);
  const point = message(1, varint(6 << 3 | 1), number);
  const temporality = join([varint(2 << 3), varint(isDelta ? 1 : 2)]);
  return message(2, message(1, utf8(name)), message(7, point, temporality));
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  for (; value > 127; value >>>= 7) bytes.push(value & 127 | 128);
  return Uint8Array.from([...bytes, value]);
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

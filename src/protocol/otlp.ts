/**
 * OTLP metrics: what clients push (KIP-714), OpenTelemetry's MetricsData in protobuf, as far as it is read here: gauges
 * and sums with their attributes. Other kinds of metrics, which Kafka's clients do not send, are skipped.
 *
 *     MetricsData      1 ResourceMetrics*
 *     ResourceMetrics  2 ScopeMetrics*
 *     ScopeMetrics     2 Metric*
 *     Metric           1 name · 5 Gauge · 7 Sum
 *     Gauge, Sum       1 NumberDataPoint* · 2 temporality (1: delta)
 *     NumberDataPoint  4 as_double · 6 as_int · 7 KeyValue*
 *     KeyValue         1 key · 2 AnyValue: 1 string, 2 bool, 3 int, 4 double
 *
 * Input is hostile: every length is compared with what is left, and a limit ends the reading.
 */
import { ProtocolError } from "../bytes/reader.ts";

export interface OtlpPoint {
  readonly name: string;
  readonly value: number;
  /** Counts since the last push, to be added up, and not the value itself. */
  readonly isDelta: boolean;
  readonly attributes: readonly (readonly [key: string, value: string])[];
}

/** The first `maxPoints` data points. Throws ProtocolError for what is no MetricsData, or has very many fields. */
export function readOtlpMetrics(bytes: Uint8Array, maxPoints: number): OtlpPoint[] {
  const points: OtlpPoint[] = [];
  const budget = { fields: maxPoints * FIELDS_PER_POINT };
  for (const resource of messages(bytes, 1, budget)) {
    for (const scope of messages(resource, 2, budget)) {
      for (const metric of messages(scope, 2, budget)) {
        for (const point of pointsOf(metric, budget)) {
          if (points.length === maxPoints) return points;
          points.push(point);
        }
      }
    }
  }
  return points;
}

/** What is left to read: a push of empty fields must not keep the broker busy. */
interface Budget {
  fields: number;
}

const FIELDS_PER_POINT = 50;
const NAME = 1, GAUGE = 5, SUM = 7, DELTA = 1;

function* pointsOf(metric: Uint8Array, budget: Budget): Generator<OtlpPoint> {
  let name = "";
  const kinds: Uint8Array[] = [];
  for (const { number, value } of fields(metric, budget)) {
    if (number === NAME) name = text(value);
    else if (number === GAUGE || number === SUM) kinds.push(bytesOf(value));
  }
  for (const kind of kinds) {
    let isDelta = false;
    const points: Uint8Array[] = [];
    for (const { number, value } of fields(kind, budget)) {
      if (number === 1) points.push(bytesOf(value));
      else if (number === 2) isDelta = Number(value) === DELTA;
    }
    for (const point of points) yield { name, isDelta, ...readPoint(point, budget) };
  }
}

function readPoint(point: Uint8Array, budget: Budget): Pick<OtlpPoint, "value" | "attributes"> {
  let value = 0;
  const attributes: [string, string][] = [];
  for (const field of fields(point, budget)) {
    if (field.number === 4) value = fixed64(field.value).getFloat64(0, true);
    else if (field.number === 6) value = Number(fixed64(field.value).getBigInt64(0, true));
    else if (field.number === 7) attributes.push(readAttribute(bytesOf(field.value), budget));
  }
  return { value, attributes };
}

function readAttribute(bytes: Uint8Array, budget: Budget): [string, string] {
  let key = "", value = "";
  for (const field of fields(bytes, budget)) {
    if (field.number === 1) key = text(field.value);
    else if (field.number === 2) value = readAnyValue(bytesOf(field.value), budget);
  }
  return [key, value];
}

/** Lists and maps become empty. */
function readAnyValue(bytes: Uint8Array, budget: Budget): string {
  for (const { number, value } of fields(bytes, budget)) {
    if (number === 1) return text(value);
    if (number === 2) return String(Number(value) !== 0);
    if (number === 3) return String(BigInt.asIntN(64, numberOf(value)));
    if (number === 4) return String(fixed64(value).getFloat64(0, true));
  }
  return "";
}

/** A field of a protobuf message: a varint's number, else its bytes. */
interface Field {
  readonly number: number;
  readonly value: number | bigint | Uint8Array;
}

const VARINT = 0, FIXED_64 = 1, BYTES = 2, FIXED_32 = 5;

function* fields(bytes: Uint8Array, budget: Budget): Generator<Field> {
  let at = 0;
  const byte = (): number => {
    if (at < bytes.length) return bytes[at++];
    throw new ProtocolError("OTLP metrics end inside a varint");
  };
  const varint = (): number | bigint => {
    let value = 0, scale = 1;
    for (let i = 0; i < 7; i++, scale *= 128) {
      const next = byte();
      value += (next & 127) * scale;
      if (next < 128) return value;
    }
    return longVarint(BigInt(value));
  };
  const longVarint = (low: bigint): bigint => {
    for (let shift = 49n; shift < 70n; shift += 7n) {
      const next = byte();
      low |= BigInt(next & 127) << shift;
      if (next < 128) return low;
    }
    throw new ProtocolError("OTLP metrics have a varint of more than 10 bytes");
  };
  const take = (length: number): Uint8Array => {
    if (length > bytes.length - at) {
      throw new ProtocolError(`OTLP field has ${length} bytes, and ${bytes.length - at} are left`);
    }
    return bytes.subarray(at, at += length);
  };
  while (at < bytes.length) {
    if (--budget.fields < 0) throw new ProtocolError("OTLP metrics have too many fields");
    const tag = Number(varint());
    const type = tag & 7, number = Math.floor(tag / 8);
    switch (type) {
      case VARINT:
        yield { number, value: varint() };
        break;
      case BYTES:
        yield { number, value: take(Number(varint())) };
        break;
      case FIXED_64:
      case FIXED_32:
        yield { number, value: take(type === FIXED_64 ? 8 : 4) };
        break;
      default:
        throw new ProtocolError(`OTLP field has wire type ${type}, needs 0, 1, 2 or 5`);
    }
  }
}

function* messages(bytes: Uint8Array, wanted: number, budget: Budget): Generator<Uint8Array> {
  for (const { number, value } of fields(bytes, budget)) {
    if (number === wanted) yield bytesOf(value);
  }
}

function numberOf(value: number | bigint | Uint8Array): bigint {
  if (!(value instanceof Uint8Array)) return BigInt(value);
  throw new ProtocolError(`OTLP field has ${value.length} bytes, needs a number`);
}

function bytesOf(value: number | bigint | Uint8Array): Uint8Array {
  if (value instanceof Uint8Array) return value;
  throw new ProtocolError("OTLP field is a number, needs bytes");
}

function fixed64(value: number | bigint | Uint8Array): DataView {
  const bytes = bytesOf(value);
  if (bytes.length !== 8) throw new ProtocolError(`OTLP number has ${bytes.length} bytes, needs 8`);
  return new DataView(bytes.buffer, bytes.byteOffset, 8);
}

function text(value: number | bigint | Uint8Array): string {
  return utf8.decode(bytesOf(value));
}

const utf8 = new TextDecoder();

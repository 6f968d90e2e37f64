/** Random values of a message in a version: what to encode, and what decoding it must give. */
import type { Uuid } from "../src/bytes/uuid.ts";
import { randomUuid } from "../src/bytes/uuid.ts";
import { type Entry, entry, layoutOf, type Version } from "../src/protocol/layout.ts";
import { defaultOf, type Fields, type Message, type Spec } from "../src/protocol/schema.ts";
import type { Random } from "./random.ts";

type Struct = Record<string, unknown>;

export interface Sample {
  readonly input: Struct;
  readonly decoded: Struct;
}

/** Fields the version lacks, and now and then others, are left out of the input. */
export function randomMessage(message: Message, version: number, random: Random): Sample {
  return randomStruct(
    message.fields,
    { version, flexible: version >= message.flexibleFrom },
    random,
  );
}

function randomStruct(fields: Fields, at: Version, random: Random): Sample {
  const input: Struct = {}, decoded: Struct = {};
  for (const field of layoutOf(fields, at).all) {
    const fallback = defaultOf(field.spec);
    const isLeftOut = !field.present || random.oneIn(8) && !(fallback === null && !field.nullable);
    if (isLeftOut) {
      decoded[field.name] = fallback;
      continue;
    }
    const value = randomValue(field, at, random);
    input[field.name] = value.input;
    decoded[field.name] = value.decoded;
  }
  return { input, decoded };
}

function randomValue(
  { spec, nullable }: Entry,
  at: Version,
  random: Random,
): { input: unknown; decoded: unknown } {
  if (nullable && random.oneIn(4)) return both(null);
  switch (spec.kind) {
    case "struct":
      return randomStruct(spec.fields!, at, random);
    case "array": {
      const element = entry("", spec.element!, at);
      const values = Array.from(
        { length: random.below(4) },
        () => randomValue(element, at, random),
      );
      return {
        input: values.map(({ input }) => input),
        decoded: values.map(({ decoded }) => decoded),
      };
    }
    case "records": {
      const whole = random.bytes(random.oneIn(5) ? 1025 + random.below(1000) : random.below(50));
      const middle = random.below(whole.length + 1);
      const parts = [whole.subarray(0, middle), whole.subarray(middle)];
      return { input: random.oneIn(2) ? whole : parts, decoded: whole };
    }
    case "bytes":
      return both(random.bytes(random.oneIn(10) ? 1500 : random.below(20)));
    default:
      return both(randomScalar(spec, random));
  }
}

function both(value: unknown): { input: unknown; decoded: unknown } {
  return { input: value, decoded: value };
}

function randomScalar({ kind }: Spec, random: Random): unknown {
  switch (kind) {
    case "int8":
      return random.between(-0x80, 0x7f);
    case "int16":
      return random.between(-0x8000, 0x7fff);
    case "uint16":
      return random.between(0, 0xffff);
    case "int32":
      return random.between(-0x8000_0000, 0x7fff_ffff);
    case "uint32":
      return random.between(0, 0xffff_ffff);
    case "int64":
      return random.between(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
    case "bigint64":
      return BigInt.asIntN(
        64,
        BigInt(random.between(0, 0xffff_ffff)) << 32n | BigInt(random.below(0xffff_ffff)),
      );
    case "float64":
      return random.pick([0, -1.5, 1e300, random.next(), Infinity]);
    case "bool":
      return random.oneIn(2);
    case "uuid":
      return randomUuid((into) => into.set(random.bytes(16))) as Uuid;
    default:
      return randomText(random);
  }
}

function randomText(random: Random): string {
  const alphabet = random.pick(["abc.-_09", "aé世🌍\uFEFF\0"]);
  const length = random.oneIn(30) ? random.pick([62, 126, 127, 128, 10_000]) : random.below(30);
  const letters = [...alphabet];
  return Array.from({ length }, () => random.pick(letters)).join("");
}

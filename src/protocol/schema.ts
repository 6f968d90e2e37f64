/**
 * Schema: the builders messages are declared with, and the types that follow from a declaration.
 *
 * A declaration is one object per message: field names are Kafka's in camelCase, in the order they have on the
 * wire. Each field says in which versions it exists (`.in("3+")`), may be null (`.nullable()`), what it is when
 * it is absent (`.default(-1)`, else 0, "", [] or null) and whether it is a tagged field (`.tag(0, "10+")`).
 *
 * An int64 is a number: decoding saturates at ±(2^53 - 1), where every offset and timestamp is out of range
 * anyway; encoding refuses what is not a safe integer. `.exact()` makes it a bigint, for committed offsets, which
 * are stored and returned unchanged whatever they are, and for timestamps that are looked up among records' own.
 */
import type { Uuid } from "../bytes/uuid.ts";
import { ZERO_UUID } from "../bytes/uuid.ts";

/** "3" is that version alone, "3-12" both included, "3+" all from there. */
export type Versions = `${bigint}` | `${bigint}-${bigint}` | `${bigint}+`;

export type Kind =
  | "int8"
  | "int16"
  | "uint16"
  | "int32"
  | "uint32"
  | "int64"
  | "bigint64"
  | "float64"
  | "bool"
  | "string"
  | "bytes"
  | "records"
  | "uuid"
  | "array"
  | "struct";

/** What a field is, as data. */
export interface Spec {
  readonly kind: Kind;
  /** Of an array. */
  readonly element?: Spec;
  /** Of a struct. */
  readonly fields?: Fields;
  readonly versions: Range;
  readonly nullable: Range;
  readonly tag: number | null;
  /** undefined: the kind's own. Of arrays, bytes and structs all that counts is whether it is null. */
  readonly fallback: unknown;
  /** A value that the version cannot carry is dropped instead of refused. */
  readonly ignorable: boolean;
  /** Keeps its two-byte length in flexible versions. */
  readonly notCompact: boolean;
}

/** A field of a message. `Value` is what decoding gives, `Input` what encoding takes. */
export class Field<Value, Input = Value> {
  declare readonly value: Value;
  declare readonly input: Input;

  constructor(readonly spec: Spec) {}

  /** Exists in these versions only. */
  in(versions: Versions): Field<Value, Input> {
    return new Field({ ...this.spec, versions: range(versions) });
  }

  /**
   * May be null in these versions. Its default then is null too, unless another is given after this: also where
   * Kafka's own default is "" or [], since Kafka's handlers set those fields, to null when there is nothing
   * to say. Another default is declared where one could see the difference in what is decoded.
   */
  nullable(versions: Versions = "0+"): Field<Value | null, Input | null> {
    return new Field({ ...this.spec, nullable: range(versions), fallback: null });
  }

  /**
   * The value where the field is absent, in a version without it or left out. For a field that may be null, [] or
   * {} says that it is empty (a struct: its fields' defaults) rather than null.
   */
  default(value: Input): Field<Value, Input> {
    return new Field({ ...this.spec, fallback: value });
  }

  /** Encoding for a version without this field drops the value, where others refuse any but the default. */
  ignorable(): Field<Value, Input> {
    return new Field({ ...this.spec, ignorable: true });
  }

  /** A tagged field (KIP-482): on the wire only when it is not the default. */
  tag(tag: number, versions: Versions): Field<Value, Input> {
    return new Field({ ...this.spec, tag, versions: range(versions) });
  }

  /** Keeps the length form of the inflexible versions: the client id, which must be readable in any header. */
  notCompact(): Field<Value, Input> {
    return new Field({ ...this.spec, notCompact: true });
  }
}

class Int64Field extends Field<number> {
  /** All 64 bits, as a bigint. */
  exact(): Field<bigint> {
    return new Field({ ...this.spec, kind: "bigint64" });
  }

  /** The same where what is sent mostly is a small number, which then will do. */
  exactOrNumber(): Field<bigint, bigint | number> {
    return new Field({ ...this.spec, kind: "bigint64" });
  }
}

// deno-lint-ignore no-explicit-any
export type Fields = { readonly [name: string]: Field<any, any> };

type Flat<T> = { [K in keyof T]: T[K] } & unknown;
type Values<F extends Fields> = Flat<{ -readonly [K in keyof F]: F[K]["value"] }>;
type Inputs<F extends Fields> = Flat<{ readonly [K in keyof F]?: F[K]["input"] }>;

/** What decoding a message (or a group of fields) gives: every field, in every version. */
export type Decoded<S> = S extends Message<infer F> ? Values<F>
  : S extends Fields ? Values<S>
  : never;

/** What encoding a message (or a group of fields) takes: whatever is left out gets its default. */
export type Encodable<S> = S extends Message<infer F> ? Inputs<F>
  : S extends Fields ? Inputs<S>
  : never;

const ALWAYS: Range = { from: 0, to: Infinity };
const NEVER: Range = { from: Infinity, to: -Infinity };

export const int8 = field<number>("int8");
export const int16 = field<number>("int16");
export const uint16 = field<number>("uint16");
export const int32 = field<number>("int32");
export const uint32 = field<number>("uint32");
export const int64 = new Int64Field(field<number>("int64").spec);
export const float64 = field<number>("float64");
export const bool = field<boolean>("bool");
export const string = field<string>("string");
export const uuid = field<Uuid>("uuid");
/** Decodes to a view into the frame. */
export const bytes = field<Uint8Array>("bytes");
/** Record batches: as bytes, but takes a list of slices too, and large slices are sent as they are. */
export const records = field<Uint8Array, Uint8Array | readonly Uint8Array[]>("records");

export function array<V, I>(element: Field<V, I>): Field<V[], readonly I[]>;
export function array<F extends Fields>(element: F): Field<Values<F>[], readonly Inputs<F>[]>;
export function array(element: Fields | Field<unknown>): Field<unknown[], readonly unknown[]> {
  const { spec } = element instanceof Field ? element : struct(element);
  return new Field({ ...field("array").spec, element: spec });
}

export function struct<F extends Fields>(fields: F): Field<Values<F>, Inputs<F>> {
  return new Field({ ...field("struct").spec, fields });
}

/** One message: fields and the versions it has. */
export interface Message<F extends Fields = Fields> {
  readonly name: string;
  /** The record type, for messages that are records of a log. */
  readonly key: number | null;
  readonly min: number;
  readonly max: number;
  /** From here on lengths are compact and there are tagged fields. */
  readonly flexibleFrom: number;
  readonly fields: F;
}

/** One API: a request and its response, under one key and the same versions. */
export interface Api<Q extends Fields = Fields, R extends Fields = Fields> {
  readonly key: number;
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly flexibleFrom: number;
  readonly request: Message<Q>;
  readonly response: Message<R>;
}

interface Declaration {
  readonly name: string;
  readonly versions: Versions;
  readonly flexible: Versions | "none";
}

/** Declares a record, or any message that travels without a request header. */
export function message<F extends Fields>(
  { name, key = null, versions, flexible, fields }: Declaration & {
    key?: number | null;
    fields: F;
  },
): Message<F> {
  const { from: min, to: max } = range(versions);
  const flexibleFrom = flexible === "none" ? Infinity : range(flexible).from;
  return { name, key, min, max, flexibleFrom, fields };
}

/** Declares an API. */
export function api<Q extends Fields, R extends Fields>(
  declaration: Declaration & { key: number; request: Q; response: R },
): Api<Q, R> {
  const { key, name, versions, flexible } = declaration;
  const request = message({
    name: `${name} request`,
    versions,
    flexible,
    fields: declaration.request,
  });
  const response = message({
    name: `${name} response`,
    versions,
    flexible,
    fields: declaration.response,
  });
  const { min, max, flexibleFrom } = request;
  return { key, name, min, max, flexibleFrom, request, response };
}

export interface Range {
  readonly from: number;
  readonly to: number;
}

export function includes(range: Range, version: number): boolean {
  return version >= range.from && version <= range.to;
}

function range(versions: Versions): Range {
  const [first, last] = versions.replace("+", "-Infinity").split("-");
  return { from: Number(first), to: Number(last ?? first) };
}

function field<Value, Input = Value>(kind: Kind): Field<Value, Input> {
  return new Field({
    kind,
    versions: ALWAYS,
    nullable: NEVER,
    tag: null,
    fallback: undefined,
    ignorable: false,
    notCompact: false,
  });
}

/** A fresh default of a field. */
export function defaultOf(spec: Spec): unknown {
  if (spec.fallback === null) return null;
  switch (spec.kind) {
    case "bytes":
    case "records":
      return new Uint8Array();
    case "array":
      return [];
    case "struct":
      return Object.fromEntries(
        Object.entries(spec.fields!).map(([name, { spec }]) => [name, defaultOf(spec)]),
      );
    case "bool":
      return spec.fallback ?? false;
    case "string":
      return spec.fallback ?? "";
    case "uuid":
      return spec.fallback ?? ZERO_UUID;
    case "bigint64":
      return spec.fallback ?? 0n;
    default:
      return spec.fallback ?? 0;
  }
}

/** Whether the value is the field's default, or left out. */
export function isDefault(spec: Spec, value: unknown): boolean {
  if (value === undefined) return true;
  if (value === null || spec.fallback === null) return value === spec.fallback;
  switch (spec.kind) {
    case "bytes":
    case "records":
    case "array":
      return (value as unknown[]).length === 0;
    case "struct":
      return Object.entries(spec.fields!).every(([name, { spec }]) =>
        isDefault(spec, (value as Record<string, unknown>)[name])
      );
    default:
      return value === defaultOf(spec);
  }
}

/**
 * Layout: what a message's fields come to in one version. The interpreter walks it; the generator prints it.
 */
import { type Fields, includes, type Spec } from "./schema.ts";

export interface Layout {
  /** Every field, in the order declared. */
  readonly all: readonly Entry[];
  /** Those on the wire one after the other. */
  readonly plain: readonly Entry[];
  /** Tagged fields, by tag. */
  readonly tagged: readonly Entry[];
  /** Whether a list of tagged fields ends the struct. */
  readonly flexible: boolean;
}

export interface Entry {
  readonly name: string;
  readonly spec: Spec;
  readonly present: boolean;
  readonly nullable: boolean;
  /** Whether its length is a varint. */
  readonly compact: boolean;
}

export interface Version {
  readonly version: number;
  readonly flexible: boolean;
}

/**
 * More elements than all arrays of an honest message have together; refused before allocating. An object takes tens
 * of bytes where it may be two on the wire, so that counting the bytes alone would not bound the memory.
 */
export const MAX_ARRAY_ELEMENTS = 1_000_000;

export function layoutOf(fields: Fields, at: Version): Layout {
  const all = Object.entries(fields).map(([name, { spec }]) => entry(name, spec, at));
  const present = all.filter((entry) => entry.present);
  return {
    all,
    plain: present.filter(({ spec }) => spec.tag === null),
    tagged: present.filter(({ spec }) => spec.tag !== null).sort((a, b) =>
      a.spec.tag! - b.spec.tag!
    ),
    flexible: at.flexible,
  };
}

export function entry(name: string, spec: Spec, { version, flexible }: Version): Entry {
  return {
    name,
    spec,
    present: includes(spec.versions, version),
    nullable: includes(spec.nullable, version),
    compact: flexible && !spec.notCompact,
  };
}

/** The fewest bytes a value can take: a count of elements is compared with what remains before it is believed. */
export function minBytes({ spec, nullable, compact }: Entry, at: Version): number {
  switch (spec.kind) {
    case "string":
      return compact ? 1 : 2;
    case "bytes":
    case "records":
    case "array":
      return compact ? 1 : 4;
    case "struct": {
      if (nullable) return 1;
      const { plain, flexible } = layoutOf(spec.fields!, at);
      return plain.reduce((sum, entry) => sum + minBytes(entry, at), flexible ? 1 : 0);
    }
    default:
      return FIXED_BYTES[spec.kind];
  }
}

/** Kinds that always take the same number of bytes. */
export const FIXED_BYTES = {
  int8: 1,
  bool: 1,
  int16: 2,
  uint16: 2,
  int32: 4,
  uint32: 4,
  int64: 8,
  bigint64: 8,
  float64: 8,
  uuid: 16,
} as const;

/** The byte that stands for a null struct, where 1 stands in front of any other. Kafka's generator has two. */
export function nullMark(spec: Spec): number {
  return spec.tag === null ? -1 : 0;
}

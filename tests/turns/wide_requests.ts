/**
 * Wide requests: for each array that a request may hold one that names very much there, and as little as it may elsewhere.
 */
import { joined } from "../../src/protocol/codec.ts";
import { encodeRequest } from "../../src/protocol/frame.ts";
import { layoutOf, type Version } from "../../src/protocol/layout.ts";
import type { Api, Fields, Spec } from "../../src/protocol/schema.ts";
import { ZERO_UUID } from "../../src/bytes/uuid.ts";

/** What is named: one thing over and over, a hundred that there are, or as many as are named, which there are not. */
export type Names = "same" | "existing" | "unknown";

type Struct = Record<string, unknown>;

/** The arrays of a message in a version, each by the names of the fields that lead to it. */
export function arraysOf(fields: Fields, at: Version): string[][] {
  return layoutOf(fields, at).plain.flatMap(({ name, spec }) => {
    if (spec.kind !== "array") return [];
    const inner = spec.element!.kind === "struct" ? arraysOf(spec.element!.fields!, at) : [];
    return [[name], ...inner.map((path) => [name, ...path])];
  });
}

/** A frame, without its size, with `count` elements in the array at `path`. */
export function wideRequest(
  api: Api,
  version: number,
  { path, count, names }: {
    readonly path: readonly string[];
    readonly count: number;
    readonly names: Names;
  },
): Uint8Array {
  const at = { version, flexible: version >= api.flexibleFrom };
  return request(api, version, structOf(api.request.fields, at, { path, count, names, nth: 0 }));
}

export function request(api: Api, version: number, body: Struct): Uint8Array {
  const asked = { correlationId: 1, clientId: "wide" };
  return joined(encodeRequest(api, version, asked, body)).subarray(4);
}

interface Wide {
  readonly path: readonly string[];
  readonly count: number;
  readonly names: Names;
  /** The place of this one in the array that it is in. */
  readonly nth: number;
}

function structOf(fields: Fields, at: Version, wide: Wide): Struct {
  const value: Struct = {};
  for (const { name, spec } of layoutOf(fields, at).plain) {
    if (spec.kind === "array") value[name] = arrayOf(name, spec, at, wide);
    else if (spec.kind === "struct") value[name] = structOf(spec.fields!, at, wide);
    else {
      const scalar = scalarOf(name, spec, wide);
      if (scalar !== undefined) value[name] = scalar;
    }
  }
  return value;
}

function arrayOf(name: string, { element }: Spec, at: Version, wide: Wide): unknown[] {
  const [first, ...path] = wide.path;
  if (first !== name) return [];
  return Array.from(
    { length: path.length > 0 ? 1 : wide.count },
    (_, nth) =>
      element!.kind === "struct"
        ? structOf(element!.fields!, at, { ...wide, path, nth })
        : scalarOf(name, element!, { ...wide, path, nth }),
  );
}

function scalarOf(field: string, { kind }: Spec, { names, nth, path }: Wide): unknown {
  const isOfWide = path.length === 0 && names !== "same";
  switch (kind) {
    case "string": {
      if (/^(memberId|groupInstanceId|instanceId|rackId)$/.test(field) && nth === 0) {
        return undefined;
      }
      const known = /group/i.test(field) ? "g" : "t";
      if (!isOfWide) return known;
      return names === "existing" ? `${known}${nth % EXISTING}` : `n${nth}`;
    }
    case "bool":
    case "float64":
      return undefined;
    case "bigint64":
      return 0n;
    case "uuid":
      return ZERO_UUID;
    case "bytes":
    case "records":
      return new Uint8Array(0);
    case "int8":
      return field === "resourceType" ? 2 : 0;
    default:
      if (/^generationId/.test(field)) return -1;
      if (/numPartitions|replicationFactor|^count$|timeoutMs/.test(field)) return 1;
      return isOfWide ? nth : 0;
  }
}

/** Topics t, t0, t1, …, and groups g, g0, g1, …, that are to be there. */
export const EXISTING = 100;

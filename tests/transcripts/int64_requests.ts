/**
 * Requests with an extreme int64: for every field of that kind in a request, found in the declarations, so that a new
 * field cannot be forgotten. The same are sent to Runnel by tests/broker/int64_test.ts and to a Kafka by record_int64.ts.
 */
import { ZERO_UUID } from "../../src/bytes/uuid.ts";
import { joined } from "../../src/protocol/codec.ts";
import { decodeResponse, encodeRequest } from "../../src/protocol/frame.ts";
import { entry, layoutOf, type Version } from "../../src/protocol/layout.ts";
import type { Api, Fields, Message, Spec } from "../../src/protocol/schema.ts";
import type { Wire } from "../broker/harness.ts";

/** What can go wrong in between: numbers that are exact, that are not, and the ends of an int64. */
export const EXTREMES: readonly bigint[] = [
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 53n + 1n,
  2n ** 62n,
  2n ** 63n - 1n,
  -(2n ** 53n) + 1n,
  -(2n ** 53n),
  -(2n ** 53n) - 1n,
  -(2n ** 63n),
  -2n,
];

/** What a request names: a topic of one partition with a few records, and a group. */
export interface Subject {
  readonly topic: string;
  readonly topicId: string;
  readonly group: string;
}

/** Paths of the int64 fields of a message in a version: "topics.partitions.timestamp". */
export function int64Paths(message: Message, version: number): string[] {
  const at = versionOf(message, version), paths: string[] = [];
  const walk = (fields: Fields, prefix: string) => {
    for (const { name, spec, present } of layoutOf(fields, at).all) {
      if (present) walkSpec(spec, `${prefix}${name}`);
    }
  };
  const walkSpec = (spec: Spec, path: string) => {
    if (spec.kind === "int64" || spec.kind === "bigint64") paths.push(path);
    else if (spec.kind === "array") walkSpec(spec.element!, path);
    else if (spec.kind === "struct") walk(spec.fields!, `${path}.`);
  };
  walk(message.fields, "");
  return paths;
}

/** A request about the subject, as it travels, whose field at `path` has this value. */
export function requestWith(
  api: Api,
  version: number,
  { path, value, subject, fill }: {
    readonly path: string;
    readonly value: bigint;
    readonly subject: Subject;
    /** An array that is to have an element besides those on the path. */
    readonly fill?: string;
  },
): Uint8Array {
  const { request } = api, at = versionOf(request, version);
  const body = structWith(request.fields, at, "", { path, subject, fill }) as never;
  const header = { correlationId: 7, clientId: "int64" };
  return patched(joined(encodeRequest(api, version, header, body)), value);
}

/** Stands for the value until the message is encoded, which takes no number beyond 2^53. */
const MARKER = 0x00123456789abcde;

function patched(encoded: Uint8Array, value: bigint): Uint8Array {
  const body = encoded.slice();
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const places: number[] = [];
  for (let i = 0; i + 8 <= body.length; i++) {
    if (view.getBigInt64(i) === BigInt(MARKER)) places.push(i);
  }
  if (places.length !== 1) throw new Error(`The field stands ${places.length} times in the request`);
  view.setBigInt64(places[0], value);
  return body;
}

function versionOf(message: Message, version: number): Version {
  return { version, flexible: version >= message.flexibleFrom };
}

type Wanted = { readonly path: string; readonly subject: Subject; readonly fill?: string };

function structWith(fields: Fields, at: Version, prefix: string, wanted: Wanted): unknown {
  const struct: Record<string, unknown> = {};
  for (const { name, spec, present, nullable } of layoutOf(fields, at).all) {
    if (!present) continue;
    const value = valueOf(spec, at, `${prefix}${name}`, { ...wanted, nullable });
    if (value !== undefined) struct[name] = value;
  }
  return struct;
}

/** Undefined: as the field is by default. */
function valueOf(
  spec: Spec,
  at: Version,
  path: string,
  { nullable, ...wanted }: Wanted & { readonly nullable: boolean },
): unknown {
  const isOnPath = wanted.path === path || wanted.path.startsWith(`${path}.`);
  switch (spec.kind) {
    case "int64":
      return isOnPath ? MARKER : undefined;
    case "bigint64":
      return isOnPath ? BigInt(MARKER) : undefined;
    case "struct":
      return isOnPath || spec.tag === null ? structWith(spec.fields!, at, `${path}.`, wanted) : undefined;
    case "array": {
      const isFilled = wanted.fill !== undefined && path.startsWith(wanted.fill);
      if (!isOnPath && !isFilled) return nullable ? null : [];
      const element = entry("", spec.element!, at);
      return [valueOf(spec.element!, at, path, { ...wanted, nullable: element.nullable })];
    }
    default:
      return usual(path.split(".").at(-1)!, wanted.subject);
  }
}

/** What fields are called that a request must fill in to be about the subject. */
function usual(name: string, { topic, topicId, group }: Subject): unknown {
  switch (name) {
    case "topic":
    case "name":
      return topic;
    case "topicId":
      return topicId ?? ZERO_UUID;
    case "groupId":
      return group;
    case "timeoutMs":
      return 5000;
    case "transactionTimeoutMs":
      return 60_000;
    case "partitionMaxBytes":
      return 1 << 20;
    case "generationIdOrMemberEpoch":
    case "replicaId":
    case "producerEpoch":
      return -1;
    default:
      return undefined;
  }
}

/** Sends every such request in its highest version that has the field; error codes by field and value, or "closed". */
export async function answersTo(
  apis: readonly { readonly api: Api; readonly max: number; readonly min: number }[],
  connect: () => Promise<Wire>,
  subject: Subject,
): Promise<Record<string, number[] | "closed">> {
  const answers: Record<string, number[] | "closed"> = {};
  let wire = await connect();
  for (const { api, min, max } of apis) {
    const seen = new Set<string>();
    for (let version = max; version >= min; version--) {
      for (const path of int64Paths(api.request, version)) {
        if (seen.has(path)) continue;
        seen.add(path);
        for (const value of EXTREMES) {
          await wire.write(requestWith(api, version, { path, value, subject }));
          const frame = await wire.frame();
          const name = `${api.name} ${path} ${value}`;
          if (frame !== null) answers[name] = codesIn(decodeResponse(api, version, frame).body);
          else {
            answers[name] = "closed";
            wire.close();
            wire = await connect();
          }
        }
      }
    }
  }
  wire.close();
  return answers;
}

/** Every error code of an answer, in order. */
export function codesIn(answer: unknown): number[] {
  if (Array.isArray(answer)) return answer.flatMap(codesIn);
  if (answer === null || typeof answer !== "object" || answer instanceof Uint8Array) return [];
  return Object.entries(answer).flatMap(([name, value]) =>
    name === "errorCode" ? [value as number] : codesIn(value)
  );
}

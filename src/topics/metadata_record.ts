/**
 * MetadataRecord: one decoded record of the metadata log, and the way to its bytes and back.
 *
 * `kind` is Kafka's name of the record. A type or version this build does not know is an UnknownRecordError: what
 * cannot be understood must not be dropped, so a directory that holds one is refused before a byte is written to it.
 */
import { decode } from "../protocol/codec.ts";
import { encodeMetadataRecord, readMetadataFrame } from "../protocol/log_record.ts";
import * as declarations from "../protocol/messages/metadata_log.ts";
import type { Decoded, Encodable, Fields, Message } from "../protocol/schema.ts";

type Types = typeof declarations;
export type RecordKind = keyof Types;

/** A record as the log holds it: every field is there. */
export type MetadataRecord = {
  readonly [K in RecordKind]: {
    readonly kind: K;
    readonly version: number;
    readonly value: Decoded<Types[K]>;
  };
}[RecordKind];

/** A record to write: fields with a default may be left out. */
export type NewRecord = {
  readonly [K in RecordKind]: {
    readonly kind: K;
    readonly version: number;
    readonly value: Encodable<Types[K]>;
  };
}[RecordKind];

/** The value of one kind of record. */
export type ValueOf<K extends RecordKind> = Decoded<Types[K]>;

/** The log holds a record from a newer Kafka. */
export class UnknownRecordError extends Error {
  override readonly name = "UnknownRecordError";
  /** For people, as it is. */
  readonly kind = "refused";
}

export function encodeRecord(record: NewRecord): Uint8Array {
  return encodeMetadataRecord(typeOf(record.kind), record.version, record.value as Any);
}

/** Byte fields of the result are copies: the log's read buffer may be used again. */
export function decodeRecord(bytes: Uint8Array): MetadataRecord {
  const { key, version, at } = readMetadataFrame(bytes);
  const type = byKey.get(key);
  if (type === undefined) {
    throw new UnknownRecordError(
      `Metadata record of type ${key} is not known to this version of Runnel: the directory was written by a newer Kafka`,
    );
  }
  if (version < type.min || version > type.max) {
    throw new UnknownRecordError(
      `${type.name} has version ${version} in the metadata log, and this version of Runnel reads ${type.min} to ${type.max}`,
    );
  }
  const whole = type.name === "UserScramCredentialRecord" ? bytes.slice() : bytes;
  return {
    kind: type.name as RecordKind,
    version,
    value: decode(type, version, whole, at),
  } as MetadataRecord;
}

// deno-lint-ignore no-explicit-any -- kind and value belong together by the types above
type Any = any;

function typeOf(kind: RecordKind): Message<Fields> {
  return declarations[kind] as unknown as Message<Fields>;
}

const byKey: ReadonlyMap<number, Message<Fields>> = new Map(
  (Object.values(declarations) as unknown as Message<Fields>[]).map((type) => [type.key!, type]),
);

/**
 * Log records: how Kafka's own logs put a message into a record's key or value.
 *
 *     metadata log:                 frame version (1), record key, version: unsigned varints; then the message
 *     group and transaction logs:   in a value, version int16, then the message;
 *                                   in a key, record type int16, then the message in version 0
 */
import { ProtocolError, Reader } from "../bytes/reader.ts";
import type { Writer } from "../bytes/writer.ts";
import { decode, encodeChunks, joined, write } from "./codec.ts";
import type { Decoded, Encodable, Fields, Message } from "./schema.ts";

/** The frame version of the metadata log (Kafka: AbstractApiMessageSerde). */
const FRAME_VERSION = 1;

/** The value of a metadata record. */
export function encodeMetadataRecord<F extends Fields>(
  message: Message<F>,
  version: number,
  value: Encodable<Message<F>>,
): Uint8Array {
  return encoded(message, version, value, (into) => {
    into.uvarint(FRAME_VERSION);
    into.uvarint(message.key!);
    into.uvarint(version);
  });
}

/** Which message a metadata record holds, and where it begins: `decode(message, version, bytes, at)` reads it. */
export function readMetadataFrame(bytes: Uint8Array): { key: number; version: number; at: number } {
  const from = new Reader(bytes);
  const frame = from.uvarint();
  if (frame !== FRAME_VERSION) {
    throw new ProtocolError(`A metadata record has frame version ${frame}, not ${FRAME_VERSION}`);
  }
  const key = from.uvarint(), version = from.uvarint();
  return { key, version, at: from.at };
}

/** The value of a record in the group or transaction log, and of a control record. */
export function encodeVersioned<F extends Fields>(
  message: Message<F>,
  version: number,
  value: Encodable<Message<F>>,
): Uint8Array {
  return encoded(message, version, value, (into) => into.int16(version));
}

export function decodeVersioned<F extends Fields>(
  message: Message<F>,
  bytes: Uint8Array,
): Decoded<Message<F>> {
  const from = new Reader(bytes);
  return decode(message, from.int16(), bytes, from.at);
}

/** The key of a record in the group or transaction log: its type stands where a version would. */
export function encodeRecordKey<F extends Fields>(
  message: Message<F>,
  value: Encodable<Message<F>>,
): Uint8Array {
  return encoded(message, message.min, value, (into) => into.int16(message.key!));
}

/** The type of a record in the group or transaction log; the key's message begins 2 bytes in, in version 0. */
export function recordType(key: Uint8Array): number {
  return new Reader(key).int16();
}

function encoded<F extends Fields>(
  message: Message<F>,
  version: number,
  value: Encodable<Message<F>>,
  prefix: (into: Writer) => void,
): Uint8Array {
  return joined(encodeChunks((into) => {
    prefix(into);
    write(message, version, value, into);
  }));
}

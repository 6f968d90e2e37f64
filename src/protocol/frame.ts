/**
 * Frames: requests and responses as they travel, with their headers.
 *
 * A frame on the wire is a four-byte size and that many bytes. What is decoded here is a frame without its size;
 * what is encoded has the size in front, at the start of the first chunk.
 *
 *     request:  api key int16, version int16, correlation id int32, client id nullable string, [tagged fields], body
 *     response: correlation id int32, [tagged fields], body
 *
 * The tagged fields are there in flexible versions, except that an ApiVersions response never has them: a client
 * that asks in a version the broker does not know must be able to read the answer.
 */
import { ProtocolError, readText } from "../bytes/reader.ts";
import { readInt16, readInt32 } from "../bytes/int64.ts";
import type { Writer } from "../bytes/writer.ts";
import { decode, encodeChunks, write } from "./codec.ts";
import { apiByKey } from "./messages/mod.ts";
import type { Api, Decoded, Encodable, Fields, Message } from "./schema.ts";
import { skipTaggedFields } from "./tagged_fields.ts";

export interface RequestHeader {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly correlationId: number;
  readonly clientId: string | null;
  /** Where in the frame the body begins. */
  readonly bodyAt: number;
}

/**
 * Reads a request's header. Of an unknown API, or a version newer than the table's, only the part up to the
 * client id is sure; `bodyAt` is a guess then and the body is not to be decoded.
 */
export function decodeRequestHeader(frame: Uint8Array): RequestHeader {
  if (frame.length < 10) {
    throw new ProtocolError(`A request header takes 10 bytes at least, not ${frame.length}`);
  }
  const apiKey = readInt16(frame, 0), apiVersion = readInt16(frame, 2);
  const length = readInt16(frame, 8);
  if (length > frame.length - 10) {
    throw new ProtocolError(`A client id of ${length} bytes cannot be in ${frame.length - 10}`);
  }
  const clientId = length < 0 ? null : readText(frame, 10, length);
  let bodyAt = 10 + Math.max(0, length);
  const api = apiByKey(apiKey);
  if (api !== undefined && apiVersion >= api.flexibleFrom && apiVersion <= api.max) {
    bodyAt = skipTaggedFields(frame, bodyAt);
  }
  return { apiKey, apiVersion, correlationId: readInt32(frame, 4), clientId, bodyAt };
}

export function decodeRequest<Q extends Fields, R extends Fields>(
  api: Api<Q, R>,
  version: number,
  frame: Uint8Array,
  bodyAt: number,
  maxElements?: number,
): Decoded<Message<Q>> {
  return decode(api.request, version, frame, bodyAt, maxElements);
}

export function decodeResponse<Q extends Fields, R extends Fields>(
  api: Api<Q, R>,
  version: number,
  frame: Uint8Array,
): { correlationId: number; body: Decoded<Message<R>> } {
  if (frame.length < 4) {
    throw new ProtocolError(`A response header takes 4 bytes at least, not ${frame.length}`);
  }
  const bodyAt = hasResponseTags(api, version) ? skipTaggedFields(frame, 4) : 4;
  return { correlationId: readInt32(frame, 0), body: decode(api.response, version, frame, bodyAt) };
}

/** A request as chunks, size in front. */
export function encodeRequest<Q extends Fields, R extends Fields>(
  api: Api<Q, R>,
  version: number,
  { correlationId, clientId }: { correlationId: number; clientId: string | null },
  body: Encodable<Message<Q>>,
  writer?: Writer,
): Uint8Array[] {
  return encodeFrame(writer, (into) => {
    into.int16(api.key);
    into.int16(version);
    into.int32(correlationId);
    if (clientId === null) into.int16(-1);
    else into.string(clientId);
    if (version >= api.flexibleFrom) into.uvarint(0);
    write(api.request, version, body, into);
  });
}

/** A response as chunks, size in front. Large `records` are chunks of their own, not copied. */
export function encodeResponse<Q extends Fields, R extends Fields>(
  api: Api<Q, R>,
  version: number,
  correlationId: number,
  body: Encodable<Message<R>>,
  writer?: Writer,
): Uint8Array[] {
  return encodeFrame(writer, (into) => {
    into.int32(correlationId);
    if (hasResponseTags(api, version)) into.uvarint(0);
    write(api.response, version, body, into);
  });
}

function encodeFrame(writer: Writer | undefined, fill: (into: Writer) => void): Uint8Array[] {
  return encodeChunks((into) => {
    into.int32(0);
    fill(into);
    into.patchFirstInt32(into.size - 4);
  }, writer);
}

const API_VERSIONS = 18;

function hasResponseTags(api: Api, version: number): boolean {
  return version >= api.flexibleFrom && api.key !== API_VERSIONS;
}

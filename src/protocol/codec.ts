/**
 * Codec: what turns one message in one version into bytes and back.
 *
 * The code is generated at the first use of a message in a version. Where the runtime forbids generating code
 * (--disallow-code-generation-from-strings), the interpreter does the same work more slowly.
 */
import { ProtocolError } from "../bytes/reader.ts";
import { Writer } from "../bytes/writer.ts";
import { type Decode, generateDecode } from "./generate_decode.ts";
import { type Encode, generateEncode } from "./generate_encode.ts";
import { interpretDecode, interpretEncode } from "./interpret.ts";
import { MAX_ARRAY_ELEMENTS } from "./layout.ts";
import type { Decoded, Encodable, Fields, Message } from "./schema.ts";

/**
 * Decodes the message that begins at `at`. Bytes behind it are ignored; views into `bytes` are kept. More than
 * `maxElements` in all arrays together are refused.
 */
export function decode<F extends Fields>(
  message: Message<F>,
  version: number,
  bytes: Uint8Array,
  at = 0,
  maxElements = MAX_ARRAY_ELEMENTS,
): Decoded<Message<F>> {
  const codec = codecOf(message, version);
  try {
    const decoder = codec.decode ??= decoderOf(message, version);
    return decoder(bytes, at, maxElements) as Decoded<Message<F>>;
  } catch (error) {
    throw error instanceof ProtocolError ? worded(message, version, bytes, at, maxElements) : error;
  }
}

/** Past this, naming the field is not worth walking a hostile message a second time. */
const WORDED_BYTES = 64 * 1024;

/** Why a message cannot be decoded, with the field's name where the interpreter can tell it cheaply. */
function worded(
  message: Message,
  version: number,
  bytes: Uint8Array,
  at: number,
  maxElements: number,
): ProtocolError {
  const size = bytes.length - at;
  try {
    if (size <= WORDED_BYTES) interpretDecode(message, version, bytes, at, maxElements);
  } catch (error) {
    if (error instanceof ProtocolError) return error;
  }
  return new ProtocolError(
    `Cannot decode ${message.name} v${version}: its ${size} bytes are malformed, or name more than ${maxElements} things`,
  );
}

/** Appends the message to the writer. */
export function write<F extends Fields>(
  message: Message<F>,
  version: number,
  value: Encodable<Message<F>>,
  into: Writer,
): void {
  const codec = codecOf(message, version);
  try {
    (codec.encode ??= encoderOf(message, version))(value, into);
  } catch (error) {
    if (error instanceof ProtocolError) interpretEncode(message, version, value, new Writer());
    throw error;
  }
}

/** The message as one array of bytes: records of the broker's own logs, and tests. */
export function encode<F extends Fields>(
  message: Message<F>,
  version: number,
  value: Encodable<Message<F>>,
): Uint8Array {
  return joined(encodeChunks((into) => write(message, version, value, into)));
}

const shared = new Writer();

/** Runs `fill` on a writer that is empty, and leaves it empty even when that throws. */
export function encodeChunks(fill: (into: Writer) => void, writer: Writer = shared): Uint8Array[] {
  try {
    fill(writer);
    return writer.finish();
  } catch (error) {
    writer.reset();
    throw error;
  }
}

/** The chunks as one array; no copy when there is only one. */
export function joined(chunks: readonly Uint8Array[]): Uint8Array {
  if (chunks.length === 1) return chunks[0];
  const whole = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

interface Codec {
  decode: Decode | null;
  encode: Encode | null;
}

const codecs = new WeakMap<Message, Codec[]>();

function codecOf(message: Message, version: number): Codec {
  const codec = codecs.get(message)?.[version - message.min];
  if (codec !== undefined) return codec;
  if (!(version >= message.min && version <= message.max)) {
    throw new ProtocolError(
      `${message.name} has versions ${message.min} to ${message.max}, not ${version}`,
    );
  }
  const length = message.max - message.min + 1;
  const versions = Array.from({ length }, (): Codec => ({ decode: null, encode: null }));
  codecs.set(message, versions);
  return versions[version - message.min];
}

function decoderOf(message: Message, version: number): Decode {
  return generated(() => generateDecode(message, version)) ??
    ((bytes, at, maxElements) => interpretDecode(message, version, bytes, at, maxElements));
}

function encoderOf(message: Message, version: number): Encode {
  return generated(() => generateEncode(message, version)) ??
    ((value, into) => interpretEncode(message, version, value, into));
}

function generated<T>(generate: () => T): T | null {
  try {
    return generate();
  } catch (error) {
    if (error instanceof EvalError) return null;
    throw error;
  }
}

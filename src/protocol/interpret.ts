/**
 * The interpreter: decodes and encodes a message by walking its layout.
 *
 * It is the oracle that generated codecs are tested against, serves where code may not be generated, and words
 * the errors: a generated codec that fails is run again here to learn which field it was.
 */
import { ProtocolError, Reader } from "../bytes/reader.ts";
import type { Writer } from "../bytes/writer.ts";
import { fittingText, isErrorText } from "./error_text.ts";
import { defaultOf, type Fields, isDefault, type Message } from "./schema.ts";
import {
  type Entry,
  entry,
  layoutOf,
  MAX_ARRAY_ELEMENTS,
  minBytes,
  nullMark,
  type Version,
} from "./layout.ts";
import { MAX_TAGGED_FIELDS } from "./tagged_fields.ts";

type Struct = Record<string, unknown>;

/** How far a walk has come. */
interface Where {
  readonly path: string[];
  /** Of all arrays so far. */
  elements: number;
  readonly maxElements: number;
}

/** Decodes the message at `at`; bytes behind it are not looked at. */
export function interpretDecode(
  message: Message,
  version: number,
  bytes: Uint8Array,
  at: number,
  maxElements = MAX_ARRAY_ELEMENTS,
): unknown {
  const where = { path: [`${message.name} v${version}`], elements: 0, maxElements };
  try {
    return readStruct(message.fields, flexibility(message, version), new Reader(bytes, at), where);
  } catch (error) {
    throw named(error, "Cannot decode", where);
  }
}

/** Appends the message to the writer. */
export function interpretEncode(
  message: Message,
  version: number,
  value: unknown,
  into: Writer,
): void {
  const where = { path: [`${message.name} v${version}`], elements: 0, maxElements: Infinity };
  try {
    writeStruct(message.fields, flexibility(message, version), value as Struct, into, where);
  } catch (error) {
    throw named(error, "Cannot encode", where);
  }
}

function flexibility(message: Message, version: number): Version {
  return { version, flexible: version >= message.flexibleFrom };
}

function named(error: unknown, what: string, where: Where): unknown {
  if (!(error instanceof ProtocolError)) return error;
  return new ProtocolError(`${what} ${where.path.join(".")}: ${error.message}`, { cause: error });
}

function readStruct(fields: Fields, at: Version, from: Reader, where: Where): Struct {
  const layout = layoutOf(fields, at);
  const value: Struct = {};
  for (const { name, spec } of layout.all) value[name] = defaultOf(spec);
  for (const entry of layout.plain) value[entry.name] = readField(entry, at, from, where);
  if (!layout.flexible) return value;

  const count = from.uvarint();
  if (count > MAX_TAGGED_FIELDS) {
    throw new ProtocolError(`${count} tagged fields, at most ${MAX_TAGGED_FIELDS}`);
  }
  for (let i = 0; i < count; i++) {
    const tag = from.uvarint(), size = from.uvarint(), start = from.at;
    const tagged = layout.tagged.find(({ spec }) => spec.tag === tag);
    if (tagged === undefined) {
      from.view(size);
      continue;
    }
    value[tagged.name] = readField(tagged, at, from, where);
    if (from.at - start !== size) {
      throw new ProtocolError(`Tag ${tag} took ${from.at - start} bytes of ${size}`);
    }
  }
  return value;
}

function readField(entry: Entry, at: Version, from: Reader, where: Where): unknown {
  where.path.push(entry.name);
  const value = readValue(entry, at, from, where);
  if (value === null && !entry.nullable) throw new ProtocolError("It is null and may not be");
  where.path.pop();
  return value;
}

function readValue(
  { spec, nullable, compact }: Entry,
  at: Version,
  from: Reader,
  where: Where,
): unknown {
  switch (spec.kind) {
    case "bool":
      return from.int8() !== 0;
    case "string": {
      const length = compact ? from.uvarint() - 1 : from.int16();
      if (length > 0x7fff) throw new ProtocolError(`${length} bytes are too many for a string`);
      return length < 0 ? null : from.text(length);
    }
    case "bytes":
    case "records": {
      const length = compact ? from.uvarint() - 1 : from.int32();
      return length < 0 ? null : from.view(length);
    }
    case "array": {
      const count = compact ? from.uvarint() - 1 : from.int32();
      if (count < 0) return null;
      const element = entry("", spec.element!, at);
      if (count * minBytes(element, at) > from.remaining) {
        throw new ProtocolError(`${count} elements cannot be in ${from.remaining} bytes`);
      }
      where.elements += count;
      if (where.elements > where.maxElements) {
        throw new ProtocolError(
          `${where.elements} array elements, at most ${where.maxElements} in a message`,
        );
      }
      return Array.from(
        { length: count },
        (_, i) => readField({ ...element, name: `${i}` }, at, from, where),
      );
    }
    case "struct":
      if (nullable && from.int8() === nullMark(spec)) return null;
      return readStruct(spec.fields!, at, from, where);
    default:
      return from[spec.kind]();
  }
}

function writeStruct(
  fields: Fields,
  at: Version,
  value: Struct,
  into: Writer,
  where: Where,
): void {
  const layout = layoutOf(fields, at);
  for (const { name, spec, present } of layout.all) {
    if (present || spec.ignorable || isDefault(spec, value[name])) continue;
    where.path.push(name);
    throw new ProtocolError("This version has no such field, and it is not the default");
  }
  for (const entry of layout.plain) writeField(entry, at, value[entry.name], into, where);
  if (!layout.flexible) return;

  const tagged = layout.tagged.filter(({ name, spec }) => !isDefault(spec, value[name]));
  into.uvarint(tagged.length);
  for (const entry of tagged) {
    into.uvarint(entry.spec.tag!);
    const from = into.size;
    writeField(entry, at, value[entry.name], into, where);
    into.prefixSize(from);
  }
}

function writeField(
  entry: Entry,
  at: Version,
  value: unknown,
  into: Writer,
  where: Where,
): void {
  where.path.push(entry.name);
  if (value === undefined) value = defaultOf(entry.spec);
  if (value === null && !entry.nullable) throw new ProtocolError("It is null and may not be");
  const text = isErrorText(entry.name) && typeof value === "string" ? fittingText(value) : value;
  writeValue(entry, at, text, into, where);
  where.path.pop();
}

function writeValue(
  { spec, nullable, compact }: Entry,
  at: Version,
  value: unknown,
  into: Writer,
  where: Where,
): void {
  switch (spec.kind) {
    case "string":
      if (value === null) compact ? into.uvarint(0) : into.int16(-1);
      else compact ? into.compactString(value as string) : into.string(value as string);
      return;
    case "bytes":
    case "records": {
      const parts = value === null ? [] : Array.isArray(value) ? value : [value];
      const length = parts.reduce((sum, part) => sum + part.length, 0);
      if (compact) into.uvarint(value === null ? 0 : length + 1);
      else into.int32(value === null ? -1 : length);
      for (const part of parts) into.raw(part);
      return;
    }
    case "array": {
      const elements = value as unknown[] | null;
      if (compact) into.uvarint(elements === null ? 0 : elements.length + 1);
      else into.int32(elements === null ? -1 : elements.length);
      const element = entry("", spec.element!, at);
      elements?.forEach((each, i) =>
        writeField({ ...element, name: `${i}` }, at, each, into, where)
      );
      return;
    }
    case "struct":
      if (nullable) into.int8(value === null ? nullMark(spec) : 1);
      if (value !== null) writeStruct(spec.fields!, at, value as Struct, into, where);
      return;
    default:
      into[spec.kind](value as never);
  }
}

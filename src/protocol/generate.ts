/**
 * The generator: prints the source of a decoder and an encoder for one message in one version.
 *
 * A decoder is one function without calls for fixed-size fields: neighbours share one bounds check, nested arrays
 * become nested loops over `b` (the bytes) and `p` (the position), and each struct ends in one object literal, so
 * that all of a kind have the same shape. What is refused is the same as in the interpreter, and every refusal
 * says only `bad()`: the interpreter then words it.
 */
import {
  ProtocolError,
  readBigInt64,
  readFloat64,
  readText,
  readUvarint,
  readView,
  uvarintSize,
} from "../bytes/reader.ts";
import { readInt64 } from "../bytes/int64.ts";
import { readUuid, ZERO_UUID } from "../bytes/uuid.ts";
import type { Writer } from "../bytes/writer.ts";
import { defaultOf, type Fields, isDefault, type Message, type Spec } from "./schema.ts";
import {
  type Entry,
  entry,
  FIXED_BYTES,
  layoutOf,
  MAX_ARRAY_ELEMENTS,
  minBytes,
  nullMark,
  type Version,
} from "./layout.ts";
import { MAX_TAGGED_FIELDS, skipTaggedFields } from "./tagged_fields.ts";

export type Decode = (bytes: Uint8Array, at: number) => unknown;
export type Encode = (value: unknown, into: Writer) => void;

/** Throws an EvalError where code may not be generated. */
export function generateDecode(message: Message, version: number): Decode {
  const printer = new Printer({ version, flexible: version >= message.flexibleFrom });
  const result = printer.readStruct(message.fields);
  return printer.compile<Decode>("b,p", [...printer.lines, `return ${result}`]);
}

export function generateEncode(message: Message, version: number): Encode {
  const printer = new Printer({ version, flexible: version >= message.flexibleFrom });
  printer.writeStruct(message.fields, "v");
  return printer.compile<Encode>("v,w", printer.lines);
}

/** What generated code calls. */
const HELPERS = {
  i64: readInt64,
  big: readBigInt64,
  f64: readFloat64,
  id: readUuid,
  ZERO: ZERO_UUID,
  text: readText,
  view: readView,
  varint: readUvarint,
  varintSize: uvarintSize,
  isDefault,
  defaultOf,
  EMPTY: new Uint8Array(),
  bad,
  skipTags: skipTaggedFields,
  sizeOf,
  rawAll,
};

function bad(): never {
  throw new ProtocolError("Malformed");
}

function sizeOf(value: Uint8Array | readonly Uint8Array[]): number {
  if (value instanceof Uint8Array) return value.length;
  let size = 0;
  for (const part of value) size += part.length;
  return size;
}

function rawAll(w: Writer, value: Uint8Array | readonly Uint8Array[]): void {
  if (value instanceof Uint8Array) w.raw(value);
  else for (const part of value) w.raw(part);
}

/** How each kind is read at `p + at`, once its bytes are known to be there. */
const READ: { readonly [K in keyof typeof FIXED_BYTES]: (at: number) => string } = {
  int8: (at) => `b[p+${at}]<<24>>24`,
  bool: (at) => `b[p+${at}]!==0`,
  int16: (at) => `(b[p+${at}]<<24|b[p+${at + 1}]<<16)>>16`,
  uint16: (at) => `b[p+${at}]<<8|b[p+${at + 1}]`,
  int32: (at) => `b[p+${at}]<<24|b[p+${at + 1}]<<16|b[p+${at + 2}]<<8|b[p+${at + 3}]`,
  uint32: (at) => `(b[p+${at}]<<24|b[p+${at + 1}]<<16|b[p+${at + 2}]<<8|b[p+${at + 3}])>>>0`,
  int64: (at) => `i64(b,p+${at})`,
  bigint64: (at) => `big(b,p+${at})`,
  float64: (at) => `f64(b,p+${at})`,
  uuid: (at) => `id(b,p+${at})`,
};

class Printer {
  readonly lines: string[] = [];
  /** Field specs that generated code refers to as `s0`, `s1`, … */
  readonly #specs: Spec[] = [];
  #names = 0;

  constructor(readonly at: Version) {}

  compile<F>(parameters: string, lines: string[]): F {
    const names = Object.keys(HELPERS);
    const specs = this.#specs.map((_, i) => `s${i}`);
    const source = `"use strict";return function(${parameters}){\n${lines.join("\n")}\n}`;
    return new Function(...names, ...specs, source)(...Object.values(HELPERS), ...this.#specs);
  }

  /** Prints statements that read the struct; returns the expression of its value. */
  readStruct(fields: Fields): string {
    const layout = layoutOf(fields, this.at);
    const variables = new Map<string, string>();
    for (let i = 0; i < layout.plain.length;) {
      const run = this.#fixedRun(layout.plain, i);
      if (run.length > 0) this.#readFixed(run, variables);
      else variables.set(layout.plain[i].name, this.#readSized(layout.plain[i]));
      i += Math.max(1, run.length);
    }
    for (const { name, spec } of layout.tagged) {
      const variable = this.#name();
      this.#print(`let ${variable}=${this.#default(spec)};`);
      variables.set(name, variable);
    }
    if (layout.flexible) this.#readTags(layout.tagged, variables);
    const members = layout.all.map(({ name, spec }) =>
      `${name}:${variables.get(name) ?? this.#default(spec)}`
    );
    return `{${members.join(",")}}`;
  }

  /** The longest run of fixed-size fields from `first`. */
  #fixedRun(plain: readonly Entry[], first: number): Entry[] {
    let last = first;
    while (last < plain.length && plain[last].spec.kind in FIXED_BYTES) last++;
    return plain.slice(first, last);
  }

  #readFixed(run: Entry[], variables: Map<string, string>): void {
    let size = 0;
    const reads: string[] = [];
    for (const { name, spec } of run) {
      const kind = spec.kind as keyof typeof FIXED_BYTES, variable = this.#name();
      reads.push(`const ${variable}=${READ[kind](size)};`);
      variables.set(name, variable);
      size += FIXED_BYTES[kind];
    }
    this.#print(`if(p+${size}>b.length)bad();`, ...reads, `p+=${size};`);
  }

  /** Reads one field of any kind; returns the variable that holds it. */
  #read(entry: Entry): string {
    if (!(entry.spec.kind in FIXED_BYTES)) return this.#readSized(entry);
    const variables = new Map<string, string>();
    this.#readFixed([entry], variables);
    return variables.get(entry.name)!;
  }

  #readSized(entry: Entry): string {
    const { spec, nullable } = entry;
    const value = this.#name();
    this.#print(`let ${value}=null;`);
    if (spec.kind === "struct") {
      if (nullable) this.#print(`if(p>=b.length)bad();`, `if(b[p++]!==${nullMark(spec) & 255}){`);
      else this.#print("{");
      this.#print(`${value}=${this.readStruct(spec.fields!)};`, "}");
      return value;
    }
    const length = this.#readLength(entry);
    this.#print(`if(${length}>=0){`);
    if (spec.kind === "array") {
      this.#readElements(spec.element!, value, length);
    } else {
      if (spec.kind === "string") this.#print(`if(${length}>32767)bad();`);
      this.#print(`if(${length}>b.length-p)bad();`);
      this.#print(
        `${value}=${spec.kind === "string" ? "text" : "view"}(b,p,${length});`,
        `p+=${length};`,
      );
    }
    this.#print(nullable ? "}" : "}else bad();");
    return value;
  }

  /** Reads the length or count in front of a value: -1 is null. */
  #readLength({ spec, compact }: Entry): string {
    const length = this.#name();
    if (compact) {
      this.#readVarint(length);
      this.#print(`${length}--;`);
    } else {
      const kind = spec.kind === "string" ? "int16" : "int32";
      this.#print(`if(p+${FIXED_BYTES[kind]}>b.length)bad();`);
      this.#print(`const ${length}=${READ[kind](0)};`, `p+=${FIXED_BYTES[kind]};`);
    }
    return length;
  }

  #readVarint(into: string): void {
    // Nearly always one byte. Past the end b[p] is undefined, which is not below 128 either.
    this.#print(`let ${into}=b[p];`, `if(${into}<128)p++;`);
    this.#print(`else{${into}=varint(b,p);p+=varintSize(b,p);}`);
  }

  #readElements(element: Spec, value: string, count: string): void {
    const each = entry("each", element, this.at), i = this.#name();
    const least = minBytes(each, this.at);
    this.#print(`if(${count}>${MAX_ARRAY_ELEMENTS}||${count}*${least}>b.length-p)bad();`);
    this.#print(`${value}=new Array(${count});`, `for(let ${i}=0;${i}<${count};${i}++){`);
    const result = element.kind === "struct" ? this.readStruct(element.fields!) : this.#read(each);
    this.#print(`${value}[${i}]=${result};`, "}");
  }

  #readTags(tagged: readonly Entry[], variables: Map<string, string>): void {
    if (tagged.length === 0) {
      this.#print("if(b[p]===0)p++;else p=skipTags(b,p);");
      return;
    }
    const [count, i, tag, size, end] = [
      this.#name(),
      this.#name(),
      this.#name(),
      this.#name(),
      this.#name(),
    ];
    this.#readVarint(count);
    this.#print(`if(${count}>${MAX_TAGGED_FIELDS})bad();`, `for(let ${i}=0;${i}<${count};${i}++){`);
    this.#readVarint(tag);
    this.#readVarint(size);
    this.#print(`const ${end}=p+${size};`, `if(${end}>b.length)bad();`, `switch(${tag}){`);
    for (const entry of tagged) {
      this.#print(`case ${entry.spec.tag}:{`);
      this.#print(
        `${variables.get(entry.name)}=${this.#read(entry)};`,
        `if(p!==${end})bad();`,
        "break;}",
      );
    }
    this.#print(`default:p=${end};`, "}", "}");
  }

  writeStruct(fields: Fields, value: string): void {
    const layout = layoutOf(fields, this.at);
    for (const { name, spec, present } of layout.all) {
      if (present || spec.ignorable) continue;
      this.#print(
        `if(${value}.${name}!==undefined&&!isDefault(${this.#spec(spec)},${value}.${name}))bad();`,
      );
    }
    for (const entry of layout.plain) {
      const field = this.#name();
      this.#print(`let ${field}=${value}.${entry.name};`);
      this.#print(`if(${field}===undefined)${field}=${this.#default(entry.spec)};`);
      this.#write(entry, field);
    }
    if (layout.flexible) this.#writeTags(layout.tagged, value);
  }

  #writeTags(tagged: readonly Entry[], value: string): void {
    if (tagged.length === 0) {
      this.#print("w.int8(0);");
      return;
    }
    const fields = tagged.map((entry) => ({ entry, field: this.#name(), has: this.#name() }));
    for (const { entry: { name, spec }, field, has } of fields) {
      this.#print(`const ${field}=${value}.${name};`);
      this.#print(
        `const ${has}=${field}!==undefined&&!isDefault(${this.#spec(spec)},${field})?1:0;`,
      );
    }
    this.#print(`w.uvarint(${fields.map(({ has }) => has).join("+")});`);
    for (const { entry, field, has } of fields) {
      const from = this.#name();
      this.#print(`if(${has}){`, `w.uvarint(${entry.spec.tag});`, `const ${from}=w.size;`);
      this.#write(entry, field);
      this.#print(`w.prefixSize(${from});`, "}");
    }
  }

  #write(entry: Entry, value: string): void {
    const { spec, nullable, compact } = entry;
    if (spec.kind in FIXED_BYTES) {
      this.#print(`w.${spec.kind}(${value});`);
      return;
    }
    this.#print(`if(${value}===null){`, nullable ? this.#null(entry) : "bad();", "}else{");
    switch (spec.kind) {
      case "string":
        this.#print(`w.${compact ? "compactString" : "string"}(${value});`);
        break;
      case "struct":
        if (nullable) this.#print("w.int8(1);");
        this.writeStruct(spec.fields!, value);
        break;
      case "array":
        this.#writeElements(spec.element!, value, compact);
        break;
      default:
        this.#print(compact ? `w.uvarint(sizeOf(${value})+1);` : `w.int32(sizeOf(${value}));`);
        this.#print(`rawAll(w,${value});`);
    }
    this.#print("}");
  }

  #null({ spec, compact }: Entry): string {
    if (spec.kind === "struct") return `w.int8(${nullMark(spec)});`;
    if (compact) return "w.int8(0);";
    return spec.kind === "string" ? "w.int16(-1);" : "w.int32(-1);";
  }

  #writeElements(element: Spec, value: string, compact: boolean): void {
    const i = this.#name(), each = this.#name();
    this.#print(compact ? `w.uvarint(${value}.length+1);` : `w.int32(${value}.length);`);
    this.#print(`for(let ${i}=0;${i}<${value}.length;${i}++){`, `const ${each}=${value}[${i}];`);
    if (element.kind === "struct") this.writeStruct(element.fields!, each);
    else this.#write(entry("each", element, this.at), each);
    this.#print("}");
  }

  /** The expression of a field's default. */
  #default(spec: Spec): string {
    const value = defaultOf(spec);
    if (value === ZERO_UUID) return "ZERO";
    if (typeof value === "bigint") return `${value}n`;
    if (value instanceof Uint8Array) return "EMPTY";
    if (Array.isArray(value)) return "[]";
    if (typeof value === "object" && value !== null) return `defaultOf(${this.#spec(spec)})`;
    return JSON.stringify(value);
  }

  #spec(spec: Spec): string {
    return `s${this.#specs.push(spec) - 1}`;
  }

  #name(): string {
    return `_${this.#names++}`;
  }

  #print(...lines: string[]): void {
    this.lines.push(...lines);
  }
}

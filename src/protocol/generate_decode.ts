/**
 * Generated decoders: one function for a message in a version.
 *
 * It makes no calls for most fixed-size fields: neighbours share one bounds check, nested arrays become nested
 * loops over `b` (the bytes) and `p` (the position), and each struct ends in one object literal, so that all of a
 * kind have the same shape. What is refused is the same as in the interpreter, and every refusal says only
 * `bad()`: the interpreter then words it.
 */
import {
  readBigInt64,
  readFloat64,
  readText,
  readUvarint,
  readView,
  uvarintSize,
} from "../bytes/reader.ts";
import { readInt64 } from "../bytes/int64.ts";
import { readUuid } from "../bytes/uuid.ts";
import {
  type Entry,
  entry,
  FIXED_BYTES,
  layoutOf,
  MAX_ARRAY_ELEMENTS,
  minBytes,
  nullMark,
} from "./layout.ts";
import type { Fields, Message, Spec } from "./schema.ts";
import { Source } from "./source.ts";
import { MAX_TAGGED_FIELDS, skipTaggedFields } from "./tagged_fields.ts";

export type Decode = (bytes: Uint8Array, at: number, maxElements?: number) => unknown;

/** Throws an EvalError where code may not be generated. */
export function generateDecode(message: Message, version: number): Decode {
  const source = new DecoderSource({ version, flexible: version >= message.flexibleFrom });
  source.print("let elements=0;");
  source.print(`return ${source.readStruct(message.fields)}`);
  return source.compile<Decode>(`b,p,most=${MAX_ARRAY_ELEMENTS}`, HELPERS);
}

const HELPERS = {
  i64: readInt64,
  big: readBigInt64,
  f64: readFloat64,
  id: readUuid,
  text: readText,
  view: readView,
  varint: readUvarint,
  varintSize: uvarintSize,
  skipTags: skipTaggedFields,
};

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

class DecoderSource extends Source {
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
      const variable = this.name();
      this.print(`let ${variable}=${this.default(spec)};`);
      variables.set(name, variable);
    }
    if (layout.flexible) this.#readTags(layout.tagged, variables);
    const members = layout.all.map(({ name, spec }) =>
      `${name}:${variables.get(name) ?? this.default(spec)}`
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
      const kind = spec.kind as keyof typeof FIXED_BYTES, variable = this.name();
      reads.push(`const ${variable}=${READ[kind](size)};`);
      variables.set(name, variable);
      size += FIXED_BYTES[kind];
    }
    this.print(`if(p+${size}>b.length)bad();`, ...reads, `p+=${size};`);
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
    const value = this.name();
    this.print(`let ${value}=null;`);
    if (spec.kind === "struct") {
      if (nullable) this.print(`if(p>=b.length)bad();`, `if(b[p++]!==${nullMark(spec) & 255}){`);
      else this.print("{");
      this.print(`${value}=${this.readStruct(spec.fields!)};`, "}");
      return value;
    }
    const length = this.#readLength(entry);
    this.print(`if(${length}>=0){`);
    if (spec.kind === "array") {
      this.#readElements(spec.element!, value, length);
    } else {
      if (spec.kind === "string") this.print(`if(${length}>32767)bad();`);
      this.print(`if(${length}>b.length-p)bad();`);
      this.print(
        `${value}=${spec.kind === "string" ? "text" : "view"}(b,p,${length});`,
        `p+=${length};`,
      );
    }
    this.print(nullable ? "}" : "}else bad();");
    return value;
  }

  /** Reads the length or count in front of a value: -1 is null. */
  #readLength({ spec, compact }: Entry): string {
    const length = this.name();
    if (compact) {
      this.#readVarint(length);
      this.print(`${length}--;`);
    } else {
      const kind = spec.kind === "string" ? "int16" : "int32";
      this.print(`if(p+${FIXED_BYTES[kind]}>b.length)bad();`);
      this.print(`const ${length}=${READ[kind](0)};`, `p+=${FIXED_BYTES[kind]};`);
    }
    return length;
  }

  #readVarint(into: string): void {
    // Nearly always one byte. Past the end b[p] is undefined, which is not below 128 either.
    this.print(`let ${into}=b[p];`, `if(${into}<128)p++;`);
    this.print(`else{${into}=varint(b,p);p+=varintSize(b,p);}`);
  }

  #readElements(element: Spec, value: string, count: string): void {
    const each = entry("each", element, this.at), i = this.name();
    const least = minBytes(each, this.at);
    this.print(
      `if(${count}*${least}>b.length-p||(elements+=${count})>most)bad();`,
    );
    this.print(`${value}=new Array(${count});`, `for(let ${i}=0;${i}<${count};${i}++){`);
    const result = element.kind === "struct" ? this.readStruct(element.fields!) : this.#read(each);
    this.print(`${value}[${i}]=${result};`, "}");
  }

  #readTags(tagged: readonly Entry[], variables: Map<string, string>): void {
    if (tagged.length === 0) {
      this.print("if(b[p]===0)p++;else p=skipTags(b,p);");
      return;
    }
    const [count, i, tag, size, end] = [
      this.name(),
      this.name(),
      this.name(),
      this.name(),
      this.name(),
    ];
    this.#readVarint(count);
    this.print(`if(${count}>${MAX_TAGGED_FIELDS})bad();`, `for(let ${i}=0;${i}<${count};${i}++){`);
    this.#readVarint(tag);
    this.#readVarint(size);
    this.print(`const ${end}=p+${size};`, `if(${end}>b.length)bad();`, `switch(${tag}){`);
    for (const entry of tagged) {
      this.print(`case ${entry.spec.tag}:{`);
      this.print(
        `${variables.get(entry.name)}=${this.#read(entry)};`,
        `if(p!==${end})bad();`,
        "break;}",
      );
    }
    this.print(`default:p=${end};`, "}", "}");
  }
}

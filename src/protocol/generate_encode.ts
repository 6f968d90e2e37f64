/**
 * Generated encoders: one function for a message in a version, that takes the value `v` and calls the writer `w`
 * once a field. What is refused is the same as in the interpreter, which then words it.
 */
import type { Writer } from "../bytes/writer.ts";
import { fittingText, isErrorText } from "./error_text.ts";
import { type Entry, entry, FIXED_BYTES, layoutOf, nullMark } from "./layout.ts";
import type { Fields, Message, Spec } from "./schema.ts";
import { Source } from "./source.ts";

export type Encode = (value: unknown, into: Writer) => void;

/** Throws an EvalError where code may not be generated. */
export function generateEncode(message: Message, version: number): Encode {
  const source = new EncoderSource({ version, flexible: version >= message.flexibleFrom });
  source.writeStruct(message.fields, "v");
  return source.compile<Encode>("v,w", { sizeOf, recordsAll, fittingText });
}

function sizeOf(value: Uint8Array | readonly Uint8Array[]): number {
  if (value instanceof Uint8Array) return value.length;
  let size = 0;
  for (const part of value) size += part.length;
  return size;
}

function recordsAll(w: Writer, value: Uint8Array | readonly Uint8Array[]): void {
  if (value instanceof Uint8Array) w.records(value);
  else for (const part of value) w.records(part);
}

class EncoderSource extends Source {
  /** Prints statements that write the struct in the variable `value`. */
  writeStruct(fields: Fields, value: string): void {
    const layout = layoutOf(fields, this.at);
    for (const { name, spec, present } of layout.all) {
      if (present || spec.ignorable) continue;
      this.print(
        `if(${value}.${name}!==undefined&&!isDefault(${this.spec(spec)},${value}.${name}))bad();`,
      );
    }
    for (const entry of layout.plain) {
      const field = this.name();
      this.print(`let ${field}=${value}.${entry.name};`);
      this.print(`if(${field}===undefined)${field}=${this.default(entry.spec)};`);
      this.#write(entry, field);
    }
    if (layout.flexible) this.#writeTags(layout.tagged, value);
  }

  #writeTags(tagged: readonly Entry[], value: string): void {
    if (tagged.length === 0) {
      this.print("w.int8(0);");
      return;
    }
    const fields = tagged.map((entry) => ({ entry, field: this.name(), has: this.name() }));
    for (const { entry: { name, spec }, field, has } of fields) {
      this.print(`const ${field}=${value}.${name};`);
      this.print(
        `const ${has}=${field}!==undefined&&!isDefault(${this.spec(spec)},${field})?1:0;`,
      );
    }
    this.print(`w.uvarint(${fields.map(({ has }) => has).join("+")});`);
    for (const { entry, field, has } of fields) {
      const from = this.name();
      this.print(`if(${has}){`, `w.uvarint(${entry.spec.tag});`, `const ${from}=w.size;`);
      this.#write(entry, field);
      this.print(`w.prefixSize(${from});`, "}");
    }
  }

  #write(entry: Entry, value: string): void {
    const { spec, nullable, compact } = entry;
    if (spec.kind in FIXED_BYTES) {
      this.print(`w.${spec.kind}(${value});`);
      return;
    }
    this.print(`if(${value}===null){`, nullable ? this.#null(entry) : "bad();", "}else{");
    switch (spec.kind) {
      case "string":
        this.print(
          `w.${compact ? "compactString" : "string"}(${
            isErrorText(entry.name) ? `fittingText(${value})` : value
          });`,
        );
        break;
      case "struct":
        if (nullable) this.print("w.int8(1);");
        this.writeStruct(spec.fields!, value);
        break;
      case "array":
        this.#writeElements(spec.element!, value, compact);
        break;
      default:
        this.print(compact ? `w.uvarint(sizeOf(${value})+1);` : `w.int32(sizeOf(${value}));`);
        this.print(spec.kind === "records" ? `recordsAll(w,${value});` : `w.raw(${value});`);
    }
    this.print("}");
  }

  #null({ spec, compact }: Entry): string {
    if (spec.kind === "struct") return `w.int8(${nullMark(spec)});`;
    if (compact) return "w.int8(0);";
    return spec.kind === "string" ? "w.int16(-1);" : "w.int32(-1);";
  }

  #writeElements(element: Spec, value: string, compact: boolean): void {
    const i = this.name(), each = this.name();
    this.print(compact ? `w.uvarint(${value}.length+1);` : `w.int32(${value}.length);`);
    this.print(`for(let ${i}=0;${i}<${value}.length;${i}++){`, `const ${each}=${value}[${i}];`);
    if (element.kind === "struct") this.writeStruct(element.fields!, each);
    else this.#write(entry("each", element, this.at), each);
    this.print("}");
  }
}

/**
 * Source: JavaScript being printed for one message in one version; what decoders and encoders have in common.
 */
import { ProtocolError } from "../bytes/reader.ts";
import { ZERO_UUID } from "../bytes/uuid.ts";
import type { Version } from "./layout.ts";
import { defaultOf, isDefault, type Spec } from "./schema.ts";

/** Functions and constants, by the names that generated code knows them by. */
export type Helpers = { readonly [name: string]: unknown };

const COMMON: Helpers = { bad, isDefault, EMPTY: new Uint8Array(), ZERO: ZERO_UUID };

export class Source {
  readonly #lines: string[] = [];
  /** Field specs that generated code refers to as `s0`, `s1`, … */
  readonly #specs: Spec[] = [];
  #names = 0;

  constructor(readonly at: Version) {}

  /** The function that was printed. Throws an EvalError where code may not be generated. */
  compile<F>(parameters: string, helpers: Helpers): F {
    const known: Helpers = { ...COMMON, ...helpers };
    this.#specs.forEach((spec, i) => Object.assign(known, { [`s${i}`]: spec }));
    const body = `"use strict";return function(${parameters}){\n${this.#lines.join("\n")}\n}`;
    return new Function(...Object.keys(known), body)(...Object.values(known));
  }

  print(...lines: string[]): void {
    this.#lines.push(...lines);
  }

  /** A name that no other variable has. */
  name(): string {
    return `_${this.#names++}`;
  }

  /** The expression of a spec. */
  spec(spec: Spec): string {
    return `s${this.#specs.push(spec) - 1}`;
  }

  /** The expression of a field's default: a literal, for each decoded struct needs its own. */
  default(spec: Spec): string {
    const value = defaultOf(spec);
    if (value === ZERO_UUID) return "ZERO";
    if (typeof value === "bigint") return `${value}n`;
    if (value instanceof Uint8Array) return "EMPTY";
    if (spec.kind !== "struct" || value === null) return JSON.stringify(value);
    const members = Object.entries(spec.fields!).map(([name, { spec }]) =>
      `${name}:${this.default(spec)}`
    );
    return `{${members.join(",")}}`;
  }
}

function bad(): never {
  throw new ProtocolError("Malformed");
}

/**
 * TOML text: values, keys and names as TOML has them. Whatever could steer a terminal, turn the direction of writing or
 * part lines is escaped, so that a name chosen by somebody else is text wherever the file is shown.
 */
import { UNPRINTABLE } from "../table.ts";

export function tomlString(text: string): string {
  const escaped = text.replace(/["\\]/g, "\\$&").replace(UNPRINTABLE, (character) => {
    const code = character.codePointAt(0)!.toString(16);
    return code.length > 4 ? `\\U${code.padStart(8, "0")}` : `\\u${code.padStart(4, "0")}`;
  });
  return `"${escaped}"`;
}

/** With quotes where it needs some. */
export function tomlKey(name: string): string {
  return /^[A-Za-z0-9_-]+$/.test(name) ? name : tomlString(name);
}

/** A config: whole numbers and true and false as such, since they are what somebody would write; else a text. */
export function tomlConfig(value: string): string {
  return /^(true|false|0|-?[1-9]\d{0,17})$/.test(value) ? value : tomlString(value);
}

/** Any number but nan and inf. */
export function tomlNumber(value: number): string {
  const text = String(value);
  return Number.isSafeInteger(value) || /[.e]/.test(text) ? text : `${BigInt(value)}.0`;
}

/** In one line: { a = 1, "b.c" = 2 } */
export function tomlInline(pairs: Iterable<readonly [key: string, value: string]>): string {
  const inside = Array.from(pairs, ([key, value]) => `${tomlKey(key)} = ${value}`).join(", ");
  return inside === "" ? "{}" : `{ ${inside} }`;
}

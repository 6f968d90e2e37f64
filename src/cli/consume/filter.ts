/** Filter: which records are meant, by key, header and JSON path of the value; all that is asked has to hold. */
import { jsonpath } from "json-p3";
import { RE2JS } from "re2js";
import type { ConsumerRecord } from "../../client/consumer.ts";
import { utf8Text } from "../../protocol/records/json_line.ts";

export interface FilterOptions {
  /** Exactly these bytes; null: any. */
  readonly key: Uint8Array | null;
  /** A regular expression that is found in the key, which is text. */
  readonly keyPattern: string | null;
  /** "NAME", which has to be there, or "NAME=TEXT", one of that name having this value. */
  readonly headers: readonly string[];
  /** JSONPath (RFC 9535) that finds something in the value, which is JSON. */
  readonly path: string | null;
}

export type Filter = (record: ConsumerRecord) => boolean;

/** A string says what is wrong. */
export function filterOf({ key, keyPattern, headers, path }: FilterOptions): Filter | string {
  const filters: Filter[] = [];
  if (key !== null) filters.push((record) => record.key !== null && areEqual(record.key, key));
  try {
    if (keyPattern !== null) filters.push(keyPatternFilter(keyPattern));
  } catch (error) {
    return `--key-pattern ${keyPattern}: ${(error as Error).message}`;
  }
  for (const text of headers) filters.push(headerFilter(text));
  try {
    if (path !== null) filters.push(pathFilter(path));
  } catch (error) {
    const example = "'$[?$.price > 3]' finds values whose price is above 3";
    return `--where ${path}: ${(error as Error).message}; ${example}`;
  }
  return (record) => filters.every((filter) => filter(record));
}

function keyPatternFilter(text: string): Filter {
  const pattern = RE2JS.compile(text);
  return ({ key }) => {
    const shown = key === null ? null : utf8Text(key);
    return shown !== null && pattern.matcher(shown).find();
  };
}

function headerFilter(text: string): Filter {
  const at = text.indexOf("=");
  if (at < 0) return ({ headers }) => headers.some((one) => isNamed(one, text));
  const name = text.slice(0, at), wanted = ENCODER.encode(text.slice(at + 1));
  return ({ headers }) =>
    headers.some((one) => isNamed(one, name) && one.value !== null && areEqual(one.value, wanted));
}

/** One that is no text has no name that could be typed. */
function isNamed({ key, keyBytes }: ConsumerRecord["headers"][number], name: string): boolean {
  return key === name && keyBytes === undefined;
}

function pathFilter(text: string): Filter {
  const path = jsonpath.compile(text);
  return ({ value }) => {
    const json = value === null ? null : utf8Text(value);
    if (json === null) return false;
    let parsed: Parameters<typeof path.match>[0];
    try {
      parsed = JSON.parse(json);
    } catch {
      return false; // what is no JSON has no such place
    }
    try {
      return path.match(parsed) !== undefined;
    } catch {
      return false; // deeper than the library goes
    }
  };
}

function areEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

const ENCODER = new TextEncoder();

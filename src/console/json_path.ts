/**
 * JsonPath: whether something is there in a value (RFC 9535), at a cost that grows with the value's size alone, whoever
 * wrote the path and the value.
 *
 * The library evaluates without running code, but a path may visit a value's parts over and over: each `..` after another
 * multiplies, and so do several selectors in one bracket, or queries from the root within a filter. Such paths are
 * refused. Regular expressions in match() and search() are RE2's, which has no backtracking.
 */
import { jsonpath } from "json-p3";
import { RE2JS } from "re2js";
import { ApiFailure } from "./failure.ts";

/** JSON that is longer is not parsed: to look through one value takes one turn of the event loop, of some 50 ms at most. */
export const MAX_JSON_BYTES = 64 * 1024;
/** Steps of a compiled pattern: a character costs as many at most. */
const MAX_PROGRAM = 500;

/** Throws ApiFailure for what is no path, or may cost more than it should. */
export function jsonPathOf(text: string): (json: string) => boolean {
  mustBeCheap(text);
  let path: ReturnType<typeof environment.compile>;
  try {
    path = environment.compile(text);
  } catch (error) {
    throw wrong(text, (error as Error).message);
  }
  return (json) => {
    try {
      return path.match(JSON.parse(json)) !== undefined;
    } catch {
      return false; // no JSON, or deeper than the library goes
    }
  };
}

/** Throws ApiFailure for what is no pattern, or too large a one. */
export function patternOf(text: string, field: string): RE2JS {
  let pattern: RE2JS;
  try {
    pattern = RE2JS.compile(text);
  } catch (error) {
    const message = `${field} = ${text}: ${(error as Error).message}`;
    throw new ApiFailure("bad_request", message, { field });
  }
  if (pattern.programSize() <= MAX_PROGRAM) return pattern;
  throw new ApiFailure("bad_request", `${field} = ${text}: needs fewer repetitions`, { field });
}

function wrong(path: string, reason: string): ApiFailure {
  return new ApiFailure("bad_request", `jsonpath = ${path}: ${reason}`, { field: "jsonpath" });
}

function mustBeCheap(path: string): void {
  const bare = path.replace(/"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'/g, '""');
  if ((bare.match(/\.\./g) ?? []).length > 1) throw wrong(path, 'needs ".." once at most');
  if ((bare.match(/\$/g) ?? []).length > 1) throw wrong(path, "needs $ at its beginning alone");
  const filter = bare.indexOf("?");
  if (filter >= 0 && bare.indexOf("..", filter) >= 0) {
    throw wrong(path, 'needs no ".." in a filter');
  }
  let depth = 0;
  const opened: string[] = [];
  for (const character of bare) {
    if (character === "[" || character === "(") opened.push(character);
    else if (character === "]" || character === ")") opened.pop();
    else if (character === "," && opened.at(-1) === "[") {
      throw wrong(path, "needs one selector in a bracket");
    }
    if (character === "?" && ++depth > 3) throw wrong(path, "needs three filters at most");
  }
  const large = bare.match(/\d{16,}/)?.[0];
  if (large !== undefined && !Number.isSafeInteger(Number(large))) {
    throw wrong(path, `${large} is not exact in JSON path: look for it as text`);
  }
}

class Search {
  readonly argTypes = [
    jsonpath.FunctionExpressionType.ValueType,
    jsonpath.FunctionExpressionType.ValueType,
  ];
  readonly returnType = jsonpath.FunctionExpressionType.LogicalType;
  readonly #isWhole: boolean;
  readonly #known = new Map<string, RE2JS | null>();

  constructor(isWhole: boolean) {
    this.#isWhole = isWhole;
  }

  call(text: unknown, pattern: unknown): boolean {
    if (typeof text !== "string" || typeof pattern !== "string") return false;
    let compiled = this.#known.get(pattern);
    if (compiled === undefined) {
      if (this.#known.size >= MAX_PATTERNS) this.#known.clear(); // a value may be the pattern
      this.#known.set(pattern, compiled = compiledOrNull(pattern));
    }
    if (compiled === null) return false; // as RFC 9535 has it
    const matcher = compiled.matcher(text);
    return this.#isWhole ? matcher.matches() : matcher.find();
  }
}

const MAX_PATTERNS = 100;

function compiledOrNull(text: string): RE2JS | null {
  try {
    return patternOf(text, "jsonpath");
  } catch {
    return null;
  }
}

const environment = new jsonpath.JSONPathEnvironment();
environment.functionRegister.set("match", new Search(true));
environment.functionRegister.set("search", new Search(false));

/**
 * JsonPath: whether something is there in a value (RFC 9535), at a cost that grows with the value's size alone, whoever
 * wrote the path and the value.
 *
 * The library evaluates without running code, but a path may visit a value's parts over and over: each `..` after another
 * multiplies, and so do several selectors in one bracket, or queries from the root within a filter. Such paths are
 * refused. Regular expressions in match() and search() are RE2's, which has no backtracking: a text costs its length times
 * the pattern's steps, of which one value may take so many.
 */
import { jsonpath } from "json-p3";
import { RE2JS } from "re2js";
import { patternSize } from "../config/pattern_size.ts";
import { LIMITS } from "./api.ts";
import { ApiFailure } from "./failure.ts";

/** JSON that is longer is not parsed: to look through one value takes one turn of the event loop, of some 50 ms at most. */
export const MAX_JSON_BYTES = 64 * 1024;
/** Steps of a compiled pattern: a character costs as many at most. */
const MAX_PROGRAM = 500;
/** What it may come to before it is compiled, as far as its text says. */
const MAX_SIZE = 5000;
/** Of looking into one value by patterns: characters times the steps of each, some 100 ms. */
const MAX_STEPS = 48 * 64 * 1024;
/** What compiling costs, for each step that the pattern may come to. */
const COMPILE_STEPS = 100;

/** How many characters of a value a pattern is to look at. */
export function lengthFor(pattern: RE2JS): number {
  return Math.floor(MAX_STEPS / pattern.programSize());
}

/** Of the value that is looked at now, what its patterns may still take: it is looked at in one turn. */
let stepsLeft = 0;

/** Of a path: each may be taken by every part of a value. */
const MAX_PATH_STEPS = 40;

class TooCostly extends Error {
  override readonly name = "TooCostly";
}

function spend(steps: number): void {
  stepsLeft -= steps;
  if (stepsLeft < 0) throw new TooCostly();
}

/** Throws ApiFailure for what is no path, or may cost more than it should. */
export function jsonPathOf(text: string): (json: string) => boolean | "too costly" {
  mustBeCheap(text);
  let path: ReturnType<typeof environment.compile>;
  try {
    path = environment.compile(text);
  } catch (error) {
    throw wrong(text, (error as Error).message);
  }
  return (json) => {
    stepsLeft = MAX_STEPS;
    try {
      return path.match(JSON.parse(json)) !== undefined;
    } catch (error) {
      return error instanceof TooCostly && "too costly"; // else no JSON, or deeper than the library goes
    }
  };
}

/** Throws ApiFailure for what is no pattern, or too large a one. */
export function patternOf(text: string, field: string): RE2JS {
  let pattern: RE2JS;
  if (patternSize(text) > MAX_SIZE) throw tooLarge(text, field); // before it takes time and memory
  try {
    pattern = RE2JS.compile(text);
  } catch (error) {
    const message = `${field} = ${text}: ${(error as Error).message}`;
    throw new ApiFailure("bad_request", message, { field });
  }
  if (pattern.programSize() <= MAX_PROGRAM) return pattern;
  throw tooLarge(text, field);
}

function tooLarge(text: string, field: string): ApiFailure {
  const message = `${field} = ${text}: needs fewer repetitions`;
  return new ApiFailure("bad_request", message, { field });
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
  const steps = bare.match(/\.\.?|\[|@/g) ?? [], all = bare.match(/\*/g) ?? [];
  if (steps.length > MAX_PATH_STEPS) throw wrong(path, `needs ${MAX_PATH_STEPS} steps at most`);
  if (all.length > 2 && bare.includes("..")) throw wrong(path, 'needs "*" twice at most with ".."');
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
      if (pattern.length > LIMITS.maxFilterLength) return false; // a value may be the pattern
      spend(Math.min(patternSize(pattern), MAX_SIZE) * COMPILE_STEPS);
      if (this.#known.size >= MAX_PATTERNS) this.#known.clear();
      this.#known.set(pattern, compiled = compiledOrNull(pattern));
    }
    if (compiled === null) return false; // as RFC 9535 has it
    spend(text.length * compiled.programSize());
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

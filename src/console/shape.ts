/**
 * Shapes: what a query or a body may be, in the part of JSON Schema that the console needs: the same text checks what
 * comes and describes it (OpenAPI).
 */
import { ApiFailure } from "./failure.ts";

export type Shape =
  | TextShape
  | { readonly type: "integer"; readonly minimum: number; readonly maximum: number; doc?: string }
  | { readonly type: "boolean"; doc?: string }
  | ListShape
  | ObjectShape
  | MapShape
  /** One of these, by the value of their member `kind`. */
  | { readonly oneOf: readonly ObjectShape[]; doc?: string }
  | { readonly nullable: Shape; doc?: string };

interface TextShape {
  readonly type: "string";
  readonly enum?: readonly string[];
  readonly maxLength?: number;
  readonly minLength?: number;
  doc?: string;
}

interface ListShape {
  readonly type: "array";
  readonly items: Shape;
  readonly maxItems: number;
  doc?: string;
}

export interface ObjectShape {
  readonly type: "object";
  readonly properties: { readonly [name: string]: Shape };
  readonly required: readonly string[];
  doc?: string;
}

/** Names to values. */
interface MapShape {
  readonly type: "map";
  readonly values: Shape;
  readonly maxProperties: number;
  doc?: string;
}

/** Throws ApiFailure with the member that does not fit. What is not in the shape is refused, so that no typo is obeyed. */
export function mustFit(shape: Shape, value: unknown, field = "body"): void {
  const fail = (need: string): never => {
    const message = `${field} = ${shown(value)}: needs ${need}`;
    throw new ApiFailure("bad_request", message, { field });
  };
  if ("nullable" in shape) {
    if (value !== null) mustFit(shape.nullable, value, field);
    return;
  }
  if ("oneOf" in shape) {
    const kinds = shape.oneOf.map(({ properties: { kind } }) => (kind as TextShape).enum ?? []);
    const at = isObject(value) ? kinds.findIndex((some) => some.includes(String(value.kind))) : -1;
    if (at < 0) fail(`a kind, one of ${kinds.flat().join(", ")}`);
    return mustFit(shape.oneOf[at], value, field);
  }
  switch (shape.type) {
    case "string": {
      if (typeof value !== "string") return fail("a text");
      const { maxLength = MAX_TEXT, minLength = 0 } = shape;
      if (shape.enum !== undefined && !shape.enum.includes(value)) {
        fail(`one of ${shape.enum.join(", ")}`);
      }
      if (!value.isWellFormed()) fail("a text of whole characters");
      if (value.length > maxLength) fail(`at most ${maxLength} characters`);
      if (value.length < minLength) fail(`at least ${minLength} characters`);
      return;
    }
    case "integer": {
      const { minimum, maximum } = shape;
      const is = Number.isSafeInteger(value) && value as number >= minimum &&
        value as number <= maximum;
      if (!is) fail(`a whole number, ${minimum} to ${maximum}`);
      return;
    }
    case "boolean":
      if (typeof value !== "boolean") fail("true or false");
      return;
    case "array":
      if (!Array.isArray(value)) return fail("a list");
      if (value.length > shape.maxItems) fail(`at most ${shape.maxItems} of them`);
      for (const [i, one] of value.entries()) mustFit(shape.items, one, `${field}[${i}]`);
      return;
    case "map": {
      if (!isObject(value)) return fail("an object");
      const entries = Object.entries(value);
      if (entries.length > shape.maxProperties) fail(`at most ${shape.maxProperties} members`);
      for (const [name, one] of entries) mustFit(shape.values, one, `${field}.${name}`);
      return;
    }
    case "object": {
      if (!isObject(value)) return fail("an object");
      const names = Object.keys(shape.properties);
      for (const name of shape.required) {
        if (!Object.hasOwn(value, name)) fail(`the member "${name}"`);
      }
      for (const [name, one] of Object.entries(value)) {
        if (!Object.hasOwn(shape.properties, name)) {
          const message = `${field} has "${name}": known are ${names.join(", ")}`;
          throw new ApiFailure("bad_request", message, { field: memberOf(field, name) });
        }
        mustFit(shape.properties[name], one, memberOf(field, name));
      }
    }
  }
}

/** The parameters of a query as their shapes have them; each may be given once. */
export function queryOf(
  shapes: { readonly [name: string]: Shape },
  search: URLSearchParams,
): { readonly [name: string]: string | number | boolean | undefined } {
  const query: { [name: string]: string | number | boolean } = {};
  for (const [name, text] of search) {
    if (!Object.hasOwn(shapes, name)) {
      const known = Object.keys(shapes).join(", ") || "none";
      throw new ApiFailure("bad_request", `${name} is no parameter here: known are ${known}`, {
        field: name,
      });
    }
    if (Object.hasOwn(query, name)) {
      throw new ApiFailure("bad_request", `${name} is given twice`, { field: name });
    }
    const shape = shapes[name], type = "type" in shape ? shape.type : "string";
    const value = type === "integer" && /^-?\d{1,16}$/.test(text)
      ? Number(text)
      : type === "boolean" && (text === "true" || text === "false")
      ? text === "true"
      : text;
    mustFit(shape, value, name);
    query[name] = value;
  }
  return query;
}

/** As JSON Schema says it. */
export function schemaOf(shape: Shape): Record<string, unknown> {
  const description = shape.doc === undefined ? {} : { description: shape.doc };
  if ("nullable" in shape) {
    return { anyOf: [schemaOf(shape.nullable), { type: "null" }], ...description };
  }
  if ("oneOf" in shape) return { oneOf: shape.oneOf.map(schemaOf), ...description };
  const { doc: _, ...rest } = shape;
  switch (shape.type) {
    case "array":
      return { ...rest, items: schemaOf(shape.items), ...description };
    case "map": {
      const { values, maxProperties } = shape;
      return {
        type: "object",
        additionalProperties: schemaOf(values),
        maxProperties,
        ...description,
      };
    }
    case "object": {
      const properties = Object.fromEntries(
        Object.entries(shape.properties).map(([name, one]) => [name, schemaOf(one)]),
      );
      const { required } = shape;
      return { type: "object", properties, required, additionalProperties: false, ...description };
    }
    default:
      return { ...rest, ...description };
  }
}

const MAX_TEXT = 64 * 1024, MAX_SHOWN = 60;

function memberOf(field: string, name: string): string {
  return field === "body" ? name : `${field}.${name}`;
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

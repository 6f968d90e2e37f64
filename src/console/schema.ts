/** Schema: what an answer is, as JSON Schema says it, checked by the compiler against the type that it is of. */

export interface Schema<out T> {
  readonly json: { readonly [name: string]: unknown };
  /** Never there: it carries the type. */
  readonly type?: T;
}

export const text: Schema<string> = { json: { type: "string" } };
export const integer: Schema<number> = { json: { type: "integer" } };
export const number: Schema<number> = { json: { type: "number" } };
export const flag: Schema<boolean> = { json: { type: "boolean" } };

export function word<const T extends string>(...words: readonly T[]): Schema<T> {
  return { json: { type: "string", enum: words } };
}

export function nullable<T>({ json }: Schema<T>): Schema<T | null> {
  return { json: { anyOf: [json, { type: "null" }] } };
}

export function list<T>({ json: items }: Schema<T>): Schema<readonly T[]> {
  return { json: { type: "array", items } };
}

/** Names to values. */
export function map<T>({ json }: Schema<T>): Schema<{ readonly [name: string]: T }> {
  return { json: { type: "object", additionalProperties: json } };
}

type Members = { readonly [name: string]: Schema<unknown> };
type Of<M extends Members> = {
  readonly [name in keyof M]: M[name] extends Schema<infer T> ? T : never;
};

/** All members are there, and no others. */
export function object<M extends Members>(members: M): Schema<Of<M>> {
  const properties = Object.fromEntries(
    Object.entries(members).map(([name, { json }]) => [name, json]),
  );
  const required = Object.keys(members);
  return { json: { type: "object", properties, required, additionalProperties: false } };
}

export function either<T>(...schemas: readonly Schema<T>[]): Schema<T> {
  return { json: { anyOf: schemas.map(({ json }) => json) } };
}

/** One that stands among the components under this name. */
export function named<T>(name: string): Schema<T> {
  return { json: { $ref: `#/components/schemas/${name}` } };
}

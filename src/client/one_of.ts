/** mustBeOneOf: refuses a word that an option does not have, which would count as another one of its words. */

/** Undefined is the default. Throws TypeError with the value and the words there are. */
export function mustBeOneOf(name: string, value: unknown, words: readonly string[]): void {
  if (value === undefined || words.includes(value as string)) return;
  const shown = typeof value === "string" ? `"${value}"` : String(value);
  throw new TypeError(
    `${name} is ${shown}, needs ${words.map((word) => `"${word}"`).join(" or ")}`,
  );
}

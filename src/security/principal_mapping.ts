/**
 * PrincipalMapping: ssl.principal.mapping.rules, from the name of a certificate to a user (SslPrincipalMapper, KIP-371).
 *
 *     RULE:pattern/replacement/[L|U]   the first whose pattern is the whole name; L and U: in lower or upper case
 *     DEFAULT                          the name itself
 *
 * A name that no rule is for gets nobody in. Patterns are RE2's, which no name can keep busy, so that there is neither
 * looking ahead nor back-reference in them; replacements are Java's.
 */
import { RE2JS } from "re2js";

/** The user's name for that of a certificate; null where no rule is for it. */
export type PrincipalMapping = (name: string) => string | null;

/** Throws an Error with what is wrong with the rules. */
export function principalMapping(text: string): PrincipalMapping {
  const rules = splitRules(text.trim()).map(ruleOf);
  return (name) => {
    for (const rule of rules) {
      const user = rule(name);
      if (user !== null) return user;
    }
    return null;
  };
}

const RULE = /^RULE:((?:\\.|[^\\/])*)\/((?:\\.|[^\\/])*)\/([LU]?)$/;

/** Commas stand between rules, and within them. */
function splitRules(text: string): string[] {
  const rules: string[] = [];
  const next = /\s*(DEFAULT|RULE:(?:\\.|[^\\/])*\/(?:\\.|[^\\/])*\/[LU]?|)\s*(?:,|$)/y;
  while (next.lastIndex < text.length) {
    const from = next.lastIndex, match = next.exec(text);
    if (match === null) throw new Error(`rule ${JSON.stringify(text.slice(from))}: ${NEED}`);
    if (match[1] !== "") rules.push(match[1]);
  }
  return rules;
}

const NEED = "needs RULE:pattern/replacement/ with L, U or nothing behind, or DEFAULT";

function ruleOf(text: string): PrincipalMapping {
  if (text === "DEFAULT") return (name) => name;
  const [, patternText, replacement, letters] = RULE.exec(text)!;
  let pattern: RE2JS;
  try {
    pattern = RE2JS.compile(patternText);
  } catch (error) {
    throw new Error(`rule ${JSON.stringify(text)}: ${(error as Error).message}`);
  }
  let parts: readonly Part[];
  try {
    parts = partsOf(replacement, pattern.groupCount());
  } catch (error) {
    throw new Error(`rule ${JSON.stringify(text)}: ${(error as Error).message}`);
  }
  return (name) => {
    if (!pattern.matches(name)) return null;
    const user = replaceAll(pattern, name, parts);
    return letters === "L" ? user.toLowerCase() : letters === "U" ? user.toUpperCase() : user;
  };
}

/** Text as it is, or the number of a group. */
type Part = string | number;

/**
 * A replacement as Java reads it: `\` takes the meaning of what follows, `$12` is the twelfth group, or the first and a
 * 2 where there are fewer. A `$4` where there are fewer than four is meant literally, as Kafka has it.
 */
function partsOf(replacement: string, groups: number): readonly Part[] {
  const parts: Part[] = [];
  for (let at = 0; at < replacement.length;) {
    const sign = replacement[at++];
    if (sign === "\\") {
      if (at === replacement.length) throw new Error("nothing stands behind the last \\");
      parts.push(replacement[at++]);
    } else if (sign !== "$") parts.push(sign);
    else {
      const digits = /^\d+/.exec(replacement.slice(at))?.[0];
      if (digits === undefined) throw new Error("a $ needs the number of a group behind it");
      let length = 1;
      while (length < digits.length && Number(digits.slice(0, length + 1)) <= groups) length++;
      const index = Number(digits.slice(0, length));
      if (index > groups && groups === 0) throw new Error(`there is no group ${index}`);
      parts.push(index > groups ? `$${digits.slice(0, length)}` : index);
      at += length;
    }
  }
  return parts;
}

/** Every match within the name, as String.replaceAll in Java: `.*` matches the whole and then the nothing behind it. */
function replaceAll(pattern: RE2JS, name: string, parts: readonly Part[]): string {
  const matcher = pattern.matcher(name);
  let user = "", from = 0;
  while (matcher.find()) {
    user += name.slice(from, matcher.start());
    for (const part of parts) {
      user += typeof part === "string" ? part : matcher.group(part) ?? "";
    }
    from = matcher.end();
  }
  return user + name.slice(from);
}

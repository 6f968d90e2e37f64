/**
 * Flags: the command line split into words, flags and their values. `--name value` and `--name=value` mean the same, a
 * flag that answers yes or no may stand alone, and behind `--` everything is a word.
 */
import { closest } from "./near_miss.ts";

/** What a flag takes, in words ("a whole number, 0 to 65535"); null when it stands alone, or has =true or =false. */
export type FlagNeeds = ReadonlyMap<string, string | null>;

export interface SplitArguments {
  /** What is no flag, in order. */
  readonly words: readonly string[];
  /** By flag; the last one counts. "true" for one that stands alone. */
  readonly flags: ReadonlyMap<string, string>;
}

/** The arguments split, or what is wrong with them. */
export function splitArguments(args: readonly string[], needs: FlagNeeds): SplitArguments | string {
  const words: string[] = [], flags = new Map<string, string>();
  for (let i = 0; i < args.length; i++) {
    const arg = args[i];
    if (arg === "--") {
      words.push(...args.slice(i + 1));
      break;
    }
    if (!arg.startsWith("-") || arg === "-") {
      words.push(arg);
      continue;
    }
    const at = arg.indexOf("="), flag = at < 0 ? arg : arg.slice(0, at);
    const need = needs.get(flag);
    if (need === undefined) return `unknown flag ${flag}${nearFlag(flag, [...needs.keys()])}`;
    if (at >= 0) flags.set(flag, arg.slice(at + 1));
    else if (need === null) flags.set(flag, "true");
    else {
      const next = args[i + 1];
      // A number may be negative; anything else that begins with a dash is the next flag.
      if (next === undefined || next.startsWith("-") && !/^-\d/.test(next)) {
        return `flag ${flag} has no value: needs ${need}`;
      }
      flags.set(flag, next);
      i++;
    }
  }
  return { words, flags };
}

function nearFlag(flag: string, known: readonly string[]): string {
  const near = closest(flag, known);
  return near === null ? "; `runnel help` lists all there are" : `: did you mean ${near}?`;
}

/**
 * Call: a command's words and flags as somebody gave them. Accessors check what they give, and throw ConfigError with the
 * value that is wrong, and how the command is called.
 */
import { ConfigError } from "../config/load.ts";
import type { Action, Command } from "./command.ts";

export class Call {
  readonly command: Command;
  readonly action: Action;
  /** As given, an empty list for a repeated word that is not there, "" for an optional one. */
  readonly words: readonly string[];
  /** Flags of the broker's options, as `--flag=value`. */
  readonly options: readonly string[];
  readonly #flags: ReadonlyMap<string, readonly string[]>;

  constructor(
    { command, action }: { readonly command: Command; readonly action: Action },
    given: {
      readonly words: readonly string[];
      readonly flags: ReadonlyMap<string, readonly string[]>;
      readonly options: readonly string[];
    },
  ) {
    this.command = command;
    this.action = action;
    this.words = given.words;
    this.options = given.options;
    this.#flags = given.flags;
  }

  /** Whether a flag that stands alone is there. */
  has(flag: string): boolean {
    return this.#flags.has(flag);
  }

  /** The value, the last if it was given twice; null when it was not. */
  text(flag: string): string | null {
    return this.#flags.get(flag)?.at(-1) ?? null;
  }

  /** Every value of a repeated flag. */
  texts(flag: string): readonly string[] {
    return this.#flags.get(flag) ?? [];
  }

  /** A whole number. */
  whole(
    flag: string,
    { min = 0, max = Number.MAX_SAFE_INTEGER }: { readonly min?: number; readonly max?: number } =
      {},
  ): number | null {
    const text = this.text(flag);
    if (text === null) return null;
    const value = Number(text);
    if (/^-?\d{1,16}$/.test(text) && value >= min && value <= max) return value;
    throw this.misused(`${flag} ${text || '""'}: needs a whole number, ${min} to ${max}`);
  }

  /** "250ms", "90s", "5m", "2h", "7d" in ms. */
  durationMs(flag: string): number | null {
    const text = this.text(flag);
    if (text === null) return null;
    const value = durationMs(text);
    if (value === null) {
      throw this.misused(`${flag} ${text || '""'}: needs a time, as 250ms, 90s, 5m, 2h or 7d`);
    }
    return value;
  }

  /** As durationMs, of a flag that takes a bare number too, as seconds, and `max` of them at most. */
  secondsMs(flag: string, max: number): number | null {
    const text = this.text(flag);
    if (text === null) return null;
    const value = durationMs(/^\d+(\.\d+)?$/.test(text) ? `${text}s` : text);
    if (value !== null && value <= max * 1000) return value;
    throw this.misused(
      `${flag} ${text || '""'}: needs a time, as 90s, 5m or 2h, or seconds, 0 to ${max}`,
    );
  }

  /** What is wrong with how the command was called, and how it is called. */
  misused(what: string): ConfigError {
    const { command, action } = this;
    const name = [command.name, action.name].filter((one) => one !== "").join(" ");
    return new ConfigError(`${name}: ${what} (\`runnel ${name} --help\`)`);
  }
}

/** Null for what is none. */
export function durationMs(text: string): number | null {
  const [, digits, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text) ?? [];
  if (digits === undefined) return null;
  const value = Number(digits) * UNITS_MS[unit as keyof typeof UNITS_MS];
  return value <= Number.MAX_SAFE_INTEGER ? Math.round(value) : null;
}

const UNITS_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

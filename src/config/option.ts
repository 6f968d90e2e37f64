/**
 * Option: one row of the configuration table, and the value it may have.
 *
 * A row says everything there is to say of an option; the loader, `runnel config`, `runnel --help`, the example file and
 * the README's table all read it and nothing else.
 */
import { type ListenerSetting, readListenerSettings } from "./listener_settings.ts";

export type Option =
  | BooleanOption
  | IntegerOption
  | TextOption
  | ChoiceOption
  | ListOption
  | ListenersOption;

interface Common {
  /** One or two sentences for people. */
  readonly doc: string;
  /** Whether a change takes effect only at the next start. */
  readonly restart: boolean;
  /** Kafka's broker config of the same meaning, where there is one. */
  readonly kafkaName?: string;
  /** Set, it cannot be done on this runtime; the text says what happens instead. */
  readonly unsupported?: string;
}

export interface BooleanOption extends Common {
  readonly type: "boolean";
  readonly default: boolean;
}

export interface IntegerOption extends Common {
  readonly type: "integer";
  readonly default: number;
  /** Bounds, both included. */
  readonly min: number;
  readonly max: number;
}

export interface TextOption extends Common {
  readonly type: "text";
  readonly default: string;
  readonly pattern: RegExp;
  /** What `pattern` asks for, in words. */
  readonly need: string;
  /** Never shown, and never taken from a flag, which every user of the machine can read. */
  readonly secret?: true;
  /** It names the file that the secret of this key is in: "auth.plain_password". */
  readonly secretOf?: string;
}

export interface ChoiceOption extends Common {
  readonly type: "choice";
  readonly default: string;
  readonly choices: readonly string[];
}

/** Texts in an array, or in one text with commas between. */
export interface ListOption extends Common {
  readonly type: "list";
  readonly default: readonly string[];
  /** Of each element. */
  readonly pattern: RegExp;
  readonly need: string;
  /** In a text that has one of these, they are what is between: Kafka's text of elements that may have commas. */
  readonly otherwiseBetween?: RegExp;
}

/** Tables, or Kafka's text of them. */
export interface ListenersOption extends Common {
  readonly type: "listeners";
  readonly default: readonly ListenerSetting[];
  readonly need: string;
}

export type OptionValue =
  | boolean
  | number
  | string
  | readonly string[]
  | readonly ListenerSetting[];

/** The TypeScript type of an option's value. */
export type ValueOf<O> = O extends { type: "boolean" } ? boolean
  : O extends { type: "integer" } ? number
  : O extends { type: "choice"; choices: readonly (infer Choice)[] } ? Choice
  : O extends { type: "list" } ? readonly string[]
  : O extends { type: "listeners" } ? readonly ListenerSetting[]
  : string;

/** What the option takes, in words: "a whole number, 0 to 65535". */
export function needOf(option: Option): string {
  switch (option.type) {
    case "boolean":
      return "true or false";
    case "integer":
      return `a whole number, ${option.min} to ${option.max}`;
    case "choice":
      return `one of ${option.choices.join(", ")}`;
    default:
      return option.need;
  }
}

/** The value as the option has it, or undefined when it may not have it. `fromText` also reads numbers and booleans in text. */
export function accept(
  option: Option,
  given: unknown,
  { fromText = false } = {},
): OptionValue | undefined {
  const value = fromText ? readText(option, String(given)) : given;
  switch (option.type) {
    case "boolean":
      return typeof value === "boolean" ? value : undefined;
    case "integer":
      return Number.isSafeInteger(value) && within(option, value as number)
        ? value as number
        : undefined;
    case "choice":
      return option.choices.includes(value as string) ? value as string : undefined;
    case "text":
      return typeof value === "string" && option.pattern.test(value) ? value : undefined;
    case "list":
      return acceptList(option, value);
    case "listeners": {
      const settings = readListenerSettings(value);
      return typeof settings === "string" ? undefined : settings;
    }
  }
}

function readText(option: Option, text: string): unknown {
  if (option.type === "boolean") {
    return text === "true" ? true : text === "false" ? false : undefined;
  }
  if (option.type === "integer") return /^-?\d{1,16}$/.test(text) ? Number(text) : undefined;
  return text;
}

function within(option: IntegerOption, value: number): boolean {
  return value >= option.min && value <= option.max;
}

function wordsOf(text: string, { otherwiseBetween }: ListOption): readonly string[] {
  return otherwiseBetween?.test(text)
    ? text.split(otherwiseBetween).map((word) => word.trim()).filter((word) => word !== "")
    : text.split(",").map((word) => word.trim());
}

function acceptList(option: ListOption, value: unknown): readonly string[] | undefined {
  const mayBeEmpty = option.default.length === 0;
  const list = typeof value !== "string"
    ? value
    : value === "" && mayBeEmpty
    ? []
    : wordsOf(value, option);
  const valid = Array.isArray(list) && (list.length > 0 || mayBeEmpty) && list.length <= 100 &&
    list.every((word) => typeof word === "string" && option.pattern.test(word));
  return valid ? list : undefined;
}

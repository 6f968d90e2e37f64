/** The arguments of the two campaigns, `--name=value`: numbers and choices, each with its default. */

export interface CrashOptions {
  readonly seed: number;
  readonly flush: "fsync" | "os";
  /** Where the directory is put as it was before the start after which something was missing; null keeps none. */
  readonly evidence: string | null;
  /** The loads to run, by their names in world.ts; null for all. */
  readonly loads: readonly string[] | null;
}

export interface PowerOptions extends CrashOptions {
  readonly rounds: number;
  readonly fs: "ext4" | "xfs";
  /** Whether the file system's own journal reaches the device before the power goes; mixed leaves it to the seed. */
  readonly journal: "lost" | "flushed" | "mixed";
}

const COMMON = {
  seed: { number: true },
  flush: { choices: ["fsync", "os"] },
  evidence: {},
  loads: { pattern: /^[a-z]+(,[a-z]+)*$/ },
} as const;

export function crashOptions(args: readonly string[]): CrashOptions & { readonly crashes: number } {
  const given = parseArguments(args, { ...COMMON, crashes: { number: true } });
  return { crashes: 10, flush: "fsync", ...common(), ...given, loads: list(given.loads) };
}

export function powerOptions(args: readonly string[]): PowerOptions {
  const given = parseArguments(args, {
    ...COMMON,
    rounds: { number: true },
    fs: { choices: ["ext4", "xfs"] },
    journal: { choices: ["lost", "flushed", "mixed"] },
  });
  const defaults = { rounds: 10, fs: "ext4", journal: "mixed", flush: "fsync" } as const;
  return { ...defaults, ...common(), ...given, loads: list(given.loads) };
}

const common = () => ({ evidence: null, seed: Date.now() % 1_000_000 });
const list = (names: string | number | undefined) =>
  names === undefined ? null : `${names}`.split(",");

interface Rule {
  readonly number?: boolean;
  readonly choices?: readonly string[];
  readonly pattern?: RegExp;
}

/** Arguments by their names; throws for one that no rule fits. */
export function parseArguments(
  args: readonly string[],
  rules: Readonly<Record<string, Rule>>,
) {
  const found: Record<string, string | number> = {};
  for (const arg of args) {
    const [, name, value] = /^--([a-z]+)=(.+)$/.exec(arg) ?? [];
    const rule = Object.hasOwn(rules, name ?? "") ? rules[name] : undefined;
    const isRight = rule !== undefined &&
      (rule.choices?.includes(value) ??
        (rule.number ? /^\d{1,9}$/ : rule.pattern ?? /./).test(value));
    if (!isRight) throw new Error(`Argument ${arg}: needed are ${describe(rules)}`);
    found[name] = rule.number ? Number(value) : value;
  }
  return found;
}

function describe(rules: Readonly<Record<string, Rule>>): string {
  return Object.entries(rules).map(([name, { number, choices }]) =>
    `--${name}=${number ? "N" : choices?.join("|") ?? "TEXT"}`
  ).join(", ");
}

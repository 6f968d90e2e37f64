/**
 * Arguments of a command: its words, its own flags, and what is left for the configuration, which a command reads as
 * the broker does. Complaints are ConfigErrors, in one line each.
 */
import { type FlagNeeds, splitArguments } from "../config/flags.ts";
import { ConfigError, configFlags, denoSurroundings, loadConfig } from "../config/load.ts";
import { listenersOf } from "../config/listeners.ts";
import type { Config } from "../config/options.ts";
import { parseAddress } from "../client/cluster.ts";
import { ConnectionError } from "../client/errors.ts";
import { usageOf } from "./help.ts";
import { printable } from "./table.ts";

export interface CommandArguments {
  readonly words: readonly string[];
  /** The command's own flags. */
  readonly own: ReadonlyMap<string, string>;
  /** Flags of options, as `--flag=value`. */
  readonly rest: readonly string[];
}

export function commandArguments(
  command: string,
  args: readonly string[],
  own: Readonly<Record<string, string | null>>,
): CommandArguments {
  const needs: FlagNeeds = new Map([...Object.entries(own), ...configFlags()]);
  const split = splitArguments(args, needs);
  if (typeof split === "string") throw new ConfigError(`${command}: ${split}`);
  const isOwn = ([flag]: [string, string]) => Object.hasOwn(own, flag);
  return {
    words: split.words,
    own: new Map([...split.flags].filter(isOwn)),
    rest: [...split.flags].filter((one) => !isOwn(one)).map(([flag, text]) => `${flag}=${text}`),
  };
}

/** The action of a command that has several, `group list`; throws when it is missing or another. */
export function actionOf<A extends string>(
  command: string,
  given: string | undefined,
  actions: readonly A[],
): A {
  const known = listed(actions);
  if (given === undefined) throw misused(command, `${known} is missing`);
  if (!(actions as readonly string[]).includes(given)) {
    throw misused(command, `"${given}" is not ${known}`);
  }
  return given as A;
}

/** What is wrong with how a command, or one of its actions, was called, and how it is called. */
export function misused(command: string, what: string, action?: string): ConfigError {
  return new ConfigError(`${command}: ${what}. Usage: ${usageOf(command, action)}`);
}

/** Both names of the one flag; Kafka's tools have the longer. */
export const BOOTSTRAP_FLAGS = {
  "--bootstrap": "host:port",
  "--bootstrap-server": "host:port",
} as const;

/** Where a client command finds its broker: what the flag says, else where the configuration has it. */
export function bootstrapOf(own: ReadonlyMap<string, string>, config: Config): string {
  const given = own.get("--bootstrap") ?? own.get("--bootstrap-server");
  if (given !== undefined) {
    try {
      for (const address of given.split(",")) parseAddress(address);
    } catch (error) {
      throw new ConfigError((error as Error).message);
    }
    return given;
  }
  const plain = listenersOf(config).find(({ protocol }) => protocol === "PLAINTEXT");
  if (plain === undefined) {
    throw new ConfigError(
      "there is no plain listener, and these commands do not speak TLS yet: say with --bootstrap where there is one",
    );
  }
  if (plain.port === 0) {
    throw new ConfigError(
      "kafka_port is 0, any free one: say with --bootstrap where the broker is",
    );
  }
  return `${reachable(plain.addresses[0])}:${plain.port}`;
}

/** What went wrong with a broker, and what to do where nobody was reached. */
export function clientErrorLine(error: Error): string {
  const message = printable(error.message);
  return error instanceof ConnectionError
    ? `${message}; is a broker running there? --bootstrap HOST:PORT says where it is`
    : message;
}

/** The configuration as the broker would have it with these flags. */
export async function configOf(rest: readonly string[]): Promise<Config> {
  return (await loadConfig(denoSurroundings(rest))).config;
}

/** An address to connect to; who listens on all of them is reached at this machine's own. */
function reachable(address: string): string {
  const bare = address.replace(/^\[|\]$/g, "");
  if (bare === "0.0.0.0") return "127.0.0.1";
  if (bare === "::") return "[::1]";
  return bare.includes(":") ? `[${bare}]` : bare;
}

function listed(words: readonly string[]): string {
  return `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}

/**
 * Arguments of a command: its words, its own flags, and what is left for the configuration, which a command reads as
 * the broker does. Complaints are ConfigErrors, in one line each.
 */
import { type FlagNeeds, splitArguments } from "../config/flags.ts";
import { ConfigError, configFlags } from "../config/load.ts";
export { configOf } from "./reach.ts";
export { clientErrorLine } from "./client_error_line.ts";
import { type ListenerConfig, listenersOf } from "../config/listeners.ts";
import type { Config } from "../config/options.ts";
import { parseAddress } from "../client/cluster.ts";
import { type ClientConfig, type ClientSecurity, readClientConfig } from "./client_config.ts";
import { usageOf } from "./help.ts";

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

/** Both names of each flag; Kafka's tools have the latter. */
export const BOOTSTRAP_FLAGS = {
  "--bootstrap": "host:port",
  "--bootstrap-server": "host:port",
  "--client-config": "a file",
  "--command-config": "a file",
} as const;

/** Where a client command finds its broker: what the flag says, else --client-config, else where the configuration has it. */
export function bootstrapOf(own: ReadonlyMap<string, string>, config: Config): string {
  const given = own.get("--bootstrap") ?? own.get("--bootstrap-server") ??
    clientConfig(own)?.bootstrap;
  if (given !== undefined) {
    try {
      for (const address of given.split(",")) parseAddress(address);
    } catch (error) {
      throw new ConfigError((error as Error).message);
    }
    return given;
  }
  const listener = ownListener(own, config);
  if (listener.port === 0) {
    throw new ConfigError(
      "kafka_port is 0, any free one: say with --bootstrap where the broker is",
    );
  }
  return `${reachable(listener.addresses[0])}:${listener.port}`;
}

/**
 * How a command speaks to the broker: as --client-config says; else plainly, or, where the configuration's own listener
 * asks for a log-in, as the user of the configuration.
 */
export function clientSecurityOf(
  own: ReadonlyMap<string, string>,
  config: Config,
): ClientSecurity {
  const given = clientConfig(own);
  if (given !== null) return { tls: given.tls, sasl: given.sasl };
  if (own.has("--bootstrap") || own.has("--bootstrap-server")) return {};
  const { protocol, tls } = ownListener(own, config);
  if (protocol === "PLAINTEXT") return {};
  const { plainUsername: username, plainPassword: password } = config.auth;
  return {
    tls: tls === null ? undefined : { caCerts: [readAuthority(tls.certificateFile)] },
    sasl: { mechanism: "PLAIN", username, password },
  };
}

/** Where the configuration has its broker, as far as this command can speak to it. */
function ownListener(own: ReadonlyMap<string, string>, config: Config): ListenerConfig {
  const listeners = listenersOf(config), given = clientConfig(own);
  if (given !== null) {
    const { protocol } = given, found = listeners.find((one) => one.protocol === protocol);
    if (found !== undefined) return found;
    throw new ConfigError(
      `--client-config has security.protocol = ${protocol}, and there is no such listener: say with --bootstrap where`,
    );
  }
  const { mechanism, plainUsername } = config.auth;
  const isKnown = mechanism.includes("PLAIN") && plainUsername !== "";
  const found = listeners.find(({ protocol }) => protocol === "PLAINTEXT") ??
    (isKnown ? listeners.find(({ protocol }) => protocol.startsWith("SASL_")) : undefined);
  if (found !== undefined) return found;
  throw new ConfigError(
    "there is no plain listener: say with --client-config FILE how to speak to the broker (security.protocol, " +
      "sasl.mechanism, …), and with --bootstrap where it is",
  );
}

function clientConfig(own: ReadonlyMap<string, string>): ClientConfig | null {
  const path = own.get("--client-config") ?? own.get("--command-config");
  return path === undefined ? null : readClientConfig(path);
}

/** What the broker shows is trusted, as it is the same machine's. */
function readAuthority(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    throw new ConfigError(`Cannot read tls.certificate_file ${path}: ${(error as Error).message}`);
  }
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

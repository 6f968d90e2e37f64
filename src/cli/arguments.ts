/**
 * Arguments of a command: its words, its own flags, and what is left for the configuration, which a command reads as
 * the broker does. Complaints are ConfigErrors, in one line each.
 */
import { type FlagNeeds, splitArguments } from "../config/flags.ts";
import { ConfigError, configFlags, denoSurroundings, loadConfig } from "../config/load.ts";
import { type ListenerConfig, listenersOf } from "../config/listeners.ts";
import type { Config } from "../config/options.ts";
import { parseAddress } from "../client/cluster.ts";
import { ConnectionError, KafkaError } from "../client/errors.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { type ClientConfig, type ClientSecurity, readClientConfig } from "./client_config.ts";
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

/** What went wrong with a broker, and what to do where nobody was reached, or a right or an option is missing. */
export function clientErrorLine(error: Error): string {
  const message = printable(error.message);
  if (error instanceof KafkaError) {
    const advice = ADVICE.get(error.code);
    return advice === undefined ? message : `${message.replace(/\.$/, "")}; ${advice}`;
  }
  if (!(error instanceof ConnectionError)) return message;
  if (/invalid peer certificate/.test(message)) {
    return `${message}; the broker is there: its CA has to be in ssl.truststore.location (ssl.ca.location) of ` +
      "--client-config, and its certificate for the name that --bootstrap has";
  }
  // What a listener does to who begins in clear where it speaks TLS or wants a log-in, and the other way round.
  const isRefused = /the broker closed the connection|corrupt message/.test(message);
  const how = isRefused
    ? ", and --client-config FILE how it is spoken to, where it wants TLS or a log-in"
    : "";
  return `${message}; is a broker running there? --bootstrap HOST:PORT says where it is${how}`;
}

const RIGHT_MISSING =
  "this user has no right to it: who may change ACLs gives it by `runnel acl add USER OPERATION RESOURCE`";
const ADVICE: ReadonlyMap<number, string> = new Map([
  [ErrorCode.TOPIC_AUTHORIZATION_FAILED, RIGHT_MISSING],
  [ErrorCode.GROUP_AUTHORIZATION_FAILED, RIGHT_MISSING],
  [ErrorCode.CLUSTER_AUTHORIZATION_FAILED, RIGHT_MISSING],
  [ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, RIGHT_MISSING],
  [ErrorCode.DELEGATION_TOKEN_AUTHORIZATION_FAILED, RIGHT_MISSING],
  [
    ErrorCode.DELEGATION_TOKEN_AUTH_DISABLED,
    "the broker needs a key for them: delegation_token.secret_key_file",
  ],
]);

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

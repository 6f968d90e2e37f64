/**
 * Reach: where a client command finds its broker and how it speaks to it. Of several that say where the first counts:
 * --bootstrap, bootstrap.servers of --client-config or of the profile, RUNNEL_BOOTSTRAP, the broker's configuration on
 * this machine, which a command reads as the broker does.
 */
import { parseAddress } from "../client/cluster.ts";
import { type ListenerConfig, listenersOf } from "../config/listeners.ts";
import { ConfigError, denoSurroundings, loadConfig } from "../config/load.ts";
import type { Config } from "../config/options.ts";
import { configHome } from "../platform.ts";
import type { Call } from "./call.ts";
import { type ClientConfig, type ClientSecurity, readClientConfig } from "./client_config.ts";

export interface Reached {
  /** "127.0.0.1:9092", or several with commas. */
  readonly bootstrap: string;
  readonly security: ClientSecurity;
}

/** Throws ConfigError. */
export function reachedBy(call: Call, config: Config): Reached {
  const profile = call.text("--profile") ?? variable("RUNNEL_PROFILE");
  const file = call.text("--client-config") ?? profileOf(call, "--profile", profile);
  const client = file === null ? null : readClientConfig(file);
  const given = call.text("--bootstrap") ?? client?.bootstrap ?? variable("RUNNEL_BOOTSTRAP");
  const own = ownSecurity(client);
  if (given !== null) return { bootstrap: addressesOf(given), security: own };
  const listener = ownListener(client, config);
  if (listener.port === 0) {
    throw new ConfigError(
      "kafka_port is 0, any free one: say with --bootstrap where the broker is",
    );
  }
  return {
    bootstrap: `${reachable(listener.addresses[0])}:${listener.port}`,
    security: client === null ? securityOf(listener, config) : own,
  };
}

/** Null where it is not set, or to nothing, which is how scripts take one back. */
function variable(name: string): string | null {
  return Deno.env.get(name) || null;
}

/** The configuration as the broker would have it with these flags. */
export async function configOf(options: readonly string[]): Promise<Config> {
  return (await loadConfig(denoSurroundings(options))).config;
}

/** "host:port,…" as it is given. Throws ConfigError for what is none. */
export function addressesOf(text: string): string {
  try {
    for (const address of text.split(",")) parseAddress(address);
  } catch (error) {
    throw new ConfigError((error as Error).message);
  }
  return text;
}

/** One side of a command that has two: `--from`, `--from-client-config`, `--from-profile`, and nothing else. */
export function sideReachedBy(call: Call, side: "--from" | "--to"): Reached {
  const flag = `${side}-profile`;
  const file = call.text(`${side}-client-config`) ?? profileOf(call, flag, call.text(flag));
  const client = file === null ? null : readClientConfig(file);
  const given = call.text(side) ?? client?.bootstrap;
  if (given === undefined) {
    throw call.misused(`needs ${side} HOST:PORT, or bootstrap.servers in ${side}-profile NAME`);
  }
  return { bootstrap: addressesOf(given), security: ownSecurity(client) };
}

function ownSecurity(client: ClientConfig | null): ClientSecurity {
  return client === null ? {} : { tls: client.tls, sasl: client.sasl };
}

function profileOf(call: Call, flag: string, name: string | null): string | null {
  if (name === null) return null;
  if (!/^[\w.-]{1,100}$/.test(name) || name.startsWith(".")) {
    throw call.misused(`${flag} ${name || '""'}: needs a name of letters, digits, _, - and .`);
  }
  const path = `${configHome((name) => Deno.env.get(name))}/runnel/${name}.properties`;
  try {
    Deno.statSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new ConfigError(`There is no profile ${name}: ${path} is not there`);
  }
  return path;
}

/** Where the configuration has its broker, as far as this command can speak to it. */
function ownListener(client: ClientConfig | null, config: Config): ListenerConfig {
  const listeners = listenersOf(config);
  if (client !== null) {
    const { protocol } = client, found = listeners.find((one) => one.protocol === protocol);
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

/** Plainly, or, where the configuration's own listener asks for a log-in, as the user of the configuration. */
function securityOf({ protocol, tls }: ListenerConfig, { auth }: Config): ClientSecurity {
  if (protocol === "PLAINTEXT") return {};
  return {
    tls: tls === null ? undefined : { caCerts: [readAuthority(tls.certificateFile)] },
    sasl: { mechanism: "PLAIN", username: auth.plainUsername, password: auth.plainPassword },
  };
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

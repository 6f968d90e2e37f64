/**
 * Reach: where a client command finds its broker and how it speaks to it. Of several that say where the first counts:
 * --bootstrap, bootstrap.servers of --client-config or of the profile, RUNNEL_BOOTSTRAP, the configuration.
 */
import { ConfigError } from "../config/load.ts";
import type { Config } from "../config/options.ts";
import { bootstrapOf, clientSecurityOf } from "./arguments.ts";
import type { Call } from "./call.ts";
import { bootstrapServersOf, type ClientSecurity } from "./client_config.ts";

export interface Reached {
  readonly bootstrap: string;
  readonly security: ClientSecurity;
}

export function reachedBy(call: Call, config: Config): Reached {
  const own = new Map<string, string>();
  const profile = call.text("--profile") ?? Deno.env.get("RUNNEL_PROFILE") ?? null;
  const file = call.text("--client-config") ?? profileOf(call, "--profile", profile);
  if (file !== null) own.set("--client-config", file);
  const bootstrap = call.text("--bootstrap") ?? (file === null ? null : bootstrapServersOf(file)) ??
    Deno.env.get("RUNNEL_BOOTSTRAP") ?? null;
  if (bootstrap !== null) own.set("--bootstrap", bootstrap);
  return { bootstrap: bootstrapOf(own, config), security: clientSecurityOf(own, config) };
}

/** One side of a command that has two: `--from`, `--from-client-config`, `--from-profile`, and nothing else. */
export function sideReachedBy(call: Call, config: Config, side: "--from" | "--to"): Reached {
  const own = new Map<string, string>(), flag = `${side}-profile`;
  const file = call.text(`${side}-client-config`) ?? profileOf(call, flag, call.text(flag));
  if (file !== null) own.set("--client-config", file);
  const bootstrap = call.text(side) ?? (file === null ? null : bootstrapServersOf(file));
  if (bootstrap === null) {
    throw call.misused(`needs ${side} HOST:PORT, or bootstrap.servers in ${side}-profile NAME`);
  }
  own.set("--bootstrap", bootstrap);
  return { bootstrap: bootstrapOf(own, config), security: clientSecurityOf(own, config) };
}

function profileOf(call: Call, flag: string, name: string | null): string | null {
  if (name === null) return null;
  if (!/^[\w.-]{1,100}$/.test(name) || name.startsWith(".")) {
    throw call.misused(`${flag} ${name || '""'}: needs a name of letters, digits, _, - and .`);
  }
  const home = Deno.env.get("XDG_CONFIG_HOME") ?? `${Deno.env.get("HOME") ?? ""}/.config`;
  const path = `${home}/runnel/${name}.properties`;
  try {
    Deno.statSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new ConfigError(`There is no profile ${name}: ${path} is not there`);
  }
  return path;
}

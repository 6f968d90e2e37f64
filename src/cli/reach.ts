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
  const file = call.text("--client-config") ?? profileOf(call);
  if (file !== null) own.set("--client-config", file);
  const bootstrap = call.text("--bootstrap") ?? (file === null ? null : bootstrapServersOf(file)) ??
    Deno.env.get("RUNNEL_BOOTSTRAP") ?? null;
  if (bootstrap !== null) own.set("--bootstrap", bootstrap);
  return { bootstrap: bootstrapOf(own, config), security: clientSecurityOf(own, config) };
}

function profileOf(call: Call): string | null {
  const name = call.text("--profile") ?? Deno.env.get("RUNNEL_PROFILE") ?? null;
  if (name === null) return null;
  if (!/^[\w.-]{1,100}$/.test(name) || name.startsWith(".")) {
    throw call.misused(`--profile ${name || '""'}: needs a name of letters, digits, _, - and .`);
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

/** Configs of a topic as they are given to its commands. */
import type { Call } from "../call.ts";

/** By name; null is its default again. Throws ConfigError. */
export function configsOf(call: Call): Record<string, string | null> {
  const configs: Record<string, string | null> = {};
  for (const text of call.texts("--config")) {
    const at = text.indexOf("=");
    if (at < 1) throw call.misused(`--config ${text || '""'}: needs NAME=VALUE`);
    configs[text.slice(0, at)] = text.slice(at + 1);
  }
  for (const name of call.texts("--unset")) {
    if (Object.hasOwn(configs, name)) throw call.misused(`--config and --unset both name ${name}`);
    configs[name] = null;
  }
  return configs;
}

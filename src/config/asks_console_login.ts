/** Whether the console asks everybody who they are, as one of the broker's users. */
import { listenersOf } from "./listeners.ts";
import type { Config } from "./options.ts";

/** Where it is left open: as soon as a listener has users with passwords or tokens. */
export function asksConsoleLogin(config: Config): boolean {
  const { enabled, login } = config.console;
  if (!enabled || login === "never") return false;
  return login === "always" ||
    listenersOf(config).some(({ protocol }) => protocol.startsWith("SASL_"));
}

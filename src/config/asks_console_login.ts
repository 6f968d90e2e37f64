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

/** Whether users log in there by tokens, too. */
export function haveUsersTokens(config: Config): boolean {
  return config.auth.mechanism.includes("OAUTHBEARER") && asksConsoleLogin(config);
}

/** Whether a token has three parts, as users' tokens have, which are JSON web tokens: HTTP's own is told from them by that. */
export function hasFormOfJwt(token: string): boolean {
  return token.split(".").length === 3;
}

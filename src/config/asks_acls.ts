/** Whether ACLs say what each user may do. */
import { isAuthenticated, listenersOf } from "./listeners.ts";
import type { Config } from "./options.ts";

/** Where it is left open: as soon as a listener wants to know who its clients are. */
export function asksAcls(config: Config): boolean {
  const { mode } = config.authorization;
  return mode === "on" || mode === "auto" && listenersOf(config).some(isAuthenticated);
}

/** Warnings: what a start says of its configuration in the log. */
import { logger } from "../log.ts";
import { asksAcls } from "./asks_acls.ts";
import { isAuthenticated, listenersOf } from "./listeners.ts";
import type { LoadedConfig } from "./load.ts";

export function logWarnings({ config, warnings }: LoadedConfig): void {
  const log = logger("config");
  if (warnings.length > 0) log.warn(warnings.join("; "));
  if (
    asksAcls(config) && config.authorization.superUsers.length === 0 &&
    config.auth.plainUsername === "" && !config.authorization.allowEveryoneIfNoAclFound
  ) {
    log.warn(
      "ACLs say what each user may do, and authorization.super_users is empty: unless the metadata has ACLs already nobody may do anything",
    );
  }
  if (config.insecure) {
    log.warn("insecure is set: everyone who can connect can read, write and delete", {
      listen: listenersOf(config).filter((listener) => !isAuthenticated(listener))
        .flatMap(({ addresses }) => addresses).join(","),
    });
  }
  if (listenersOf(config).some(isAuthenticated) && !asksAcls(config)) {
    log.warn("everyone_may_everything");
  }
}

/**
 * Authorization: the authorizer of a broker, which follows the ACLs in its metadata; null where everybody may everything.
 */
import { asksAcls } from "../config/asks_acls.ts";
import type { Config } from "../config/options.ts";
import { logger } from "../log.ts";
import { administrators } from "../security/acl/administrators.ts";
import { Access, type Asker, OPEN_ACCESS } from "../security/acl/access.ts";
import { Authorizer } from "../security/acl/authorizer.ts";
import type { MetadataStore } from "../topics/metadata_store.ts";

/**
 * With the ACLs there are; what changes is in effect before the change is answered. The user that the configuration itself
 * has (auth.plain_username) may do everything: the first ACLs have to come from somebody.
 */
export function authorizerOf(config: Config, metadata: MetadataStore): Authorizer | null {
  if (!asksAcls(config)) return null;
  const { auth: { plainUsername }, authorization } = config;
  const own = plainUsername === "" ? [] : [`User:${plainUsername}`];
  const superUsers = [...authorization.superUsers, ...own];
  const authorizer = new Authorizer({ ...authorization, superUsers });
  for (const entry of metadata.catalogue.kept("AccessControlEntryRecord")) {
    authorizer.index.add(entry.id, entry);
  }
  const warn = superUsers.length === 0 ? lockOutWarning(authorizer) : null;
  metadata.watch(({ acls }) => {
    if (acls === null) return;
    for (const [id, entry] of acls) {
      if (entry === null) authorizer.index.remove(id);
      else authorizer.index.add(id, entry);
    }
    warn?.();
  });
  return authorizer;
}

/** To be called when ACLs have changed; says when they leave nobody who may change them, and no super user is there. */
function lockOutWarning({ index }: Authorizer): () => void {
  const isAnybody = () => administrators(Array.from(index.acls(), ([, acl]) => acl)).size > 0;
  let wasAnybody = isAnybody();
  return () => {
    const isNow = isAnybody();
    if (wasAnybody && !isNow) logger("authorization").warn("nobody_may_change_acls");
    wasAnybody = isNow;
  };
}

/** What the one at a connection may do. */
export function accessBy(authorizer: Authorizer | null): (asker: Asker) => Access {
  return authorizer === null ? () => OPEN_ACCESS : (asker) => new Access(authorizer, asker);
}

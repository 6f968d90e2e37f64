/** Administrators: who may change ACLs by the ACLs themselves. Super users, whom no ACL takes anything from, stand beside them. */
import { type Acl, bit, CLUSTER_NAME, Operation, Permission, ResourceType } from "./acl.ts";
import { Authorizer } from "./authorizer.ts";

/** The principals that some ACL lets change ACLs, from anywhere or from one host, and no other keeps from it. */
export function administrators(acls: Iterable<Acl>): Set<string> {
  const authorizer = new Authorizer({ superUsers: [], allowEveryoneIfNoAclFound: false });
  const ofCluster = [...acls].filter((acl) => acl.resourceType === ResourceType.CLUSTER);
  for (const [i, acl] of ofCluster.entries()) authorizer.index.add(`${i}`, acl);
  const { ALTER, ALL } = Operation, found = new Set<string>();
  for (const { operation, permissionType, principal, host } of ofCluster) {
    const grants = permissionType === Permission.ALLOW &&
      (operation === ALTER || operation === ALL);
    if (!grants) continue;
    // From "*", only what is said of every host counts: one that is kept out leaves the others.
    const allowed = authorizer.allowed(principal, host, ResourceType.CLUSTER, CLUSTER_NAME);
    if ((allowed & bit(ALTER)) !== 0) found.add(principal);
  }
  return found;
}

/** Whether a change of the ACLs leaves nobody who may change them, where before there was somebody. */
export function locksEverybodyOut(before: readonly Acl[], after: readonly Acl[]): boolean {
  return administrators(after).size === 0 && administrators(before).size > 0;
}

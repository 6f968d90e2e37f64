/**
 * `runnel acl add`: a new ACL. One that would leave nobody who may change ACLs is refused without --force: then only super
 * users of the broker's configuration could make another.
 */
import { Permission, ResourceType } from "../../security/acl/acl.ts";
import { locksEverybodyOut } from "../../security/acl/administrators.ts";
import type { Run } from "../command.ts";
import { connected } from "../connected.ts";
import { aclOf, tellRule } from "./acl_text.ts";
import { allAcls, createAcl, lockedOut } from "./cluster_acls.ts";

export const addAcl: Run = (call) => {
  const acl = aclOf(call);
  return connected(call, async ({ cluster, out }) => {
    const mayLockOut = acl.permissionType === Permission.DENY &&
      acl.resourceType === ResourceType.CLUSTER;
    if (mayLockOut && !call.has("--force")) {
      const before = await allAcls(cluster);
      if (locksEverybodyOut(before, [...before, acl])) throw lockedOut("denies it to the last");
    }
    await createAcl(cluster, acl);
    tellRule(out, acl);
    return 0;
  });
};

/** `runnel acl remove`: takes an ACL away; the last that lets somebody change ACLs with --force only. */
import { aclKey, ResourceType } from "../../security/acl/acl.ts";
import { locksEverybodyOut } from "../../security/acl/administrators.ts";
import type { Run } from "../command.ts";
import { connected } from "../connected.ts";
import { ConfigError } from "../../config/load.ts";
import { aclOf, ruleText, tellRule } from "./acl_text.ts";
import { allAcls, deleteAcl, lockedOut } from "./cluster_acls.ts";

export const removeAcl: Run = (call) => {
  const acl = aclOf(call);
  return connected(call, async ({ cluster, out }) => {
    if (acl.resourceType === ResourceType.CLUSTER && !call.has("--force")) {
      const before = await allAcls(cluster), key = aclKey(acl);
      const after = before.filter((one) => aclKey(one) !== key);
      if (locksEverybodyOut(before, after)) throw lockedOut("is what allows it to the last");
    }
    const gone = await deleteAcl(cluster, acl);
    if (gone.length === 0) throw new ConfigError(`there is no such ACL: ${ruleText(acl)}`);
    for (const one of gone) tellRule(out, one);
    return 0;
  });
};

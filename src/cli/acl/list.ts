/** `runnel acl list`: all ACLs. */
import type { Run } from "../command.ts";
import { connected } from "../connected.ts";
import { aclJson, aclRow } from "./acl_text.ts";
import { allAcls } from "./cluster_acls.ts";

export const listAcls: Run = (call) =>
  connected(call, async ({ cluster, out }) => {
    const acls = await allAcls(cluster);
    if (out.isJson) { for (const acl of acls) out.json(aclJson(acl)); }
    else out.table(["user", "rule", "operation", "resource", "host"], acls.map(aclRow).sort());
    return 0;
  });

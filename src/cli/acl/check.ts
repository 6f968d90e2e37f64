/** `runnel acl check`: whether somebody may do something, and which ACL decides. Exit code 0: allowed, 3: not. */
import { Operation } from "../../security/acl/acl.ts";
import type { Run } from "../command.ts";
import { connected } from "../connected.ts";
import { aclOf, decisionText } from "./acl_text.ts";
import { allAcls, decisionOf, explained } from "./cluster_acls.ts";

export const checkAcl: Run = (call) => {
  const asked = aclOf(call);
  if (asked.operation === Operation.ALL) {
    throw call.misused('check asks of one operation, and "all" is each of them');
  }
  return connected(call, async ({ cluster, out }) => {
    // A Kafka cannot be asked; there its ACLs are evaluated here, which know nothing of super users.
    const told = await decisionOf(cluster, asked);
    const decision = told ?? explained(await allAcls(cluster), asked);
    const isGuess = told === null && decision.rule.kind !== "acl";
    if (out.isJson) {
      const by = decisionText(decision).replace(/^.*?, by: /, "");
      out.json({ allowed: decision.isAllowed, by, superUsersKnown: told !== null });
    } else {
      out.line(decisionText(decision));
      if (isGuess) {
        out.line(
          "Super users and allow.everyone.if.no.acl.found of that broker are not looked at.",
        );
      }
    }
    return decision.isAllowed ? 0 : NOT_ALLOWED;
  });
};

const NOT_ALLOWED = 3;

/** `runnel quota list`: quotas, all or those of somebody. */
import { CLIENT_ID, IP, USER } from "../../topics/client_quotas.ts";
import type { Run } from "../command.ts";
import { connected } from "../connected.ts";
import { quotasOf } from "./cluster_quotas.ts";
import { entityJson, entityOf } from "./entity.ts";

export const listQuotas: Run = (call) => {
  const asked = entityOf(call);
  return connected(call, async ({ cluster, out }) => {
    const entries = await quotasOf(cluster, asked);
    const rows = entries.flatMap(({ entity, values }) => {
      const name = (type: string) => {
        const part = entity.find(({ entityType }) => entityType === type);
        return part === undefined ? "" : part.entityName ?? "(default)";
      };
      const whose = entityJson(entity);
      return values.map(({ key, value }) => {
        if (out.isJson) out.json({ entity: whose, quota: key, value });
        return [name(USER), name(CLIENT_ID), name(IP), key, `${value}`];
      });
    });
    if (!out.isJson) out.table(["user", "client id", "ip", "quota", "value"], rows.sort());
    return 0;
  });
};

/** `runnel group list`: every group of every broker. */
import { listGroups } from "../../client/groups.ts";
import type { Run } from "../command.ts";
import { connected } from "../connected.ts";

export const listAllGroups: Run = (call) =>
  connected(call, async ({ cluster, out }) => {
    const groups = await listGroups(cluster);
    out.table(
      ["group", "type", "state", "protocol"],
      groups.map(({ groupId, type, state, protocolType }) => [groupId, type, state, protocolType]),
    );
    return 0;
  });

/** `runnel user list`: users with the mechanisms by which they log in. */
import { ConfigError } from "../../config/load.ts";
import type { Run } from "../command.ts";
import { connected } from "../connected.ts";
import { Output } from "../output.ts";
import { clusterUsers } from "./cluster_users.ts";
import { usersFileOf } from "./place.ts";
import { isThere, usersIn } from "./users_file.ts";

export const listUsers: Run = async (call) => {
  const file = await usersFileOf(call);
  if (file === null) {
    return await connected(call, async ({ cluster, out }) => {
      return print(out, await clusterUsers(cluster).list());
    });
  }
  if (!isThere(file)) {
    throw new ConfigError(
      `user: there is no users file ${file}: \`runnel user add NAME\` makes one`,
    );
  }
  return print(new Output({ isJson: call.has("--json") }), usersIn(file));
};

function print(out: Output, users: ReadonlyMap<string, readonly string[]>): number {
  const inOrder = [...users].sort();
  if (out.isJson) {
    for (const [user, mechanisms] of inOrder) out.json({ user, mechanisms });
  } else {
    const rows = inOrder.map(([user, mechanisms]) => [user, mechanisms.join(" ")]);
    out.table(["user", "mechanisms"], rows);
  }
  return 0;
}

/** `runnel user delete`: who was deleted may not log in any more, and connections end within seconds. */
import { ConfigError } from "../../config/load.ts";
import type { Run } from "../command.ts";
import { confirmed } from "../confirm.ts";
import { connected } from "../connected.ts";
import { Output } from "../output.ts";
import { clusterUsers } from "./cluster_users.ts";
import { nameOf, usersFileOf } from "./place.ts";
import { deleteFromFile } from "./users_file.ts";

export const deleteUser: Run = async (call) => {
  const name = nameOf(call), file = await usersFileOf(call);
  if (file !== null) {
    return confirmed(call, `Delete the user ${name} from ${file}?`)
      ? tell(new Output({ isJson: call.has("--json") }), name, deleteFromFile(file, name))
      : 1;
  }
  return await connected(call, async ({ cluster, out, bootstrap }) => {
    return confirmed(call, `Delete the user ${name} at ${bootstrap}?`)
      ? tell(out, name, await clusterUsers(cluster).delete(name))
      : 1;
  });
};

function tell(out: Output, name: string, isGone: boolean): number {
  if (!isGone) throw new ConfigError(`there is no user ${name}: \`runnel user list\``);
  out.told(`${name} is gone; its connections end within seconds`, {
    user: name,
    result: "deleted",
  });
  return 0;
}

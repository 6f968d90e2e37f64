/** `runnel export`: what was set in a cluster, as a state.toml. Passwords cannot be read, so there are none in it. */
import { askingOf } from "../../client/asking.ts";
import type { Run } from "../command.ts";
import { connected } from "../connected.ts";
import { printable } from "../table.ts";
import { clusterState, EVERYTHING } from "./cluster_state.ts";
import { writeState } from "./write_state.ts";

export const exportState: Run = (call) =>
  connected(call, async ({ cluster, out }) => {
    const { state, unseen } = await clusterState(askingOf(cluster), EVERYTHING);
    const { text, leftOut } = writeState(state);
    for (const what of [...unseen, ...leftOut]) {
      console.error(`runnel: left out: ${printable(what)}`);
    }
    for (const line of text.split("\n").slice(0, -1)) out.line(line);
    return 0;
  });

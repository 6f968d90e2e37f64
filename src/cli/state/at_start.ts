/**
 * At start: `runnel serve --apply FILE`. What is wrong with the file is told before the broker listens; when it serves,
 * the state is made so through the broker itself, whatever its listeners ask of clients. Nothing is pruned, no password
 * that is there is set anew, and no list is kept beside the file: that is for who runs `runnel apply`.
 */
import type { Asking } from "../../client/asking.ts";
import { asksAcls } from "../../config/asks_acls.ts";
import { ConfigError } from "../../config/load.ts";
import type { Config } from "../../config/options.ts";
import { validateTopicConfigs } from "../../config/topic_configs.ts";
import { logger } from "../../log.ts";
import { type CarriedOut, carryOut, refusalsOf } from "./carry_out.ts";
import { clusterState, scopeOf } from "./cluster_state.ts";
import { passwordsFor } from "./passwords.ts";
import { planOf } from "./plan.ts";
import { linesOf } from "./plan_text.ts";
import { listedIn, type State } from "./state.ts";
import { stateIn } from "./state_file.ts";

/** Makes it so; resolves with what keeps it from that, in a sentence each. */
export type ApplyAtStart = (asking: Asking) => Promise<readonly string[]>;

/** Reads the file, and says what of it cannot be before the broker serves. Throws ConfigError. */
export async function readAtStart(path: string, config: Config): Promise<ApplyAtStart> {
  if (path === "-") throw new ConfigError("serve: --apply -: needs a file");
  const wanted = await stateIn(path);
  for (const [name, { configs }] of wanted.topics) {
    const error = validateTopicConfigs(configs, config.topic);
    if (error !== null) throw new ConfigError(`${path}: topic ${name}: ${error}`);
  }
  if (wanted.acls.size > 0 && !asksAcls(config)) {
    throw new ConfigError(
      `${path} has ACLs, and the broker asks none: authorization.mode is ${config.authorization.mode}, and clients do not log in`,
    );
  }
  return (asking) => apply(asking, wanted, config);
}

/** Where something can be foreseen, nothing is changed. */
async function apply(
  asking: Asking,
  wanted: State,
  { authorization, auth }: Config,
): Promise<readonly string[]> {
  const log = logger("state");
  const { state } = await clusterState(asking, scopeOf(listedIn(wanted)));
  const plan = planOf(wanted, state, {
    lastListed: null,
    prune: false,
    rotate: new Set(),
    // Whom no ACL takes anything from can mend them.
    force: authorization.superUsers.length > 0 || auth.plainUsername !== "",
  });
  if (plan.problems.length > 0) return plan.problems;
  const { passwords, missing } = passwordsFor(wanted, plan.changes);
  const foreseen = [...missing, ...await refusalsOf(asking, plan.changes)];
  if (foreseen.length > 0) return foreseen;
  const refused: string[] = [];
  const tell = ({ change, outcome }: CarriedOut) => {
    for (const { sign, text } of linesOf(change)) {
      if (outcome === null) log.info("state_changed", { change: `${sign} ${text}` });
      else if (outcome instanceof Error) refused.push(`${text}: ${outcome.message}`);
      else refused.push(`${text}: ${outcome}`);
    }
  };
  await carryOut(asking, plan.changes, { passwords, tell });
  if (refused.length === 0) log.info("state_applied", { changes: plan.changes.length });
  return refused;
}

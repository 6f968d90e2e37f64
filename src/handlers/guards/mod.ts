/** The guards: what every API that is served asks of the one who sends it. */
import type { Catalogue } from "../../topics/catalogue.ts";
import type { Guard } from "../guard.ts";
import { clusterGuards } from "./cluster_guards.ts";
import { configGuards } from "./config_guards.ts";
import { groupGuards } from "./group_guards.ts";
import { offsetFetchGuard } from "./offset_fetch_guard.ts";
import { tokenGuards } from "./token_guards.ts";
import { topicGuards } from "./topic_guards.ts";
import { transactionGuards } from "./transaction_guards.ts";

export function allGuards(catalogue: Catalogue): readonly Guard[] {
  return [
    ...topicGuards(catalogue),
    ...groupGuards(catalogue),
    offsetFetchGuard(catalogue),
    ...transactionGuards(catalogue),
    ...configGuards,
    ...clusterGuards,
    ...tokenGuards,
  ];
}

/** The questions of acl_forms/, put as those of acls/ are. */
import type { Asker } from "../acls/asker.ts";
import { type Answers, play } from "../acls/play.ts";
import { questions, TOPICS } from "./questions.ts";

export function playAll(
  admin: Asker,
  open: (user: string) => Promise<Asker>,
): Promise<Answers> {
  return play(admin, open, { topics: TOPICS, questions });
}

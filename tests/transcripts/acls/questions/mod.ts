/**
 * What each API is asked, and the rights that the answer may depend on: by Kafka's table of operations and resources on
 * protocols. Each question is put by somebody with every right, with none, and with each right missing.
 */
import type { Api } from "../../../../src/protocol/schema.ts";
import { clusterQuestions } from "./cluster_questions.ts";
import { configQuestions } from "./config_questions.ts";
import { groupQuestions } from "./group_questions.ts";
import type { Asking, Question } from "./question.ts";
import { topicQuestions } from "./topic_questions.ts";
import { transactionQuestions } from "./transaction_questions.ts";

/** `ids`: of the topics, by name. In the order in which they are asked: some take away what others need. */
export function questions(ids: ReadonlyMap<string, string>): Question[] {
  const list: Question[] = [];
  const asking: Asking = {
    ids,
    ask: (name, api, version, request, rights) =>
      list.push({ name, api: api as unknown as Api, version, request, rights }),
  };
  topicQuestions(asking);
  groupQuestions(asking);
  transactionQuestions(asking);
  configQuestions(asking);
  clusterQuestions(asking);
  return list;
}

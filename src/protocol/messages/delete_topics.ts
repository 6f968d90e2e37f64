/**
 * DeleteTopics: deletes topics by name, or by id.
 *
 * v4 flexible · v5 an error message · v6 names or ids in one list.
 */
import { api, array, int16, int32, string, uuid } from "../schema.ts";

export const DeleteTopics = api({
  key: 20,
  name: "DeleteTopics",
  versions: "1-6",
  flexible: "4+",
  request: {
    topics: array({
      name: string.nullable(),
      topicId: uuid,
    }).in("6+"),
    topicNames: array(string).in("1-5").ignorable(),
    timeoutMs: int32,
  },
  response: {
    throttleTimeMs: int32,
    responses: array({
      name: string.nullable("6+").default(""),
      topicId: uuid.in("6+").ignorable(),
      errorCode: int16,
      errorMessage: string.nullable().in("5+").ignorable(),
    }),
  },
});

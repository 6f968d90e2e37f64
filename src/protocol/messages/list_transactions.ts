/**
 * ListTransactions: the transactional ids this broker coordinates.
 *
 * v1 filter by how long it has been running · v2 filter by a pattern of the id.
 */
import { api, array, int16, int32, int64, string } from "../schema.ts";

export const ListTransactions = api({
  key: 66,
  name: "ListTransactions",
  versions: "0-2",
  flexible: "0+",
  request: {
    stateFilters: array(string),
    producerIdFilters: array(int64),
    durationFilter: int64.default(-1).in("1+"),
    transactionalIdPattern: string.nullable().in("2+"),
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    unknownStateFilters: array(string),
    transactionStates: array({
      transactionalId: string,
      producerId: int64,
      transactionState: string,
    }),
  },
});

/**
 * Where ours answers otherwise than Kafka on purpose, by the name of the scenario, and why. What ours answers there stands
 * in answers/ours.json, and is compared as the rest is.
 */
export const DIFFERENCES: Readonly<Record<string, string>> = {
  "AddPartitionsToTxn of many transactions, and to verify only":
    "a request of version 4 or later without transactions is answered; Kafka closes the connection",
  "who a batch is of: no transactional id, another one, another producer id":
    "a transactional batch without a producer id is refused with 87; Kafka appends it",
  "sequences of an older client go on over its transactions":
    "a batch that follows is taken; Kafka remembers that it verified a lower sequence, which was only a duplicate",
  "whoever was fenced ends after a successor that kept its epoch":
    "it is refused with 90; Kafka takes it for a retry of its successor's end, and answers with its successor's epoch, or 48",
  "epochs of markers: of an older one, the same, and newer ones":
    "a marker without an epoch is refused with 42; Kafka says -1, for what it did not expect",
  "version 0: newer requests":
    "what transaction.version 0 cannot keep is refused with 35; Kafka says 51 for ever, to the older requests of the id too",
  "from 2 to 0 with a transaction open":
    "a transaction that is open across a downgrade ends as its client began it; in Kafka it never does",
  "a producer that says who it is takes the last epochs, then a new id":
    "the last epochs are given out; Kafka fails with -1 where the epoch before is asked about",
  "a producer that says who it is, while a transaction is open at the last epochs":
    "the transaction is aborted and the producer goes on; Kafka fails with -1 from then on",
  "a transaction times out at the last epoch but one, and a late EndTxn comes":
    "the producer goes on with the last epoch; Kafka fails with -1",
};

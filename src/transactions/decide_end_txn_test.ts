/**
 * Proves what a commit and an abort come to in each state, as the tables of decide_end_txn.ts have it, for both kinds of
 * clients, and that a retry is answered alike.
 */
import { assertEquals } from "@std/assert";
import { ErrorCode } from "../protocol/errors.ts";
import { credentialsIn, TransactionDriver } from "../testing/transaction_driver.ts";
import { State } from "./transaction.ts";

const {
  CONCURRENT_TRANSACTIONS: BUSY,
  INVALID_PRODUCER_ID_MAPPING: UNKNOWN,
  INVALID_TXN_STATE: STATE,
  NONE,
  PRODUCER_FENCED: FENCED,
} = ErrorCode;

/** A driver whose id is in a state, with version 2 and at an epoch that has one before it. */
function inState(state: State, version: 0 | 2): TransactionDriver {
  const driver = new TransactionDriver(version);
  driver.init();
  driver.init();
  if (state === State.Empty) return driver;
  driver.add();
  if (state === State.Ongoing) return driver;
  driver.end(state === State.PrepareCommit || state === State.CompleteCommit);
  if (state === State.CompleteCommit || state === State.CompleteAbort) driver.writeMarkers();
  return driver;
}

for (
  const [state, commit, abort] of [
    ["Ongoing", NONE, NONE],
    ["PrepareCommit", BUSY, BUSY],
    ["PrepareAbort", BUSY, BUSY],
    ["CompleteCommit", NONE, STATE],
    ["CompleteAbort", STATE, NONE],
    ["Empty", STATE, STATE],
  ] as const
) {
  Deno.test(`a client that keeps its epoch commits in ${state}: ${commit}, and aborts: ${abort}`, () => {
    assertEquals(inState(State[state], 0).end(true).errorCode, commit);
    assertEquals(inState(State[state], 0).end(false).errorCode, abort);
  });
}

for (
  const [state, commitAgain, commit, abortAgain, abort] of [
    ["Ongoing", FENCED, NONE, FENCED, NONE],
    ["PrepareCommit", BUSY, BUSY, BUSY, BUSY],
    ["PrepareAbort", BUSY, BUSY, BUSY, BUSY],
    ["CompleteCommit", NONE, STATE, STATE, NONE],
    ["CompleteAbort", STATE, STATE, NONE, NONE],
    ["Empty", FENCED, STATE, FENCED, NONE],
  ] as const
) {
  Deno.test(`KIP-890: a client with a new epoch each time ends in ${state}, again and for the first time`, () => {
    const of = (isCommit: boolean, back: number) => {
      const driver = inState(State[state], 2), { producerId, producerEpoch } = driver.credentials;
      const as = { producerId, producerEpoch: producerEpoch - back };
      return driver.end(isCommit, { as }).errorCode;
    };
    assertEquals(of(true, 1), commitAgain);
    assertEquals(of(true, 0), commit);
    assertEquals(of(false, 1), abortAgain);
    assertEquals(of(false, 0), abort);
  });
}

Deno.test("an end speaks of a producer: another id is 49, another epoch 90, an id that nobody has 49", () => {
  for (const version of [0, 2] as const) {
    const driver = new TransactionDriver(version);
    const as = { producerId: 1000, producerEpoch: 0 };
    assertEquals(driver.end(true, { as }).errorCode, UNKNOWN);
    driver.init();
    driver.add();
    assertEquals(driver.end(true, { as: { ...as, producerId: 1 } }).errorCode, UNKNOWN);
    assertEquals(driver.end(true, { as: { ...as, producerEpoch: 1 } }).errorCode, FENCED);
    assertEquals(driver.value.state, State.Ongoing);
  }
});

Deno.test("a client that keeps its epoch is answered without one, and keeps it", () => {
  const driver = inState(State.Ongoing, 0), before = driver.credentials;
  assertEquals(credentialsIn(driver.end(true)), [NONE, -1, -1]);
  driver.writeMarkers();
  assertEquals(driver.credentials, before);
});

Deno.test("KIP-890: the answer has the epoch for the next transaction, and its retry too", () => {
  const driver = inState(State.Ongoing, 2), as = driver.credentials;
  assertEquals(credentialsIn(driver.end(true)), [NONE, 1000, as.producerEpoch + 1]);
  driver.writeMarkers();
  assertEquals(credentialsIn(driver.end(true, { as })), [NONE, 1000, as.producerEpoch + 1]);
  driver.reload();
  assertEquals(credentialsIn(driver.end(true, { as })), [NONE, 1000, as.producerEpoch + 1]);
});

Deno.test("KIP-890: an end that was delayed cannot touch a later transaction", () => {
  const driver = inState(State.Ongoing, 2), as = driver.credentials;
  driver.end(true);
  driver.writeMarkers();
  driver.add();
  for (const isCommit of [true, false]) {
    assertEquals(driver.end(isCommit, { as }).errorCode, FENCED);
  }
  assertEquals(driver.value.state, State.Ongoing);
  driver.end(false);
  driver.writeMarkers();
  for (const isCommit of [true, false]) {
    assertEquals(driver.end(isCommit, { as }).errorCode, FENCED);
  }
});

for (const isCommit of [true, false]) {
  for (const clientVersion of [0, 1] as const) {
    const end = isCommit ? "commit" : "abort";
    Deno.test(`whoever was fenced is not given the epoch of a successor whose ${end} kept it, of version ${clientVersion}`, () => {
      const driver = inState(State.CompleteCommit, 2), fenced = driver.credentials;
      driver.init();
      const successor = driver.credentials;
      driver.add(undefined, { clientVersion });
      driver.end(isCommit, { clientVersion });
      driver.writeMarkers();
      assertEquals(driver.credentials, successor);
      const answers = () =>
        [true, false].map((again) => credentialsIn(driver.end(again, { as: fenced })));
      assertEquals(answers(), [[FENCED, -1, -1], [FENCED, -1, -1]]);
      driver.reload();
      assertEquals(answers(), [[FENCED, -1, -1], [FENCED, -1, -1]]);
      assertEquals(driver.credentials, successor);
    });
  }
}

Deno.test("aborting nothing still gives a new epoch, and has a beginning as Kafka's records have", () => {
  const driver = inState(State.Empty, 2), { producerEpoch } = driver.credentials;
  assertEquals(credentialsIn(driver.end(false)), [NONE, 1000, producerEpoch + 1]);
  assertEquals(driver.value.state, State.CompleteAbort);
  assertEquals(driver.value.startTimestampMs, driver.now.wallMs);
});

Deno.test("a transaction that is open across a change of transaction.version ends as its client began it", () => {
  const driver = inState(State.Ongoing, 0), { producerEpoch } = driver.credentials;
  driver.version = 2;
  assertEquals(credentialsIn(driver.end(true, { clientVersion: 0 })), [NONE, -1, -1]);
  assertEquals(driver.value.clientVersion, 0);
  driver.writeMarkers();
  assertEquals(driver.credentials.producerEpoch, producerEpoch);

  const down = inState(State.Ongoing, 2), before = down.credentials;
  down.version = 0;
  const reply = down.end(true, { clientVersion: 2 });
  assertEquals(credentialsIn(reply), [NONE, 1000, before.producerEpoch + 1]);
  down.reload();
  assertEquals(down.value.clientVersion, 2, "its record has the version, whatever the level");
  down.writeMarkers();
  assertEquals(down.credentials.producerEpoch, reply.producerEpoch);
});

/**
 * Proves that nothing goes wrong where the epochs of a producer id are used up: epochs 32765 to 32767, each with a commit,
 * an abort, a new instance while a transaction is open, a timeout, and an end that comes late. The epoch goes up once, the id
 * is followed by a fresh one, and a retry is answered alike, after a reload too.
 */
import { assertEquals } from "@std/assert";
import { ErrorCode } from "../protocol/errors.ts";
import { credentialsIn, TransactionDriver } from "../testing/transaction_driver.ts";
import { LAST_EPOCH, State } from "./transaction.ts";

const { CONCURRENT_TRANSACTIONS, INVALID_PRODUCER_ID_MAPPING, NONE, PRODUCER_FENCED } = ErrorCode;

/** With a transaction open at this epoch of producer id 1000. */
function openAt(epoch: number, version: 0 | 1 | 2): TransactionDriver {
  const driver = new TransactionDriver(version);
  driver.init({ timeoutMs: 10_000 });
  driver.useUpTo(epoch);
  driver.add();
  return driver;
}

for (const isCommit of [true, false]) {
  const what = isCommit ? "commit" : "abort";

  Deno.test(`${what} at epoch 32765 goes to the last epoch of the id`, () => {
    const driver = openAt(32_765, 2), as = driver.credentials;
    assertEquals(credentialsIn(driver.end(isCommit)), [NONE, 1000, 32_766]);
    driver.writeMarkers();
    assertEquals(driver.credentials, { producerId: 1000, producerEpoch: 32_766 });
    assertEquals(credentialsIn(driver.end(isCommit, { as })), [NONE, 1000, 32_766]);
  });

  Deno.test(`${what} at epoch 32766 gives a fresh id, its markers have epoch 32767, and a retry is answered alike`, () => {
    const driver = openAt(32_766, 2), as = driver.credentials;
    assertEquals(credentialsIn(driver.end(isCommit)), [NONE, 1001, 0]);
    assertEquals(driver.credentials, { producerId: 1000, producerEpoch: LAST_EPOCH });
    assertEquals(driver.end(isCommit, { as }).errorCode, CONCURRENT_TRANSACTIONS);
    driver.reload(); // the id that was promised is in the log
    driver.writeMarkers();
    assertEquals(driver.credentials, { producerId: 1001, producerEpoch: 0 });
    for (const isReloaded of [false, true]) {
      if (isReloaded) driver.reload();
      assertEquals(credentialsIn(driver.end(isCommit, { as })), [NONE, 1001, 0]);
      assertEquals(driver.end(!isCommit, { as }).errorCode, ErrorCode.INVALID_TXN_STATE);
    }
    assertEquals(driver.given, 2, "no more ids than that");
    driver.add();
    assertEquals(driver.end(isCommit, { as }).errorCode, INVALID_PRODUCER_ID_MAPPING);
    assertEquals(driver.value.state, State.Ongoing, "an end that comes late touches nothing");
  });

  Deno.test(`${what} at epochs 32765 to 32767 of a client that keeps its epoch keeps it`, () => {
    for (const epoch of [32_765, 32_766, 32_767]) {
      const driver = openAt(epoch, 1), before = driver.credentials;
      assertEquals(driver.end(isCommit, { clientVersion: 0 }).errorCode, NONE);
      driver.writeMarkers();
      assertEquals(driver.credentials, before);
      assertEquals(driver.end(isCommit, { clientVersion: 0 }).errorCode, NONE, "the same again");
    }
  });
}

Deno.test("a commit at epoch 32767, which no client was given, is refused; an abort ends what is open", () => {
  const driver = openAt(LAST_EPOCH, 2);
  assertEquals(driver.end(true).errorCode, ErrorCode.UNKNOWN_SERVER_ERROR);
  assertEquals(driver.value.state, State.Ongoing);
  assertEquals(credentialsIn(driver.end(false)), [NONE, 1001, 0]);
  driver.writeMarkers();
  assertEquals(driver.credentials, { producerId: 1001, producerEpoch: 0 });
});

for (const how of ["a new instance", "the timeout"] as const) {
  const fenceWith = (driver: TransactionDriver) => {
    driver.passes(10_001);
    if (how === "the timeout") assertEquals(driver.timeOut().errorCode, NONE);
    else assertEquals(driver.init().errorCode, CONCURRENT_TRANSACTIONS);
  };

  for (const version of [0, 1, 2] as const) {
    for (const epoch of [32_764, 32_765, 32_766, LAST_EPOCH]) {
      Deno.test(`${how} aborts what is open at epoch ${epoch}: bumped once, and the next instance begins behind it (transaction.version ${version})`, () => {
        const driver = openAt(epoch, version), before = driver.credentials;
        fenceWith(driver);
        const markerEpoch = Math.min(epoch + 1, LAST_EPOCH);
        assertEquals(driver.credentials, { producerId: 1000, producerEpoch: markerEpoch });
        driver.reload();
        assertEquals(driver.credentials, { producerId: 1000, producerEpoch: markerEpoch });
        driver.writeMarkers();
        const isRotated = version === 2 && epoch >= 32_766;
        assertEquals(
          driver.credentials,
          isRotated
            ? { producerId: 1001, producerEpoch: 0 }
            : { producerId: 1000, producerEpoch: markerEpoch },
        );
        if (epoch < LAST_EPOCH) {
          assertEquals(driver.add(undefined, { as: before }), errorOf(before, driver.credentials));
        }
        assertEquals(
          credentialsIn(driver.init()),
          isRotated
            ? [NONE, 1001, 1]
            : markerEpoch >= 32_766
            ? [NONE, 1001, 0]
            : [NONE, 1000, markerEpoch + 1],
        );
        assertEquals(driver.add(undefined, { as: before }), errorOf(before, driver.credentials));
      });
    }
  }

  Deno.test(`an end that was on its way when ${how} aborted at epoch 32766 is told that it was, and a commit is not done`, () => {
    const driver = openAt(32_766, 2), as = driver.credentials;
    fenceWith(driver);
    assertEquals(driver.end(true, { as }).errorCode, CONCURRENT_TRANSACTIONS);
    driver.writeMarkers();
    assertEquals(driver.end(true, { as }).errorCode, ErrorCode.INVALID_TXN_STATE);
    assertEquals(credentialsIn(driver.end(false, { as })), [NONE, 1001, 0]);
  });
}

/** How the credentials of before are refused now. */
function errorOf(
  before: { producerId: number },
  now: { producerId: number },
): number {
  return before.producerId === now.producerId ? PRODUCER_FENCED : INVALID_PRODUCER_ID_MAPPING;
}

Deno.test("an idle id at epoch 32765 gives 32766 to a new instance, and at 32766 a fresh id", () => {
  const driver = new TransactionDriver();
  driver.init();
  driver.useUpTo(32_765);
  assertEquals(credentialsIn(driver.init()), [NONE, 1000, 32_766]);
  assertEquals(credentialsIn(driver.init()), [NONE, 1001, 0]);
});

Deno.test("KIP-360 at the last epoch: the id is rotated once, and a retry gets the same", () => {
  const driver = new TransactionDriver();
  driver.init();
  driver.useUpTo(32_766);
  const expected = driver.credentials;
  assertEquals(credentialsIn(driver.init({ expected })), [NONE, 1001, 0]);
  assertEquals(credentialsIn(driver.init({ expected })), [NONE, 1001, 0]);
  assertEquals(driver.given, 2);
  driver.init();
  assertEquals(driver.init({ expected }).errorCode, PRODUCER_FENCED);
});

Deno.test("KIP-360 up to the last epoch: a retry is answered alike, where Kafka fails", () => {
  const driver = new TransactionDriver();
  driver.init();
  driver.useUpTo(32_765);
  const expected = driver.credentials;
  assertEquals(credentialsIn(driver.init({ expected })), [NONE, 1000, 32_766]);
  assertEquals(credentialsIn(driver.init({ expected })), [NONE, 1000, 32_766]);
  const early = { producerId: 1000, producerEpoch: 32_000 };
  assertEquals(driver.init({ expected: early }).errorCode, PRODUCER_FENCED);
});

Deno.test("what a client of version 2 was promised at the last epoch holds after a downgrade and a reload", () => {
  const driver = openAt(32_766, 2);
  driver.version = 0;
  assertEquals(credentialsIn(driver.end(true, { clientVersion: 2 })), [NONE, 1001, 0]);
  driver.reload();
  driver.writeMarkers();
  assertEquals(driver.credentials, { producerId: 1001, producerEpoch: 0 });
});

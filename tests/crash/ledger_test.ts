/** The checkers of the crash suites must fail: each kind of broken promise, in a log of a few records, is named. */
import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { CommitLedger } from "./commit_ledger.ts";
import { nameFor, nameOf, valueOf } from "./content.ts";
import { JournalTurns } from "./journal_turns.ts";
import { KeyLedger, type SeenVersion } from "./key_ledger.ts";
import { Ledger, type LedgerOptions, type Seen } from "./ledger.ts";
import { crashOptions, powerOptions } from "./options.ts";

function ledger(options: LedgerOptions = { isExactlyOnce: true }): Ledger {
  const ledger = new Ledger(options);
  for (const [order, value] of ["a", "b", "c"].entries()) {
    ledger.send(value, { partition: 0, order, owner: "p" });
  }
  ledger.acknowledge("a", 0);
  ledger.acknowledge("b", 1);
  return ledger;
}

const log = (...values: string[]): Seen[] =>
  values.map((value, offset) => ({ partition: 0, offset, value }));

Deno.test("a log that agrees has no complaint, whether the record of unknown fate is there or not", () => {
  assertEquals(ledger().complaints(log("a", "b")), []);
  assertEquals(ledger().complaints(log("a", "b", "c")), []);
});

Deno.test("what is lost, doubled, out of order, moved or never sent is named", () => {
  const first = (...values: string[]) => ledger().complaints(log(...values))[0];
  assertEquals(first("a"), "b was acknowledged at 0:1 and is not there");
  assertEquals(first("a", "b", "a"), "a is there twice: at 0:0 and 0:2");
  assertEquals(first("b", "a"), "a at 0:1 comes after a later one");
  assertEquals(first("a", "x", "b"), "x at 0:1 was never sent");
});

Deno.test("what a consumer was shown must stay where it was", () => {
  const shown = ledger();
  assertEquals(shown.show({ partition: 0, offset: 2, value: "c" }), null);
  assertEquals(shown.complaints(log("a", "b")), ["c was shown at 0:2 and is not there"]);
  assertEquals(
    shown.show({ partition: 0, offset: 2, value: "b" }),
    "b was shown at 0:2, where c was shown before",
  );
});

Deno.test("what is acknowledged or shown after the mark is not looked for, what was before it is", () => {
  const going = ledger();
  const mark = going.mark();
  going.acknowledge("c", 2);
  going.show({ partition: 0, offset: 2, value: "c" });
  assertEquals(going.complaints(log("a", "b"), mark), []);
  assertEquals(going.complaints(log("a"), mark).length, 1);
  assertEquals(going.complaints(log("a", "b")).length, 2);
});

Deno.test("acknowledgements that promise nothing are not looked for, but what was shown is", () => {
  const leader = ledger({ isExactlyOnce: false, isAcknowledgedKept: false });
  assertEquals(leader.complaints(log()), []);
  leader.show({ partition: 0, offset: 0, value: "a" });
  assertEquals(leader.complaints(log()), ["a was shown at 0:0 and is not there"]);
});

Deno.test("DeleteRecords may take what it was asked for, must take what it has answered, and no more", () => {
  const cut = ledger();
  cut.deleting(0, 1);
  const rest = log("a", "b").slice(1);
  assertEquals(cut.complaints(log("a", "b")), []); // its fate is not known
  assertEquals(cut.complaints(rest), []);
  cut.deleted(0, 1);
  assertEquals(cut.complaints(rest), []);
  assertEquals(cut.complaints(log("a", "b")), ["a at 0:0 was deleted and is back"]);
  assertEquals(cut.complaints([]), ["b was acknowledged at 0:1 and is not there"]);
});

/** k: version 1, deleted by version 2, version 3 of unknown fate; only: version 1. */
function keys(): KeyLedger {
  const keys = new KeyLedger();
  for (const isTombstone of [false, true, false]) keys.send("k", { isTombstone });
  keys.send("only", { isTombstone: false });
  keys.acknowledge("k", 1);
  keys.acknowledge("k", 2);
  keys.acknowledge("only", 1);
  return keys;
}

const versions = (...seen: [key: string, version: number, isTombstone?: boolean][]) =>
  seen.map(([key, version, isTombstone = false]): SeenVersion => ({ key, version, isTombstone }));

Deno.test("a compacted log may lack what was replaced, and a tombstone", () => {
  assertEquals(keys().complaints(versions(["only", 1])), []);
  assertEquals(keys().complaints(versions(["k", 2, true], ["only", 1])), []);
  assertEquals(keys().complaints(versions(["k", 1], ["k", 2, true], ["only", 1], ["k", 3])), []);
});

Deno.test("a key that is lost, set back, back from the dead, out of order or made up is named", () => {
  const first = (...seen: Parameters<typeof versions>) => keys().complaints(versions(...seen))[0];
  assertEquals(first(), "only version 1 was acknowledged and is not there");
  assertEquals(first(["k", 1], ["only", 1]), "k is at version 1, which version 2 has deleted");
  assertEquals(first(["only", 1], ["k", 3], ["k", 2, true]), "k version 2 comes after version 3");
  assertEquals(first(["only", 1], ["k", 2]), "k version 2 was a tombstone");
  assertEquals(first(["only", 1], ["k", 4]), "k has version 4, which was never sent");
  const replaced = new KeyLedger();
  for (const version of [1, 2]) {
    replaced.acknowledge("r", replaced.send("r", { isTombstone: false }));
    assertEquals(replaced.complaints(versions(["r", version])), []);
  }
  assertEquals(replaced.complaints(versions(["r", 1])), [
    "r is at version 1, which version 2 has replaced",
  ]);
});

Deno.test("keys that are acknowledged after the mark are not looked for", () => {
  const going = keys(), mark = going.mark();
  going.acknowledge("k", going.send("k", { isTombstone: false }));
  assertEquals(going.complaints(versions(["k", 2, true], ["only", 1]), mark), []);
  assertEquals(going.complaints(versions(["k", 2, true], ["only", 1])).length, 1);
});

Deno.test("a commit that goes back, was never made or is gone is named; one of unknown fate may be there", () => {
  const commits = new CommitLedger();
  commits.acknowledge("g t-0", commits.send("g t-0"));
  commits.acknowledge("g t-0", commits.send("g t-0"));
  commits.send("g t-0");
  const found = (offset: number, place = "g t-0") => commits.complaints(new Map([[place, offset]]));
  assertEquals([found(2), found(3)], [[], []]);
  assertEquals(found(1), ["the commit of g t-0 is back at 1, was acknowledged at 2"]);
  assertEquals(found(4), ["the commit of g t-0 is 4, at most 3 was sent"]);
  assertEquals(found(2, "g t-1"), [
    "the commit of g t-0 is back at 0, was acknowledged at 2",
    "g t-1 was never committed",
  ]);
});

Deno.test("a value tells its name, and that one of its bytes or its end is another's", () => {
  for (const bytes of [0, 20, 1000, 900_000]) {
    const value = valueOf("topic.1", 17, bytes), name = nameFor("topic.1", 17);
    assertEquals(nameOf(value), name);
    if (bytes < 1000) continue;
    assertMatch(nameOf(value.subarray(1)), /opic/);
    assertEquals(
      nameOf(value.subarray(0, -1)),
      `${name} with ${bytes - 1} bytes instead of ${bytes}`,
    );
    value[bytes - 5] ^= 1;
    assertEquals(nameOf(value), `${name} with another byte at ${bytes - 5}`);
  }
  assertEquals(nameOf(new Uint8Array(3)), "a value of 3 bytes without a name: \0\0\0");
});

Deno.test("a journal that goes on to its other file has turned, one that begins with a run has not", () => {
  const folder = Deno.makeTempDirSync({ prefix: "runnel-turns-" });
  const turns = new JournalTurns(folder);
  const begin = (file: number, sequence: number) => {
    const header = new Uint8Array(100);
    header[15] = sequence;
    Deno.writeFileSync(`${folder}/runnel-journal-${file}`, header);
    turns.look();
    return turns.count;
  };
  Deno.writeFileSync(`${folder}/runnel-journal-1`, new Uint8Array(0)); // made, and not written yet
  assertEquals([begin(0, 1), begin(0, 1), begin(1, 7), begin(0, 9), begin(1, 12)], [0, 0, 1, 2, 3]);
  turns.ended();
  assertEquals([begin(2, 13), begin(3, 20)], [3, 4]);
  turns.ended();
  assertEquals(begin(0, 30), 4, "an earlier file that the run begins anew");
  Deno.removeSync(folder, { recursive: true });
  turns.look();
  assertEquals(turns.count, 4);
});

Deno.test("arguments are read, and what is none is refused with those there are", () => {
  assertEquals(crashOptions(["--crashes=3", "--flush=os", "--seed=7"]), {
    crashes: 3,
    flush: "os",
    evidence: null,
    loads: null,
    seed: 7,
  });
  assertEquals(crashOptions(["--loads=long,keys"]).loads, ["long", "keys"]);
  assertEquals(powerOptions(["--fs=xfs", "--seed=1", "--journal=lost"]).fs, "xfs");
  for (
    const wrong of [
      "--crashes=x",
      "--crashes",
      "--flush=never",
      "--toString=1",
      "--rounds=3",
      "--loads=,",
    ]
  ) {
    assertThrows(() => crashOptions([wrong]), Error, `Argument ${wrong}: needed are --seed=N`);
  }
});

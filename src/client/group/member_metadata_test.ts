/** Proves that members' metadata is what Kafka's Java client 4.4.0 writes, byte for byte, and that any bytes are read or refused. */
import { assertEquals, assertThrows } from "@std/assert";
import { ProtocolError } from "../../bytes/reader.ts";
import { cooperativeSticky } from "./assignors/cooperative_sticky.ts";
import { sticky } from "./assignors/sticky.ts";
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
} from "./member_metadata.ts";

const hex = (bytes: Uint8Array | null) =>
  bytes && [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
const bytesOf = (text: string) =>
  Uint8Array.from(text.match(/../g) ?? [], (byte) => parseInt(byte, 16));

const OWNED = [["b", 2], ["a", 1], ["b", 0]].map(([topic, partition]) => ({
  topic: topic as string,
  partition: partition as number,
}));

// Printed by ConsumerProtocol.serializeSubscription, serializeAssignment and subscriptionUserData.
const NOTHING_OWNED = "000300000002000161000162ffffffff00000000ffffffffffff";
const COOPERATIVE =
  "000300000002000161000162000000040000000700000002000161000000010000000100016200000002000000020000000000000007000172";
const STICKY_DATA = "00000002000161000000010000000100016200000002000000020000000000000007";
const ASSIGNMENT = "0003000000020001620000000200000002000000000001610000000100000001ffffffff";

Deno.test("a subscription is written as Java writes it", () => {
  const topics = ["b", "a"];
  const plain = { topics, userData: null, owned: [], generation: -1, rackId: null };
  assertEquals(hex(encodeSubscription(plain)), NOTHING_OWNED);
  const assignor = cooperativeSticky();
  assertEquals(hex(assignor.userData!()), "ffffffff");
  assignor.assigned!(OWNED, 7);
  const userData = assignor.userData!();
  const owning = { topics, userData, owned: OWNED, generation: 7, rackId: "r" };
  assertEquals(hex(encodeSubscription(owning)), COOPERATIVE);
});

Deno.test("what a sticky member had is told as Java tells it, and read again", () => {
  const assignor = sticky();
  assertEquals(assignor.userData!(), null);
  assignor.assigned!([OWNED[1], OWNED[0], OWNED[2]], 7);
  assertEquals(hex(assignor.userData!()), STICKY_DATA);
  const member = (memberId: string, data: string) => ({
    ...decodeSubscription(memberId, null, bytesOf(NOTHING_OWNED)),
    userData: bytesOf(data),
  });
  const counts = new Map([["a", 2], ["b", 3]]);
  const before = assignor.assign(counts, [member("x", STICKY_DATA), member("y", "")]);
  assertEquals(before.get("x"), [OWNED[1], OWNED[2], OWNED[0]]);
  // Older clients leave the generation out, and lose to who has one.
  const older = STICKY_DATA.slice(0, -8);
  assertEquals(assignor.assign(counts, [member("x", older), member("y", STICKY_DATA)]).get("y"), [
    OWNED[1],
    OWNED[2],
    OWNED[0],
  ]);
});

Deno.test("an assignment is written as Java writes it, and read again", () => {
  assertEquals(hex(encodeAssignment(OWNED)), ASSIGNMENT);
  assertEquals(hex(encodeAssignment([])), "000300000000ffffffff");
  assertEquals(decodeAssignment(bytesOf(ASSIGNMENT)), [OWNED[0], OWNED[2], OWNED[1]]);
  assertEquals(decodeAssignment(new Uint8Array()), []);
});

Deno.test("a version that is newer is read as far as it is known, bytes that are none are refused", () => {
  const newer = `0009${COOPERATIVE.slice(4)}aabbcc`;
  const { topics, owned, generation, rackId } = decodeSubscription("m", "i", bytesOf(newer));
  assertEquals([topics, owned.length, generation, rackId], [["a", "b"], 3, 7, "r"]);
  for (const bad of ["", "00", "0003", "ffff00000000", COOPERATIVE.slice(0, 40)]) {
    assertThrows(() => decodeSubscription("m", null, bytesOf(bad)), ProtocolError);
  }
  assertThrows(() => decodeAssignment(bytesOf(ASSIGNMENT.slice(0, 30))), ProtocolError);
});

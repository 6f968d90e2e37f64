/**
 * Records of Kafka's own logs: the bytes in front of the message, byte by byte.
 */
import { assertEquals, assertThrows } from "@std/assert";
import { ProtocolError } from "../bytes/reader.ts";
import { decode } from "./codec.ts";
import {
  decodeVersioned,
  encodeMetadataRecord,
  encodeRecordKey,
  encodeVersioned,
  readMetadataFrame,
  recordType,
} from "./log_record.ts";
import { EndTxnMarker } from "./messages/control_records.ts";
import { OffsetCommitKey, OffsetCommitValue } from "./messages/group_log/classic.ts";
import { FeatureLevelRecord } from "./messages/metadata_log.ts";

Deno.test("a metadata record has its frame version, key and version in front", () => {
  const bytes = encodeMetadataRecord(FeatureLevelRecord, 0, {
    name: "group.version",
    featureLevel: 1,
  });
  assertEquals([...bytes.subarray(0, 4)], [1, 12, 0, 14]);
  const { key, version, at } = readMetadataFrame(bytes);
  assertEquals([key, version, at], [FeatureLevelRecord.key, 0, 3]);
  assertEquals(decode(FeatureLevelRecord, version, bytes, at), {
    name: "group.version",
    featureLevel: 1,
  });
});

Deno.test("a metadata record of another frame version is refused", () => {
  assertThrows(
    () => readMetadataFrame(Uint8Array.of(2, 12, 0)),
    ProtocolError,
    "frame version 2, not 1",
  );
});

Deno.test("a group record's key begins with its type, its value with its version", () => {
  const key = encodeRecordKey(OffsetCommitKey, { group: "g", topic: "t", partition: 2 });
  assertEquals([...key], [0, 1, 0, 1, 103, 0, 1, 116, 0, 0, 0, 2]);
  assertEquals(recordType(key), 1);
  assertEquals(decode(OffsetCommitKey, 0, key, 2), { group: "g", topic: "t", partition: 2 });
  const value = encodeVersioned(OffsetCommitValue, 3, { offset: 2n ** 60n + 1n, leaderEpoch: 4 });
  assertEquals([...value.subarray(0, 2)], [0, 3]);
  assertEquals(decodeVersioned(OffsetCommitValue, value).offset, 2n ** 60n + 1n);
});

Deno.test("a value of a version that is not known is refused", () => {
  assertThrows(
    () => decodeVersioned(EndTxnMarker, Uint8Array.of(0, 9, 0, 0, 0, 0)),
    ProtocolError,
    "not 9",
  );
  assertEquals(decodeVersioned(EndTxnMarker, Uint8Array.of(0, 0, 0, 0, 0, 6)), {
    coordinatorEpoch: 6,
  });
});

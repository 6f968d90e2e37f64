/** Every declared message, by the name Kafka gives it, for the tests that go through all of them. */
import * as consumerProtocol from "../src/protocol/messages/consumer_protocol.ts";
import * as controlRecords from "../src/protocol/messages/control_records.ts";
import * as classic from "../src/protocol/messages/group_log/classic.ts";
import * as consumerGroup from "../src/protocol/messages/group_log/consumer_group.ts";
import * as shareGroup from "../src/protocol/messages/group_log/share_group.ts";
import * as streamsGroup from "../src/protocol/messages/group_log/streams_group.ts";
import * as headers from "../src/protocol/messages/headers.ts";
import * as logFiles from "../src/protocol/messages/log_files.ts";
import * as metadataLog from "../src/protocol/messages/metadata_log.ts";
import { apis } from "../src/protocol/messages/mod.ts";
import * as transactionLog from "../src/protocol/messages/transaction_log.ts";
import type { Message } from "../src/protocol/schema.ts";

export function messagesByName(): Map<string, Message> {
  const others = [
    consumerProtocol,
    controlRecords,
    classic,
    consumerGroup,
    shareGroup,
    streamsGroup,
    headers,
    logFiles,
    metadataLog,
    transactionLog,
  ].flatMap((module) => Object.entries(module) as [string, Message][]);
  return new Map([
    ...apis.flatMap(({ name, request, response }): [string, Message][] => [
      [`${name}Request`, request],
      [`${name}Response`, response],
    ]),
    ...others,
  ]);
}

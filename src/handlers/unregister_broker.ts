/**
 * UnregisterBroker 0: takes a broker that is gone out of the cluster's metadata.
 *
 * An id that is not registered is 102. This broker is 42: it is alive and would be without its own registration.
 * Another can only stand in a directory that comes from a larger cluster.
 */
import { ErrorCode } from "../protocol/errors.ts";
import { UnregisterBroker } from "../protocol/messages/unregister_broker.ts";
import type { Catalogue } from "../topics/catalogue.ts";
import type { MetadataStore, Plan } from "../topics/metadata_store.ts";
import { failure, type Outcome, SUCCESS } from "../topics/outcome.ts";
import { type Handler, handler } from "./handler.ts";
import { orNotWritten } from "./not_written.ts";

export interface UnregisterBrokerDeps {
  readonly metadata: MetadataStore;
  readonly nodeId: number;
}

export function unregisterBroker({ metadata, nodeId }: UnregisterBrokerDeps): Handler {
  return handler(
    UnregisterBroker,
    { min: 0, max: 0 },
    ({ brokerId }) =>
      orNotWritten(
        metadata.transact((catalogue) => plan(catalogue, brokerId, nodeId)),
        (outcome) => outcome,
      ),
  );
}

function plan(catalogue: Catalogue, brokerId: number, nodeId: number): Plan<Outcome> {
  const registration = catalogue.broker(brokerId);
  if (registration === undefined) {
    const message = `Broker ID ${brokerId} is not currently registered`;
    return { records: [], result: failure(ErrorCode.BROKER_ID_NOT_REGISTERED, message) };
  }
  if (brokerId === nodeId) {
    const message = `Broker ID ${brokerId} is this broker, which is running: stop it first`;
    return { records: [], result: failure(ErrorCode.INVALID_REQUEST, message) };
  }
  const { brokerEpoch } = registration;
  return {
    records: [{ kind: "UnregisterBrokerRecord", version: 0, value: { brokerId, brokerEpoch } }],
    result: SUCCESS,
  };
}

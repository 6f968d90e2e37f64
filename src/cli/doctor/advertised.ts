/** Advertised: whether what clients are told to connect to resolves, answers, and leads back to the same broker. */
import { Connection } from "../../client/connection.ts";
import { KafkaError } from "../../client/errors.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { ApiVersions } from "../../protocol/messages/api_versions.ts";
import { VERSION } from "../../version.ts";
import type { ClientSecurity } from "../client_config.ts";
import { type Address, addressText, isLoopbackHost, metAt } from "./address.ts";
import { detour, type Detours, dial } from "./dial.ts";
import { counted } from "../counted.ts";
import { type Found, within } from "./finding.ts";
import { isUnresolved, REACH_MS, reachFinding } from "./reach.ts";
import { type AdvertisedBroker, type Survey, surveyOf } from "./survey.ts";

export const ADVERTISED = "advertised";
const MAX_BROKERS = 50;
const MEND =
  "runnel serve --advertised-address HOST:PORT  # of an Apache Kafka: advertised.listeners in its properties";

/** Where the only broker's address is wrong, the rest is looked at by a detour. */
export async function lookAtAdvertised(
  { survey, address, security, detours }: {
    readonly survey: Survey;
    /** By which the cluster was reached. */
    readonly address: Address;
    readonly security: ClientSecurity;
    readonly detours: Detours;
  },
): Promise<Found[]> {
  const { brokers } = survey;
  const looked = brokers.slice(0, MAX_BROKERS);
  const all = await Promise.all(
    looked.map((broker) => lookAt(broker, { survey, address, security })),
  );
  const found = all.flat();
  if (brokers.length === 1 && found.some(({ severity }) => severity === "error")) {
    detours.set(addressText(brokers[0]), detour(address));
  }
  if (brokers.length > looked.length) {
    const more = brokers.length - looked.length;
    found.push({ severity: "unseen", what: `Addresses of ${counted(more, "more broker")}` });
  }
  return found;
}

async function lookAt(
  broker: AdvertisedBroker,
  { survey, address, security }: {
    readonly survey: Survey;
    readonly address: Address;
    readonly security: ClientSecurity;
  },
): Promise<Found[]> {
  const at = addressText(broker), told = `Broker ${broker.id} tells clients to connect to ${at}`;
  if (isUnspecified(broker.host)) {
    return [{
      severity: "error",
      what: `${told}, which is no address of any machine`,
      command: MEND,
    }];
  }
  const found: Found[] = [];
  const from = isLoopbackHost(broker.host) ? await cameBy(address) : "here";
  if (from !== "here") {
    found.push({
      severity: from === "elsewhere" ? "error" : "warning",
      what: `${told}: each client would look for it on its own machine`,
      evidence: `this client came by ${addressText(address)}`,
      command: MEND,
    });
  }
  try {
    const wrong = await within(meet(broker, { survey, security }), REACH_MS, at);
    if (wrong !== null) found.push({ severity: "error", ...wrong, what: `${told}, ${wrong.what}` });
  } catch (error) {
    const evidence = error instanceof Error ? error.message : String(error);
    const isLost = isUnresolved(error);
    const { command } = reachFinding(broker, error);
    found.push({
      severity: "error",
      what: isLost
        ? `${told}, a name that leads nowhere from this machine`
        : `${told}, where this machine does not get through`,
      evidence,
      command: /certificate/i.test(evidence) ? command : MEND,
    });
  }
  return found;
}

/** What is wrong with who answers there; null when it is the broker. Rejects where nobody does. */
async function meet(
  { id, host, port }: AdvertisedBroker,
  { survey, security }: { readonly survey: Survey; readonly security: ClientSecurity },
): Promise<Omit<Found, "severity"> | null> {
  const connection = await Connection.open({
    host,
    port,
    ...security,
    dial: (to) => dial(to, security.tls),
    requestTimeoutMs: REACH_MS,
  });
  try {
    const { clusterId } = await surveyOf(connection);
    if (clusterId !== survey.clusterId) {
      return {
        what: "where another cluster answers",
        evidence: `cluster ${clusterId} there, ${survey.clusterId} here`,
        command: MEND,
      };
    }
    return await isAnother(connection, { id, clusterId })
      ? {
        what: "where another broker of the cluster answers",
        evidence: `who is there is not broker ${id}`,
        command: MEND,
      }
      : null;
  } finally {
    connection.close();
  }
}

/** Asks as clients do that expect somebody (KIP-1242); older brokers do not tell. */
async function isAnother(
  connection: Connection,
  { id, clusterId }: { readonly id: number; readonly clusterId: string | null },
): Promise<boolean> {
  if (connection.versionFor(ApiVersions) < 5) return false;
  try {
    const { errorCode } = await connection.request(ApiVersions, 5, {
      clientSoftwareName: "runnel",
      clientSoftwareVersion: VERSION,
      clusterId,
      nodeId: id,
    });
    return errorCode === ErrorCode.REBOOTSTRAP_REQUIRED;
  } catch (error) {
    if (error instanceof KafkaError) return false;
    throw error;
  }
}

function isUnspecified(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}

/** Where the broker was met: by this machine's own loopback, by an address of it that others see, or on another. */
async function cameBy(address: Address): Promise<"here" | "own" | "elsewhere"> {
  if (isLoopbackHost(address.host)) return "here";
  try {
    const met = await within(metAt(address), REACH_MS, addressText(address));
    if (isLoopbackHost(met)) return "here";
    return Deno.networkInterfaces().some((own) => own.address === met) ? "own" : "elsewhere";
  } catch {
    return "here"; // it was met a moment ago: nothing can be told
  }
}

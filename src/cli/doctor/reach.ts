/** Reaching: the first thing that may be wrong: whether anybody answers where the broker is said to be, and as what. */
import { Cluster, parseAddress } from "../../client/cluster.ts";
import { Connection } from "../../client/connection.ts";
import { ConnectionError, KafkaError } from "../../client/errors.ts";
import type { ClientSecurity } from "../client_config.ts";
import { type Address, addressText } from "./address.ts";
import { type Detours, dial } from "./dial.ts";
import { commandLine } from "../shell_words.ts";
import { type Found, within } from "./finding.ts";
import { type Survey, surveyOf } from "./survey.ts";

export const REACH = "reach";
/** Of one address, from its name to the log-in. */
export const REACH_MS = 2500;
/** Of one request, and of trying again. */
const REQUEST_MS = 4000;

export interface Reached {
  readonly found: readonly Found[];
  /** Null where nobody answers. */
  readonly reached: {
    readonly cluster: Cluster;
    readonly survey: Survey;
    /** Where it was. */
    readonly address: Address;
    readonly detours: Detours;
  } | null;
}

/** Tries every address that is given. */
export async function reach(bootstrap: string, security: ClientSecurity): Promise<Reached> {
  const addresses = bootstrap.split(",").map(parseAddress);
  const tried = await Promise.all(addresses.map((one) => attempt(one, security)));
  const answering = tried.find(({ survey }) => survey !== null);
  const found = tried.flatMap(({ address, error }): Found[] =>
    error === null ? [] : [{
      ...reachFinding(address, error),
      severity: answering === undefined ? "error" : "warning",
    }]
  );
  if (answering === undefined) return { found, reached: null };
  const { address, survey } = answering, detours: Detours = new Map();
  const cluster = new Cluster({
    bootstrap: addressText(address),
    ...security,
    dial: (to) =>
      dial(detours.get(addressText({ host: to.hostname, port: to.port })) ?? to, security.tls),
    requestTimeoutMs: REQUEST_MS,
    callTimeoutMs: REQUEST_MS,
  });
  return { found, reached: { cluster, survey: survey!, address, detours } };
}

interface Attempt {
  readonly address: Address;
  readonly survey: Survey | null;
  readonly error: unknown;
}

async function attempt(address: Address, security: ClientSecurity): Promise<Attempt> {
  const asking = async () => {
    const connection = await Connection.open({
      ...address,
      ...security,
      dial: (to) => dial(to, security.tls),
      requestTimeoutMs: REACH_MS,
    });
    try {
      return await surveyOf(connection);
    } finally {
      connection.close();
    }
  };
  try {
    const survey = await within(asking(), REACH_MS, addressText(address));
    return { address, survey, error: null };
  } catch (error) {
    return { address, survey: null, error };
  }
}

/** What it means that nobody answered there as a broker should. */
export function reachFinding(
  address: Address,
  error: unknown,
): Required<Pick<Found, "what" | "evidence" | "command">> {
  const at = addressText(address),
    evidence = error instanceof Error ? error.message : String(error);
  if (isUnresolved(error)) {
    return {
      what: `The name ${address.host} leads nowhere from this machine`,
      evidence,
      command: commandLine("getent", "hosts", address.host),
    };
  }
  if (/certificate/i.test(evidence)) {
    const what = /expired|not valid after/i.test(evidence)
      ? `The certificate at ${at} has expired`
      : /not valid for name|NotValidForName/i.test(evidence)
      ? `The certificate at ${at} is for other names`
      : /not valid before|not yet/i.test(evidence)
      ? `The certificate at ${at} is not valid yet, by this machine's clock`
      : `The certificate at ${at} is not trusted`;
    return { what, evidence, command: certificateCommand(address, evidence) };
  }
  if (error instanceof KafkaError) {
    return {
      what: `The broker at ${at} does not let this client in`,
      evidence,
      command: "runnel doctor --client-config FILE",
    };
  }
  const isClosed = /closed the connection|corrupt message|reset|response of \d+ bytes/i.test(
    evidence,
  );
  if (error instanceof ConnectionError && isClosed) {
    return {
      what:
        `What listens at ${at} does not answer as this client asks: it may want TLS or a log-in, or be no broker`,
      evidence,
      command: "runnel doctor --client-config FILE",
    };
  }
  const isRefused = /refused/i.test(evidence);
  return {
    what: isRefused ? `Nobody listens at ${at}` : `Nobody answers at ${at}`,
    evidence,
    command: isRefused
      ? "systemctl status runnel"
      : commandLine("nc", "-vz", address.host, `${address.port}`),
  };
}

function certificateCommand({ host, port }: Address, evidence: string): string {
  return /expired|not valid after|not valid for name|NotValidForName/i.test(evidence)
    ? commandLine("runnel", "init", "--renew", "--host", host)
    : commandLine("openssl", "s_client", "-showcerts", "-connect", addressText({ host, port }));
}

/** By the words of the system: a name that is not there, or that nobody could be asked about. */
export function isUnresolved(error: unknown): boolean {
  return error instanceof Error &&
    /lookup address information|name resolution|Name or service/i.test(error.message);
}

/** Refused: what a Runnel refused within the last hour, and to whom. */
import { type Check, commandLine, few, type Found } from "./finding.ts";
import type { RefusedClient } from "./broker_http.ts";
import type { Scene } from "./scene.ts";

interface Meaning {
  /** Behind its count: "log-ins failed". */
  readonly what: string;
  readonly command: (refused: readonly RefusedClient[], scene: Scene) => string;
}

export const refusedCheck: Check = {
  name: "refused",
  look: (scene) => {
    const byKind = new Map<string, RefusedClient[]>();
    for (const one of scene.http.status.refused) {
      byKind.set(one.kind, [...byKind.get(one.kind) ?? [], one]);
    }
    return Promise.resolve([...byKind].map(([kind, refused]): Found => {
      const { what, command } = MEANINGS[kind] ?? OTHER;
      const count = refused.reduce((sum, one) => sum + one.count, 0);
      return {
        severity: "warning",
        what: `Within the last hour ${what.replace("%", `${count}`)} (${kind})`,
        evidence: few(refused.map(told), 3),
        command: command(refused, scene),
      };
    }));
  },
};

const LOG = () => "journalctl -u runnel --since -1h";

const MEANINGS: Readonly<Record<string, Meaning>> = {
  login_failed: {
    what: "% log-ins failed",
    command: (_, scene) => scene.runnel("user", "list"),
  },
  denied: {
    what: "% times a right was missing",
    command: (refused, scene) => {
      const { principal, what } = refused.find((one) => one.what !== null) ?? refused[0];
      const [operation, resource] = /^(\S+) ([^]*)$/.exec(what ?? "")?.slice(1) ?? [];
      return resource === undefined || principal === null
        ? scene.runnel("acl", "list")
        : scene.runnel("acl", "add", principal.replace(/^User:/, ""), operation, resource);
    },
  },
  produce_failed: {
    what: "% batches of records were refused",
    command: (refused, scene) => {
      const topic = refused.find((one) => one.what !== null)?.what;
      return topic === null || topic === undefined
        ? LOG()
        : scene.runnel("topic", "describe", topic);
    },
  },
  connection_refused: {
    what: "% connections were turned away",
    command: () => commandLine("runnel", "quota", "list"),
  },
  handshake_failed: {
    what: "% TLS handshakes failed",
    command: (_, { parts: { bootstrap } }) =>
      commandLine("openssl", "s_client", "-connect", bootstrap.split(",")[0]),
  },
  accept_failed: {
    what: "% times the system gave no connection",
    command: () => "ulimit -n 65536  # before runnel; under systemd LimitNOFILE=65536 in its unit",
  },
  unauthenticated_request: {
    what: "% requests came from clients that did not log in",
    command: LOG,
  },
  unsupported_version: { what: "% requests came in versions that are not served", command: LOG },
  unknown_api: { what: "% requests were for what is not served", command: LOG },
  malformed_request: { what: "% requests could not be understood", command: LOG },
};

const OTHER: Meaning = { what: "% requests or connections failed", command: LOG };

/** "3 × User:alice, client app at 10.0.0.1: TOPIC_AUTHORIZATION_FAILED, write topic:orders" */
function told(
  { count, principal, clientId, software, address, reason, what }: RefusedClient,
): string {
  const who = [
    principal,
    clientId === null ? null : `client ${clientId}`,
    software === null || software === "unknown" ? null : software,
    address === null ? null : `at ${address}`,
  ].filter((one) => one !== null);
  const why = [reason, what].filter((one) => one !== null);
  return `${count} × ${who.length === 0 ? "of others" : who.join(", ")}${
    why.length === 0 ? "" : `: ${why.join(", ")}`
  }`;
}

/** Refused: what a Runnel refused within the last hour, and to whom. */
import { commandLine } from "../shell_words.ts";
import { type Check, few, type Found } from "./finding.ts";
import type { RefusedClient } from "./broker_http.ts";
import type { Scene } from "./scene.ts";

interface Meaning {
  /** "Log-ins failed" */
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
        what: `${what}: ${count} within the last hour (${kind})`,
        evidence: few(refused.map(told), 3),
        command: command(refused, scene),
      };
    }));
  },
};

const LOG = () => "journalctl -u runnel --since -1h";

const MEANINGS: Readonly<Record<string, Meaning>> = {
  login_failed: {
    what: "Log-ins failed",
    command: (_, scene) => scene.runnel(["user", "list"]),
  },
  denied: {
    what: "A right was missing",
    command: (refused, scene) => {
      const { principal, what } = refused.find((one) => one.what !== null) ?? refused[0];
      const [operation, resource] = /^(\S+) ([^]*)$/.exec(what ?? "")?.slice(1) ?? [];
      return resource === undefined || principal === null
        ? scene.runnel(["acl", "list"])
        : `${
          scene.runnel(["acl", "add"], [principal.replace(/^User:/, ""), operation, resource])
        }  # if it is to be allowed`;
    },
  },
  produce_failed: {
    what: "Batches of records were refused",
    command: (refused, scene) => {
      const topic = refused.find((one) => one.what !== null)?.what;
      return topic === null || topic === undefined
        ? LOG()
        : scene.runnel(["topic", "describe"], [topic]);
    },
  },
  connection_refused: {
    what: "Connections were turned away",
    command: (_, scene) => scene.runnel(["quota", "list"]),
  },
  handshake_failed: {
    what: "TLS handshakes failed",
    command: (_, { parts: { bootstrap } }) =>
      commandLine("openssl", "s_client", "-connect", bootstrap.split(",")[0]),
  },
  accept_failed: {
    what: "The system gave no connection",
    command: () => "ulimit -n 65536  # before runnel; under systemd LimitNOFILE=65536 in its unit",
  },
  unauthenticated_request: {
    what: "Requests came from clients that had not logged in",
    command: LOG,
  },
  unsupported_version: { what: "Requests came in versions that are not served", command: LOG },
  unknown_api: { what: "Requests were for what is not served", command: LOG },
  malformed_request: { what: "Requests could not be understood", command: LOG },
};

const OTHER: Meaning = { what: "Requests or connections failed", command: LOG };

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

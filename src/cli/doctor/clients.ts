/** Clients: those connected whose software is so old that it should be replaced. */
import type { ConnectedClient } from "./broker_http.ts";
import { counted } from "../counted.ts";
import { type Check, few, type Found } from "./finding.ts";

/** By what a client calls its software: the oldest version to go on with, and what is the matter with older ones. */
const OLDEST: Readonly<Record<string, readonly [version: string, why: string]>> = {
  "apache-kafka-java": [
    "3.0.0",
    "its producers ask for acks=1 and no idempotence unless told otherwise (KIP-679), and Kafka 4 serves none below 2.1",
  ],
  "librdkafka": ["2.0.0", "1.x gets no corrections since 2023"],
};

export const clientsCheck: Check = {
  name: "clients",
  look: (scene) => {
    const { clients } = scene.http.status, found: Found[] = [];
    for (const [software, [oldest, why]] of Object.entries(OLDEST)) {
      const old = clients.filter((one) =>
        one.software === software && isOlder(one.version, oldest)
      );
      if (old.length === 0) continue;
      found.push({
        severity: "warning",
        what: `${connections(old)} by ${software} older than ${oldest}: ${why}`,
        evidence: few(old.map(told), 3),
        command: `curl -s ${scene.http.url}/status  # and renew the library there`,
      });
    }
    const nameless = clients.filter(({ software }) => software === "unknown");
    if (nameless.length > 0) {
      found.push({
        severity: "note",
        what: `${
          connections(nameless)
        } by clients that do not name their software, as those before Kafka 2.4`,
        evidence: few(nameless.map(told), 3),
      });
    }
    return Promise.resolve(found);
  },
};

function connections(clients: readonly ConnectedClient[]): string {
  const count = clients.reduce((sum, one) => sum + one.connections, 0);
  return `${counted(count, "connection")} ${count === 1 ? "is" : "are"} made`;
}

function told({ clientId, software, version, address }: ConnectedClient): string {
  const by = software === "unknown" ? "" : ` ${version}`;
  return `${clientId ?? "without id"}${by} at ${address}`;
}

/** "2.8.1" is older than "3.0.0"; what is no version is not. */
export function isOlder(version: string, than: string): boolean {
  const [a, b] = [version, than].map((text) =>
    text.match(/^(\d+)(?:\.(\d+))?(?:\.(\d+))?/)?.slice(1)
  );
  if (a === undefined || b === undefined) return false;
  for (const at of [0, 1, 2]) {
    const apart = Number(a[at] ?? 0) - Number(b[at] ?? 0);
    if (apart !== 0) return apart < 0;
  }
  return false;
}

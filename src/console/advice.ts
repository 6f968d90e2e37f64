/**
 * Advice: what `runnel doctor` would say of the broker by what it knows of itself, in the same words: descriptors, memory,
 * disk, certificates, and clients whose software is old. What doctor finds by looking at a cluster from outside (addresses,
 * clocks, groups that stand still) is left to it.
 */
import type { DiskForecast, Warning } from "./api.ts";
import type { StatusFacts } from "./route.ts";

const FULL = 0.85, MIB = 2 ** 20, DAY_MS = 86_400_000;
const LITTLE_BYTES = 512 * MIB, CERTIFICATE_SOON_MS = 7 * DAY_MS;
/** As doctor has them: the oldest version to go on with. */
const OLDEST: Readonly<Record<string, readonly [version: string, why: string]>> = {
  "apache-kafka-java": [
    "3.0.0",
    "its producers ask for acks=1 and no idempotence unless told otherwise (KIP-679), and Kafka 4 serves none below 2.1",
  ],
  "librdkafka": ["2.0.0", "1.x gets no corrections since 2023"],
};

export function adviceOf(status: StatusFacts, disk: DiskForecast, nowMs: number): Warning[] {
  return [
    ...processAdvice(status),
    ...diskAdvice(disk, nowMs),
    ...certificateAdvice(status, nowMs),
    ...clientAdvice(status),
  ];
}

function advice(
  what: string,
  message: string,
  { level = "warning", fields = {} }: Partial<Pick<Warning, "level" | "fields">> = {},
): Warning {
  return { kind: "advice", level, what, message, count: 1, firstMs: null, lastMs: null, fields };
}

function* processAdvice({ process, limits, connections }: StatusFacts): Generator<Warning> {
  const { spareDescriptors: spare, lookedFor, heapUsedBytes, heapLimitBytes } = process;
  if (spare !== null && spare < lookedFor) {
    const fields = { connections: String(connections), maxConnections: `${limits.maxConnections}` };
    const message = `The broker has ${spare} descriptors left for connections and files`;
    yield advice("descriptors_few", message, { fields });
  }
  if (heapUsedBytes > FULL * heapLimitBytes) {
    const fields = { usedBytes: String(heapUsedBytes), limitBytes: String(heapLimitBytes) };
    yield advice("heap_nearly_full", "The broker's heap is nearly full", { fields });
  }
}

function* diskAdvice(
  { path, freeBytes, minFreeBytes, fullAtMs, freeBytesPerSecond }: DiskForecast,
  nowMs: number,
): Generator<Warning> {
  if (freeBytes === null) return;
  const fields = { path, freeBytes: String(freeBytes) };
  if (freeBytes < Math.max(LITTLE_BYTES, 2 * minFreeBytes)) {
    const level = freeBytes < Math.max(LITTLE_BYTES / 8, minFreeBytes) ? "error" : "warning";
    return yield advice("disk_nearly_full", `The disk of ${path} is nearly full`, {
      level,
      fields,
    });
  }
  if (fullAtMs === null || fullAtMs - nowMs > DAY_MS) return;
  const hours = Math.max(0, (fullAtMs - nowMs) / 3_600_000).toFixed(1);
  yield advice("disk_full_soon", `The disk of ${path} is full in ${hours} h, at this rate`, {
    fields: { ...fields, freeBytesPerSecond: String(freeBytesPerSecond) },
  });
}

function* certificateAdvice({ tlsExpiresMs }: StatusFacts, nowMs: number): Generator<Warning> {
  if (tlsExpiresMs === null || tlsExpiresMs - nowMs > CERTIFICATE_SOON_MS) return;
  const days = ((tlsExpiresMs - nowMs) / DAY_MS).toFixed(1), isOver = tlsExpiresMs <= nowMs;
  const message = isOver
    ? "The certificate of a listener of the broker has expired"
    : `The certificate of a listener of the broker expires in ${days} d`;
  yield advice("certificate_expires", message, {
    level: isOver ? "error" : "warning",
    fields: { until: new Date(tlsExpiresMs).toISOString() },
  });
}

function* clientAdvice({ clients }: StatusFacts): Generator<Warning> {
  for (const [software, [oldest, why]] of Object.entries(OLDEST)) {
    const old = clients.filter((one) => one.software === software && isOlder(one.version, oldest));
    if (old.length === 0) continue;
    const count = old.reduce((sum, { connections }) => sum + connections, 0);
    const made = count === 1 ? "1 connection is made" : `${count} connections are made`;
    const { clientId, version, address } = old[0];
    yield advice("client_old", `${made} by ${software} older than ${oldest}: ${why}`, {
      fields: { software, version, address, clientId: clientId ?? "" },
    });
  }
}

/** "2.8.1" is older than "3.0.0"; what is no version is not. */
function isOlder(version: string, than: string): boolean {
  const [a, b] = [version, than].map((text) =>
    /^(\d+)(?:\.(\d+))?(?:\.(\d+))?/.exec(text)?.slice(1).map((part) => Number(part ?? 0))
  );
  if (a === undefined || b === undefined) return false;
  const at = a.findIndex((part, i) => part !== b[i]);
  return at >= 0 && a[at] < b[at];
}

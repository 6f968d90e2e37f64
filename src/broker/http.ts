/** The HTTP side of a broker: health, readiness and metrics, with descriptors left for files. */
import type { Config } from "../config/options.ts";
import { httpAddressOf } from "../config/rules.ts";
import { type HttpServer, startHttp } from "../metrics/http.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { MetricsText } from "../metrics/text.ts";
import { errorName } from "../protocol/errors.ts";
import { apiByKey } from "../protocol/messages/mod.ts";
import { Descriptors } from "../storage/backends/descriptors.ts";
import { FileStore } from "../storage/backends/file_store.ts";
import type { Store } from "../storage/store.ts";
import { VERSION } from "../version.ts";
import type { Readiness } from "./readiness.ts";

export interface HttpParts {
  readonly metrics: Metrics;
  readonly store: Store;
  readonly readiness: Readiness;
}

/** Listens; throws what Deno.listen throws. */
export function httpFor(config: Config, { metrics, store, readiness }: HttpParts): HttpServer {
  const { prefix, enabled, maxScrapeBytes } = config.metrics;
  const text = new MetricsText(metrics, {
    prefix,
    version: VERSION,
    maxBytes: maxScrapeBytes,
    apiName: (key) => apiByKey(key)?.name ?? String(key),
    errorName,
  });
  const maxConnections = config.limits.httpConnections;
  return startHttp({
    hostname: httpAddressOf(config),
    port: config.httpPort,
    maxConnections,
    admits: store instanceof FileStore ? admitsFor(store, maxConnections) : undefined,
    metrics: enabled ? text : null,
    notReady: () => readiness.notReady,
    warnings: () => readiness.warnings,
  });
}

function admitsFor(store: FileStore, most: number): (open: number) => boolean {
  const descriptors = new Descriptors({
    most,
    firstStep: 16,
    lastStep: 16,
    reserve: RESERVED_DESCRIPTORS,
    believedMs: BELIEVED_MS,
    tryOpen: () => store.tryOpen(),
  });
  return (open) => descriptors.admits(open);
}

/** For files. */
const RESERVED_DESCRIPTORS = 64;
const BELIEVED_MS = 5000;

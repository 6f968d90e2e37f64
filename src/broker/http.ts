/** The HTTP side of a broker: health, readiness and metrics for those who may ask, with descriptors left for files. */
import { Buffer } from "node:buffer";
import { createHash, timingSafeEqual } from "node:crypto";
import { hasFormOfJwt, haveUsersTokens } from "../config/asks_console_login.ts";
import type { Config } from "../config/options.ts";
import { logger } from "../log.ts";
import type { Pages } from "../metrics/http_pages.ts";
import { type HttpGuard, type HttpListener, type HttpServer, startHttp } from "../metrics/http.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { MetricsText } from "../metrics/text.ts";
import { errorName } from "../protocol/errors.ts";
import { apiByKey } from "../protocol/messages/mod.ts";
import { AttemptPace } from "../security/sasl/attempt_pace.ts";
import { Descriptors } from "../storage/backends/descriptors.ts";
import { FileStore } from "../storage/backends/file_store.ts";
import type { Store } from "../storage/store.ts";
import { VERSION } from "../version.ts";
import type { Readiness } from "./readiness.ts";

export interface HttpParts {
  readonly metrics: Metrics;
  readonly store: Store;
  readonly readiness: Readiness;
  readonly listener: HttpListener;
  readonly status: () => string;
  /** What answers everything else; null: nothing does. */
  readonly pages: Pages | null;
}

export function httpFor(
  config: Config,
  { metrics, store, readiness, listener, status, pages }: HttpParts,
): HttpServer {
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
    listener,
    guard: guardOf(config, metrics),
    maxConnections,
    admits: store instanceof FileStore ? admitsFor(store, maxConnections) : undefined,
    metrics: enabled ? text : null,
    status,
    pages: pages ?? undefined,
    notReady: () => readiness.notReady,
    warnings: () => readiness.warnings,
  });
}

/** What is asked of those who ask; undefined: nothing. A password is guessed as slowly as at a listener. */
function guardOf(config: Config, metrics: Metrics): HttpGuard | undefined {
  const { http, auth, limits } = config;
  const { authentication, username, password, token, openHealth, openMetrics } = http;
  if (authentication === "none") return undefined;
  const isBasic = authentication === "basic";
  const right = isBasic
    ? `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`
    : `Bearer ${token}`;
  const expected = digest(right);
  const pace = new AttemptPace({
    failuresPerSecond: auth.maxFailuresPerSecond,
    maxWaitMs: limits.authenticationTimeoutMs,
    monotonicMs: () => performance.now(),
    after: (ms, work) => {
      const timer = setTimeout(work, ms);
      return () => clearTimeout(timer);
    },
  });
  // Whoever says another name, a password where a token is asked for, or what has the form of users' tokens where they have
  // some, may be a user of the broker, who is no guess.
  const mayBeUsers = haveUsersTokens(config) ? hasFormOfJwt : () => false;
  const isAttempt = isBasic
    ? (said: string) => isOf(username, said)
    : (said: string) => said.startsWith("Bearer ") && !mayBeUsers(said);
  const failed = (peer: string, reason: "failed" | "paced") => {
    const what = `${authentication} at http`, principal = isBasic ? username : null;
    metrics.refusals.note({ kind: "login_failed", reason, what, address: peer, principal });
    log.clientEvent("login_failed", {
      peer,
      listener: "http",
      mechanism: authentication,
      result: reason,
    });
  };
  return {
    challenge: isBasic ? 'Basic realm="runnel", charset="UTF-8"' : "Bearer",
    open: [
      ...openHealth ? ["/healthz", "/readyz"] : [],
      ...openMetrics ? ["/metrics", "/status"] : [],
    ],
    async admits({ peer, authorization }) {
      if (authorization === null) return false;
      const said = authorization.replace(/^\w+ +/, titled);
      if (!isAttempt(said)) return isEqual(said, expected);
      if (!await pace.enter({ peer })) {
        failed(peer, "paced");
        return "busy";
      }
      const isRight = isEqual(said, expected);
      pace.leave({ peer }, { isFailure: !isRight });
      if (!isRight) failed(peer, "failed");
      return isRight;
    },
  };
}

const log = logger("http");

/** Whether it is said of a user, "Basic …" as it came. */
function isOf(username: string, said: string): boolean {
  return Buffer.from(said.replace(/^\w+ /, ""), "base64").toString().startsWith(`${username}:`);
}

/** Digests are of one length, so that a comparison tells nothing by how long it takes. */
function isEqual(said: string, expected: Buffer): boolean {
  return timingSafeEqual(digest(said), expected);
}

/** The scheme's case does not count: "bearer  x" is "Bearer x". */
function titled(scheme: string): string {
  return `${scheme[0].toUpperCase()}${scheme.slice(1).trimEnd().toLowerCase()} `;
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

/**
 * Some connections leave a few descriptors for files; more than that only where there are so many that clients of Kafka
 * have theirs as well: a flood here is none there.
 */
function admitsFor(store: FileStore, most: number): (open: number) => boolean {
  const common = { believedMs: BELIEVED_MS, tryOpen: () => store.tryOpen() };
  const some = new Descriptors({
    ...common,
    most: Math.min(SOME, most),
    firstStep: 16,
    lastStep: 16,
    reserve: 64,
  });
  const many = new Descriptors({ ...common, most, firstStep: SOME, lastStep: 128, reserve: 512 });
  return (open) => (open < SOME ? some : many).admits(open);
}

const SOME = 100;
const BELIEVED_MS = 5000;

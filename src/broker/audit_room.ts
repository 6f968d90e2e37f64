/**
 * The audit room: the audit of a broker whose configuration asks for one: opened before the ports are, so that a file that
 * cannot be written is refused at the start, and closed when the last client has gone.
 */
import { basename, dirname, resolve } from "node:path";
import { Audit } from "../audit/audit.ts";
import { AuditFile } from "../audit/audit_file.ts";
import { AuditWriter } from "../audit/audit_writer.ts";
import { hashWith } from "../audit/chain.ts";
import { DenialLimit } from "../audit/denial_limit.ts";
import { body } from "../audit/event.ts";
import { ConfigError } from "../config/load.ts";
import type { Config } from "../config/options.ts";
import { logger, logLine } from "../log.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { FileStore } from "../storage/backends/file_store.ts";
import { StoreError } from "../storage/store.ts";
import { VERSION } from "../version.ts";
import type { MachineRoom } from "./machine.ts";
import type { Readiness } from "./readiness.ts";

export interface AuditRoomOptions {
  readonly machine: Pick<MachineRoom, "clock" | "timers" | "turn" | "store">;
  readonly metrics: Metrics;
  readonly readiness: Readiness;
}

export class AuditRoom implements AsyncDisposable {
  readonly audit: Audit;
  readonly #store: FileStore | null;

  private constructor(audit: Audit, store: FileStore | null) {
    this.audit = audit;
    this.#store = store;
  }

  /** Throws ConfigError where the file cannot be written. */
  static async open(config: Config, options: AuditRoomOptions): Promise<AuditRoom> {
    const { file: path, toLog } = config.audit, { machine, metrics, readiness } = options;
    const { clock, timers, turn } = machine, nowMs = () => clock.nowMs();
    const opened = path === "" ? null : openFile(config, { nowMs, data: machine.store.name });
    const writer = new AuditWriter({
      file: opened?.file ?? null,
      log: toLog ? logLine : null,
      fsync: config.audit.fsync,
      onFailure: config.audit.onFailure,
      timers,
      nowMs,
      onEvent: (event, details) =>
        event === "audit_failed" ? log.error(event, details) : log.warn(event, details),
    });
    const limit = new DenialLimit({
      perSecond: config.audit.maxDenials,
      monotonicMs: () => clock.monotonicMs(),
      nowMs,
    });
    const audit = new Audit({ writer, limit, timers, turn, nowMs });
    const room = new AuditRoom(audit, opened?.store ?? null);
    const found = opened?.file.found ?? {};
    if (found.missing_from !== undefined) log.warn("audit_tail_missing", { ...found });
    const begun = { event: "started", version: VERSION, ...found };
    const failure = await writer.open(body(nowMs(), "audit", begun));
    if (failure !== null) {
      await room[Symbol.asyncDispose]();
      throw new ConfigError(`audit.file = ${path} cannot be written: ${failure}`);
    }
    observe(audit, { metrics, readiness });
    return room;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.audit.close();
    this.#store?.close();
  }
}

const log = logger("audit");

function openFile(
  { audit }: Config,
  { nowMs, data }: { readonly nowMs: () => number; readonly data: string },
) {
  const path = resolve(audit.file);
  const refuseWithin = (place: string) => {
    if (!`${place}/`.startsWith(`${data}/`)) return;
    throw new ConfigError(
      `audit.file = ${audit.file} is in the data directory, ${data}: needs a place of its own`,
    );
  };
  refuseWithin(path);
  let store: FileStore | null = null;
  try {
    store = new FileStore(dirname(path));
    refuseWithin(store.placeOf(basename(path))); // a link may lead there
    const { rotateBytes, rotateDaily, keep, hashChain, hashKey } = audit;
    const file = new AuditFile({
      store,
      name: basename(path),
      rotateBytes,
      rotateDaily,
      keep,
      hash: hashChain ? hashWith(hashKey) : null,
      nowMs,
      onProblem: (event, details) => log.warn(event, details),
    });
    return { store, file };
  } catch (error) {
    store?.close();
    if (!(error instanceof StoreError)) throw error;
    throw new ConfigError(`audit.file = ${audit.file} cannot be used: ${error.message}`);
  }
}

function observe(
  { writer, limit }: Audit,
  { metrics, readiness }: { readonly metrics: Metrics; readonly readiness: Readiness },
): void {
  metrics.gauge(
    "audit_failing",
    "1 while the audit file cannot be written.",
    () => Number(writer.failure !== null),
  );
  metrics.gauge("audit_lines_total", "Lines of the audit written.", () => writer.linesWritten);
  metrics.gauge(
    "audit_lines_waiting",
    "Lines of the audit that wait to be written.",
    () => writer.linesWaiting,
  );
  metrics.gauge(
    "audit_suppressed_total",
    "Denials and log-ins that are counted in the audit instead of written one by one.",
    () => limit.total,
  );
  metrics.gauge(
    "audit_lost_total",
    "Lines of changes that were not written because the audit file could not be, and never will be.",
    () => writer.linesLost,
  );
  readiness.warnsOf(function* () {
    if (writer.failure === null) return;
    const effect = writer.mustBeWritten ? "changes are refused" : "changes are not written down";
    yield `the audit file cannot be written, ${effect}: ${writer.failure}`;
  });
}

/**
 * `runnel serve`: starts the broker, says in five lines what there is, and waits for a signal.
 *
 * SIGTERM and SIGINT (on Windows Ctrl-C, Ctrl-Break and a closed window) stop it in order, within five seconds or as long as closing thousands of logs takes, and end with 0; a second one ends at once with the code
 * shells give for that signal. What can go wrong at a start is told in one line on standard error, with exit code 1.
 */
import type { RunningBroker } from "../broker.ts";
import { systemClock, systemTimers, type Timers } from "../clock.ts";
import { ConfigError, denoSurroundings, loadConfig } from "../config/load.ts";
import type { Config } from "../config/options.ts";
import { listenersOf } from "../config/listeners.ts";
import { logWarnings } from "../config/warnings.ts";
import { configureLog, logger } from "../log.ts";
import { stopSignals } from "../platform.ts";
import { VERSION } from "../version.ts";
import { plainLine, startErrorLine, unforeseenLine } from "./error_line.ts";
import { notifySocket } from "./notify_socket.ts";
import type { ApplyAtStart } from "./state/at_start.ts";
import { serviceEnvironment, Systemd } from "./systemd.ts";
import { printable } from "./table.ts";

export type StartBroker = (config: Config) => Promise<RunningBroker>;

/** A stop that gets nowhere has so long: the five seconds promised, with time to end. */
const STANDSTILL_MS = 4500;
/** And one that closes log after log: less than what packaging/runnel.service leaves it. */
const STOP_CEILING_MS = 55_000;
/** How often it is looked whether it gets on. */
const LOOK_MS = 500;

export async function serve(args: readonly string[], startBroker: StartBroker): Promise<number> {
  const { file, rest } = applyOf(args);
  const loaded = await loadConfig(denoSurroundings(rest));
  configureLog(loaded.config.log);
  const apply = file === null
    ? null
    : await (await import("./state/at_start.ts")).readAtStart(file, loaded.config);
  const signal = awaitSignal(), systemd = systemdOf();
  let broker: RunningBroker;
  systemd?.starting();
  try {
    broker = await startBroker(loaded.config);
  } catch (error) {
    systemd?.close();
    const line = startErrorLine(error, loaded.config);
    console.error(`runnel: ${line ?? `Cannot start: ${unforeseenLine(error)}`}`);
    if (line === null && loaded.config.log.level === "debug") console.error(error);
    return 1;
  }
  if (apply !== null && !await isApplied(broker, apply, file!)) {
    systemd?.close();
    return 1;
  }
  console.log(greeting(broker, loaded.config).join("\n"));
  logWarnings(loaded);
  systemd?.ready(`Serving Kafka's clients at ${placesOf(broker)}`);
  await signal;
  systemd?.stopping();
  const isInTime = await stopInTime(broker);
  systemd?.close();
  return isInTime ? 0 : 1;
}

/** Null where none asks to be told, or none can be. */
function systemdOf(): Systemd | null {
  const environment = serviceEnvironment((name) => Deno.env.get(name), Deno.pid);
  if (environment === null) return null;
  const onFailure = (reason: string) => logger("service").warn("systemd_not_told", { reason });
  const { watchdogMs, path, folder } = environment;
  try {
    const datagrams = notifySocket(path, folder);
    return new Systemd({ datagrams, watchdogMs, timers: systemTimers, onFailure });
  } catch (error) {
    onFailure((error as Error).message);
    return null;
  }
}

/** `--apply FILE`, which is no option of the broker, and the other arguments. Throws ConfigError. */
function applyOf(
  args: readonly string[],
): { readonly file: string | null; readonly rest: readonly string[] } {
  const at = args.findIndex((arg) => arg === "--apply" || arg.startsWith("--apply="));
  if (at < 0) return { file: null, rest: args };
  const isJoined = args[at] !== "--apply";
  const file = isJoined ? args[at].slice("--apply=".length) : args[at + 1] ?? "";
  if (file === "" || !isJoined && file.startsWith("--")) {
    throw new ConfigError("serve: --apply has no value: needs a file");
  }
  const rest = args.toSpliced(at, isJoined ? 1 : 2);
  if (applyOf(rest).file !== null) throw new ConfigError("serve: --apply is given twice");
  return { file, rest };
}

/** Whether the state of a file was made so; else it is told why, and the broker stops as one that cannot start. */
async function isApplied(
  broker: RunningBroker,
  apply: ApplyAtStart,
  file: string,
): Promise<boolean> {
  let problems: readonly string[];
  try {
    problems = await apply(broker.asking());
  } catch (error) {
    problems = [plainLine(error) ?? unforeseenLine(error)];
  }
  if (problems.length === 0) return true;
  for (const problem of problems) {
    console.error(`runnel: Cannot start: ${file} cannot be applied: ${printable(problem)}`);
  }
  await stopInTime(broker);
  return false;
}

/** What a greeting says of a broker. */
export type Greeted = Pick<
  RunningBroker,
  "kafkaAddress" | "listeners" | "httpAddress" | "dataName"
>;

/** At most six lines. */
export function greeting(broker: Greeted, config: Config): string[] {
  const lines = [
    `Runnel ${VERSION}`,
    `  Kafka    ${placesOf(broker)}`,
    `  Data     ${broker.dataName}`,
  ];
  if (broker.httpAddress !== null) {
    const { console: pages, metrics, http } = config;
    const origin = `${http.tls ? "https" : "http"}://${reached(broker.httpAddress)}`;
    if (pages.enabled) lines.push(`  Console  ${origin}${pages.basePath}/`);
    lines.push(metrics.enabled ? `  Metrics  ${origin}/metrics` : `  Health   ${origin}/healthz`);
  }
  return [...lines, `  Try      ${tryOf(broker, config)}`];
}

/** What lists the topics: without more where some listener is plain; else with what the first one asks for. */
function tryOf({ listeners }: Greeted, config: Config): string {
  const asked = listenersOf(config);
  const at = Math.max(0, asked.findIndex(({ protocol }) => protocol === "PLAINTEXT"));
  const { protocol, tls } = asked[at], kcat = `kcat -b ${reached(listeners[at].address)}`;
  if (protocol === "PLAINTEXT") return `${kcat} -L`;
  const needs = [
    `security.protocol=${protocol.toLowerCase()}`,
    ...tls === null ? [] : ["ssl.ca.location"],
    ...tls?.clientAuth === "required" ? ["ssl.certificate.location", "ssl.key.location"] : [],
    ...protocol.startsWith("SASL_") ? saslNeeds(config.auth.mechanism) : [],
  ];
  return `${kcat} -F FILE -L, with a FILE that has ${needs.join(", ")}`;
}

/** What stands for every address is none to connect to: this machine's own is. */
function reached(address: string): string {
  return address.replace(/^0\.0\.0\.0:/, "127.0.0.1:").replace(/^\[::\]:/, "[::1]:");
}

function saslNeeds(mechanisms: readonly string[]): string[] {
  const known = ["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"].find((one) => mechanisms.includes(one));
  return known === undefined
    ? ["sasl.mechanisms=OAUTHBEARER", "what your issuer asks for"]
    : [`sasl.mechanisms=${known}`, "sasl.username", "sasl.password"];
}

/** One plain listener needs no name. */
function placesOf({ listeners, kafkaAddress }: Greeted): string {
  return listeners.length === 1 && listeners[0].name === "PLAINTEXT"
    ? kafkaAddress
    : listeners.map(({ name, address }) => `${address} (${name})`).join(", ");
}

/** Resolves at the first signal; the second ends the process. */
function awaitSignal(): Promise<void> {
  const codes = { SIGINT: 130, SIGTERM: 143, SIGBREAK: 149, SIGHUP: 129 } as const;
  return new Promise((resolve) => {
    let isStopping = false;
    for (const name of stopSignals()) {
      Deno.addSignalListener(name, () => {
        if (isStopping) Deno.exit(codes[name]);
        isStopping = true;
        resolve();
      });
    }
  });
}

/** Whether the broker stopped in time and without error. */
async function stopInTime(broker: RunningBroker): Promise<boolean> {
  const beganMs = systemClock.monotonicMs();
  try {
    if (!await isLate(broker.stop(), () => broker.closedLogs, systemTimers)) return true;
    const seconds = Math.round((systemClock.monotonicMs() - beganMs) / 100) / 10;
    console.error(
      `runnel: not everything could be stopped within ${seconds} s; what was not acknowledged may be lost`,
    );
  } catch (error) {
    console.error(`runnel: stopping failed: ${(error as Error).message}`);
  }
  return false;
}

/** Whether a stop stands still, or takes too long, before it ends. Rejects as it does. */
export async function isLate(
  stop: Promise<void>,
  closedLogs: () => number,
  timers: Timers,
): Promise<boolean> {
  let cancel = () => {}, elapsedMs = 0, movedAtMs = 0, before = closedLogs();
  const late = new Promise<true>((resolve) => {
    const look = () => {
      elapsedMs += LOOK_MS;
      const closed = closedLogs();
      if (closed !== before) movedAtMs = elapsedMs;
      before = closed;
      const isStill = elapsedMs - movedAtMs >= STANDSTILL_MS;
      if (isStill || elapsedMs >= STOP_CEILING_MS) resolve(true);
      else cancel = timers.after(LOOK_MS, look);
    };
    cancel = timers.after(LOOK_MS, look);
  });
  try {
    return await Promise.race([stop.then(() => false), late]);
  } finally {
    cancel();
  }
}

/**
 * `runnel serve`: starts the broker, says in five lines what there is, and waits for a signal.
 *
 * SIGTERM and SIGINT stop it in order, within five seconds, and end with 0; a second one ends at once with the code
 * shells give for that signal. What can go wrong at a start is told in one line on standard error, with exit code 1.
 */
import type { RunningBroker } from "../broker.ts";
import { denoSurroundings, loadConfig } from "../config/load.ts";
import type { Config } from "../config/options.ts";
import { logWarnings } from "../config/warnings.ts";
import { configureLog } from "../log.ts";
import { VERSION } from "../version.ts";
import { startErrorLine, unforeseenLine } from "./error_line.ts";

export type StartBroker = (config: Config) => Promise<RunningBroker>;

/** Leaves time to end within the five seconds promised. */
const STOP_CEILING_MS = 4500;

export async function serve(args: readonly string[], startBroker: StartBroker): Promise<number> {
  const loaded = await loadConfig(denoSurroundings(args));
  configureLog(loaded.config.log);
  const signal = awaitSignal();
  let broker: RunningBroker;
  try {
    broker = await startBroker(loaded.config);
  } catch (error) {
    const line = startErrorLine(error, loaded.config);
    console.error(`runnel: ${line ?? `Cannot start: ${unforeseenLine(error)}`}`);
    if (line === null && loaded.config.log.level === "debug") console.error(error);
    return 1;
  }
  console.log(greeting(broker, loaded.config).join("\n"));
  logWarnings(loaded);
  await signal;
  return await stopWithin(broker, STOP_CEILING_MS) ? 0 : 1;
}

/** At most five lines. */
export function greeting(broker: RunningBroker, config: Config): string[] {
  const lines = [
    `Runnel ${VERSION}`,
    `  Kafka    ${placesOf(broker)}`,
    `  Data     ${broker.dataName}`,
  ];
  if (broker.httpAddress !== null) {
    lines.push(
      `  ${config.metrics.enabled ? "Metrics " : "Health  "} http://${broker.httpAddress}/${
        config.metrics.enabled ? "metrics" : "healthz"
      }`,
    );
  }
  return [...lines, `  Try      kcat -b ${broker.kafkaAddress} -L`];
}

/** One plain listener needs no name. */
function placesOf({ listeners, kafkaAddress }: RunningBroker): string {
  return listeners.length === 1 && listeners[0].name === "PLAINTEXT"
    ? kafkaAddress
    : listeners.map(({ name, address }) => `${address} (${name})`).join(", ");
}

/** Resolves at the first signal; the second ends the process. */
function awaitSignal(): Promise<void> {
  const codes = { SIGINT: 130, SIGTERM: 143 } as const;
  return new Promise((resolve) => {
    let isStopping = false;
    for (const name of ["SIGINT", "SIGTERM"] as const) {
      Deno.addSignalListener(name, () => {
        if (isStopping) Deno.exit(codes[name]);
        isStopping = true;
        resolve();
      });
    }
  });
}

/** Whether the broker stopped in time and without error. */
async function stopWithin(broker: RunningBroker, ceilingMs: number): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const ceiling = new Promise<"late">((resolve) =>
    timer = setTimeout(() => resolve("late"), ceilingMs)
  );
  try {
    if (await Promise.race([broker.stop(), ceiling]) !== "late") return true;
    console.error(
      `runnel: not everything could be stopped within ${
        ceilingMs / 1000
      } s; what was not acknowledged may be lost`,
    );
  } catch (error) {
    console.error(`runnel: stopping failed: ${(error as Error).message}`);
  } finally {
    clearTimeout(timer);
  }
  return false;
}

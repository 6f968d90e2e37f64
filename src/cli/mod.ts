/** The command line: which subcommand runs. Each is a file of its own; `serve` is meant when none is named. */
import { ConfigError } from "../config/load.ts";
import { runConfig } from "./config.ts";
import { runGroup } from "./group.ts";
import { runHelp } from "./help.ts";
import { serve, type StartBroker } from "./serve.ts";
import { runStorage } from "./storage.ts";
import { runVersion } from "./version.ts";

/** Runs the command and answers the process's exit code. */
export async function run(args: readonly string[], startBroker: StartBroker): Promise<number> {
  const [first, ...rest] = args;
  try {
    if (args.some((arg) => arg === "--help" || arg === "-h")) return runHelp();
    switch (first) {
      case "serve":
        return await serve(rest, startBroker);
      case "backup":
        return await (await import("./backup.ts")).runBackup(rest); // loaded when it is needed
      case "config":
        return await runConfig(rest);
      case "group":
        return await runGroup(rest);
      case "storage":
        return await runStorage(rest);
      case "help":
        return runHelp();
      case "version":
      case "--version":
        return runVersion();
      default:
        return await serve(args, startBroker);
    }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    console.error(`runnel: ${error.message}`);
    return 1;
  }
}

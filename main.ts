/**
 * Runnel: reads the command line, runs the command, and ends with its exit code. Where all is one file, background
 * threads begin in it too.
 */
import { isBackgroundThread } from "./src/background/thread.ts";
import { run } from "./src/cli/mod.ts";

// The broker is loaded when it is started: `runnel help` needs none of it.
const startBroker: Parameters<typeof run>[1] = async (config) => {
  const { startBroker } = await import("./src/broker.ts");
  return await startBroker(config, { mainUrl: import.meta.url });
};

if (isBackgroundThread()) await import("./src/background/entry.ts");
else Deno.exit(await run(Deno.args, startBroker));

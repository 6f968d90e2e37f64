/** `runnel health`: asks the HTTP port of the broker of this configuration whether it is ready. */
import { httpAddressOf } from "../../config/rules.ts";
import type { Run } from "../command.ts";
import { configOf } from "../reach.ts";
import { printable } from "../table.ts";

const TIMEOUT_MS = 3000;
/** The answer has a line for each thing that is wrong. */
const MAX_LINES = 20;

export const health: Run = async (call) => {
  const config = await configOf(call.options), { http, tls, httpPort } = config;
  if (httpPort === 0) {
    console.error("runnel: http_port is 0, any free one: say with --http-port where the broker is");
    return 1;
  }
  const host = reachable(httpAddressOf(config));
  const url = `http${http.tls ? "s" : ""}://${host}:${httpPort}/readyz`;
  // What this machine's broker shows is trusted.
  const caCerts = http.tls ? [await Deno.readTextFile(tls.certificateFile)] : [];
  using client = Deno.createHttpClient({ caCerts });
  try {
    const answer = await fetch(url, { client, signal: AbortSignal.timeout(TIMEOUT_MS) });
    const lines = (await answer.text()).trim().split("\n").slice(0, MAX_LINES);
    for (const line of lines) console.log(printable(line));
    return answer.ok ? 0 : 1;
  } catch (error) {
    console.error(`runnel: no answer from ${url}: ${printable((error as Error).message)}`);
    return 1;
  }
};

function reachable(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  if (host === "::") return "[::1]";
  return host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
}

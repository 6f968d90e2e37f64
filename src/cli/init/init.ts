/**
 * `runnel init --secure`: a first configuration for a broker that other machines may reach: an authority and a certificate
 * of its own, an administrator, the configuration, and files for clients. `runnel init --renew` replaces the certificate by
 * another of the same authority, which a running broker takes.
 */
import { systemClock } from "../../clock.ts";
import { isAnyAddress } from "../../config/addresses.ts";
import { ConfigError } from "../../config/load.ts";
import type { Run } from "../command.ts";
import { Output } from "../output.ts";
import { renew } from "./renew.ts";
import { AUTHORITY_DAYS, makeSecure } from "./secure.ts";

export const makeConfiguration: Run = async (call) => {
  const isRenewal = call.has("--renew");
  if (isRenewal === call.has("--secure")) {
    throw call.misused(isRenewal ? "--secure and --renew are two things" : "--secure is missing");
  }
  // `--host a --host b` and `--host a,b` are both two.
  const hosts = call.texts("--host").flatMap((text) => text.split(","))
    .map((host) => host.trim().replace(/^\[|\]$/g, ""));
  for (const host of hosts) mustBeHost(host);
  const days = call.whole("--days", { min: 1, max: AUTHORITY_DAYS }) ?? 365;
  const port = call.whole("--port", { min: 1, max: 65_535 }) ?? 9092;
  const folder = call.text("--dir") ?? ".", validity = { nowMs: systemClock.nowMs(), days };
  const lines = isRenewal
    ? await renew({ folder, hosts, validity })
    : await makeSecure({ folder, hosts, port, storagePath: call.text("--storage-path"), validity });
  const out = new Output();
  for (const line of lines) out.line(line);
  return 0;
};

function mustBeHost(host: string): void {
  const fault = isAnyAddress(host)
    ? "stands for every address: needs one by which clients come"
    : isAddress(host) || NAME.test(host)
    ? null
    : "needs a host name or an IP address, without a port (--port says that)";
  if (fault !== null) throw new ConfigError(`init: --host ${host || '""'}: ${fault}`);
}

const NAME =
  /^(?=.{1,253}$)(?=.*[A-Za-z])[A-Za-z0-9](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?)*$/;

function isAddress(host: string): boolean {
  if (/^\d{1,3}(\.\d{1,3}){3}$/.test(host)) {
    return host.split(".").every((part) => Number(part) < 256);
  }
  return host.includes(":") && URL.canParse(`http://[${host}]/`);
}

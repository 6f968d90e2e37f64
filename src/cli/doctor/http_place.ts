/** Where a broker's HTTP is, and what it is told of who asks: a password or token goes only to the place that it is meant for. */
import { Buffer } from "node:buffer";
import { parseAddress } from "../../client/cluster.ts";
import type { Config } from "../../config/options.ts";
import { httpAddressOf } from "../../config/rules.ts";
import type { Call } from "../call.ts";
import type { ClientSecurity } from "../client_config.ts";
import { askStatus, httpAddress, type HttpAnswer } from "./broker_http.ts";

/** What the broker says over HTTP; or why that is not known, as a sentence. Throws ConfigError for a wrong --http. */
export async function brokerHttp(
  call: Call,
  { config, security, bootstrap }: {
    readonly config: Config;
    readonly security: ClientSecurity;
    readonly bootstrap: string;
  },
): Promise<HttpAnswer | string> {
  const given = call.text("--http"), named = given === null ? null : httpAddress(given);
  if (given !== null && named === null) {
    throw call.misused(`--http ${given || '""'}: needs http://HOST:PORT`);
  }
  const own = { host: reachable(httpAddressOf(config)), port: config.httpPort };
  const { host } = parseAddress(bootstrap.split(",")[0]);
  const { isTls = null, ...address } = named ?? { host, port: config.httpPort };
  const isMeant = named !== null || address.host === own.host;
  const place = {
    ...address,
    isTls: isTls ?? config.http.tls,
    caCerts: [...security.tls?.caCerts ?? [], ...certificateOf(config)],
    authorization: isMeant ? authorizationOf(config) : null,
  };
  return await askStatus(place);
}

/** The same, unless it is of another cluster than the one that is looked at; null: nobody knows which that is. */
export function ofCluster(
  http: HttpAnswer | string,
  clusterId: string | null,
): HttpAnswer | string {
  if (typeof http === "string" || clusterId === null) return http;
  const { url, status } = http;
  return status.clusterId === null || status.clusterId === clusterId
    ? http
    : `${url} is of another cluster; --http says where this one answers over HTTP`;
}

function reachable(host: string): string {
  return host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
}

function authorizationOf({ http }: Config): string | null {
  if (http.token !== "") return `Bearer ${http.token}`;
  if (http.username === "") return null;
  return `Basic ${Buffer.from(`${http.username}:${http.password}`).toString("base64")}`;
}

/** What HTTPS of this machine's broker shows. */
function certificateOf({ http, tls }: Config): string[] {
  if (!http.tls) return [];
  try {
    return [Deno.readTextFileSync(tls.certificateFile)];
  } catch {
    return []; // the answer to the question says what that leads to
  }
}

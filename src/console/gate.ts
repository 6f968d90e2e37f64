/**
 * The gate: what a browser is protected by before a request is looked at. A page of another origin can neither read what
 * the console answers nor change anything: by the Host's name (DNS rebinding), the Origin, and a header of its own that
 * no page of another origin may send.
 */
import { CHANGE_HEADER, CHANGE_VALUE } from "./api.ts";
import { ApiFailure } from "./failure.ts";

export interface GateRules {
  /** Names besides this machine's that the console is asked for by, without port. */
  readonly hosts: readonly string[];
}

/** Throws ApiFailure where the Host's name (without port) may be an attacker's, whatever is asked for. */
export function mustBeAskedByOwnName(name: string, { hosts }: GateRules): void {
  const host = name.toLowerCase();
  if (isOwnName(host, hosts)) return;
  const message = `Host is ${host}: needs an address, localhost or one of console.hosts`;
  throw new ApiFailure("wrong_host", message);
}

/**
 * Throws ApiFailure for a request of the API that is not the console's own, or a script's that says so. It is asked where
 * routes are, of whatever leads to one: a path has many spellings ("/%61pi/v1").
 */
export function mustBeOurs(request: Request, { hosts }: GateRules): void {
  const site = request.headers.get("sec-fetch-site");
  if (site === "cross-site" || site === "same-site") {
    throw new ApiFailure("not_from_console", "the request comes from a page of another origin");
  }
  const origin = request.headers.get("origin");
  if (origin !== null && !isOwnOrigin(origin, hostOf(request), hosts)) {
    throw new ApiFailure("not_from_console", `the request comes from a page of ${origin}`);
  }
  if (request.method === "GET" || request.method === "HEAD") return;
  if (request.headers.get(CHANGE_HEADER) !== CHANGE_VALUE) {
    const message = `needs the header ${CHANGE_HEADER}: ${CHANGE_VALUE}`;
    throw new ApiFailure("not_from_console", message, { field: CHANGE_HEADER });
  }
  const type = request.headers.get("content-type") ?? "nothing";
  if (!/^application\/json *(;|$)/i.test(type)) {
    const message = `the body is ${type}: needs application/json`;
    throw new ApiFailure("bad_request", message, { field: "content-type" });
  }
}

function hostOf({ url }: Request): string {
  return new URL(url).hostname.toLowerCase();
}

/** An attacker's name may lead here (DNS rebinding); an address is nobody's name. */
function isOwnName(host: string, hosts: readonly string[]): boolean {
  return host === "localhost" || host.endsWith(".localhost") || host.startsWith("[") ||
    /^\d+\.\d+\.\d+\.\d+$/.test(host) || hosts.some((name) => name.toLowerCase() === host);
}

/** Ports may differ: a proxy has its own. */
function isOwnOrigin(origin: string, host: string, hosts: readonly string[]): boolean {
  let name: string;
  try {
    name = new URL(origin).hostname.toLowerCase();
  } catch {
    return false; // "null": a page in a sandbox, or of a file
  }
  return name === host || hosts.some((one) => one.toLowerCase() === name);
}

const CONTENT_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "worker-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "manifest-src 'self'",
  "base-uri 'self'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** What every answer of the console has, whatever it is. */
export function protect(response: Response): Response {
  const { headers } = response;
  headers.set("content-security-policy", CONTENT_POLICY);
  headers.set("x-content-type-options", "nosniff");
  headers.set("x-frame-options", "DENY");
  headers.set("referrer-policy", "no-referrer");
  headers.set("cross-origin-resource-policy", "same-origin");
  headers.set("cross-origin-opener-policy", "same-origin");
  if (!headers.has("cache-control")) headers.set("cache-control", "no-store");
  return response;
}

/**
 * The path below the base path; a proxy may have taken it away already. Null: it is the base path without its slash, and
 * what the page names would be looked for beside it.
 */
export function pathBelow(basePath: string, path: string): string | null {
  if (basePath === "") return path;
  if (path === basePath) return null;
  return path.startsWith(`${basePath}/`) ? path.slice(basePath.length) : path;
}

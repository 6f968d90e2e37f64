/**
 * `runnel init --secure`: a first configuration for a broker that other machines may reach: an authority and a certificate
 * of its own, an administrator, the configuration, and files for clients. It overwrites nothing, and what it wrote is gone
 * again where it cannot write the rest. `runnel init --renew` replaces the certificate by another of the same authority,
 * which a running broker takes.
 *
 * What is secret (keys, the administrator's password, what verifies it) only its owner can read; the configuration and the
 * certificates are no secrets. The password is made up here, and shown nowhere but in the files for clients.
 */
import { randomBytes } from "node:crypto";
import { systemClock } from "../clock.ts";
import { isAnyAddress } from "../config/addresses.ts";
import { splitArguments } from "../config/flags.ts";
import { ConfigError, loadConfig } from "../config/load.ts";
import {
  hostsOf,
  type Issued,
  newAuthority,
  newServerCertificate,
  type Validity,
} from "../security/issue_certificate.ts";
import { newCredential, SCRAM_HASHES } from "../security/sasl/scram_credential.ts";
import { writeUser } from "../security/sasl/users_text.ts";
import { misused } from "./arguments.ts";
import {
  ADMIN,
  bootstrapFor,
  configText,
  javaClientText,
  listenAddress,
  namesIn,
  rdClientText,
  type SecureNames,
  type SecurePlace,
} from "./init_files.ts";

const AUTHORITY_DAYS = 3650;

const FLAGS = new Map<string, string | null>([
  ["--secure", null],
  ["--renew", null],
  ["--dir", "a folder"],
  ["--host", "a name or an address by which clients come"],
  ["--port", "a whole number, 1 to 65535"],
  ["--storage-path", "a folder"],
  ["--days", `a whole number, 1 to ${AUTHORITY_DAYS}`],
]);

export async function runInit(
  args: readonly string[],
  print: (line: string) => void = console.log,
): Promise<number> {
  const { hosts, rest } = takeHosts(args);
  const split = splitArguments(rest, FLAGS);
  if (typeof split === "string") throw new ConfigError(`init: ${split}`);
  const { words: [word], flags } = split, isRenewal = flags.get("--renew") === "true";
  if (word !== undefined) throw misused("init", `it takes no ${word}`);
  if (isRenewal === (flags.get("--secure") === "true")) {
    throw misused(
      "init",
      isRenewal ? "--secure and --renew are two things" : "--secure is missing",
    );
  }
  for (const host of hosts) mustBeHost(host);
  const validity = {
    nowMs: systemClock.nowMs(),
    days: numberOf(flags, "--days", 365, AUTHORITY_DAYS),
  };
  const folder = flags.get("--dir") ?? ".";
  if (isRenewal) return await renew({ folder, hosts, validity }, print);
  mustBeFree(folder);
  const port = numberOf(flags, "--port", 9092, 65_535);
  return await makeSecure({
    folder,
    hosts,
    port,
    storagePath: flags.get("--storage-path"),
    validity,
  }, print);
}

interface Wish {
  readonly folder: string;
  readonly hosts: readonly string[];
  readonly validity: Validity;
}

interface SecureWish extends Wish {
  readonly port: number;
  readonly storagePath: string | undefined;
}

async function makeSecure(
  { folder, hosts, port, storagePath, validity }: SecureWish,
  print: (line: string) => void,
): Promise<number> {
  const isNewFolder = made(folder), path = Deno.realPathSync(folder), names = namesIn(path);
  const written: string[] = [];
  try {
    const place = { hosts, port, storagePath: absolute(storagePath ?? `${path}/data`) };
    const config = configText(place, names);
    await mustHold(names.config, config);
    const password = randomBytes(PASSWORD_BYTES).toString("base64url");
    const { nowMs } = validity, day = new Date(nowMs).toISOString().slice(0, 10);
    const authority = await newAuthority(`CN=Runnel CA ${day} ${randomBytes(4).toString("hex")}`, {
      nowMs,
      days: AUTHORITY_DAYS,
    });
    const server = await newServerCertificate(authority, { hosts: withHome(hosts), validity });
    const client = { password, authority: authority.certificate, caFile: names.caCertificate };
    const files: readonly [path: string, text: string, mode: number][] = [
      [names.caKey, authority.key, SECRET],
      [names.caCertificate, authority.certificate, PUBLIC],
      [names.key, server.key, SECRET],
      [names.certificate, server.certificate, PUBLIC],
      [names.users, await usersText(password), SECRET],
      [names.javaClient, javaClientText(place, client), SECRET],
      [names.rdClient, rdClientText(place, client), SECRET],
      [names.config, config, PUBLIC],
    ];
    for (const [path, text, mode] of files) {
      writeNew(path, text, mode);
      written.push(path);
    }
    print(told(place, names, { authority, server }).join("\n"));
    return 0;
  } catch (error) {
    for (const path of written) Deno.removeSync(path); // made above, a moment ago
    if (isNewFolder) removeEmpty(path);
    throw error;
  }
}

/** Another certificate and key in the place of those that there are. */
async function renew(
  { folder, hosts, validity }: Wish,
  print: (line: string) => void,
): Promise<number> {
  const names = namesIn(folder);
  const before = readText(names.certificate);
  const authority = { certificate: readText(names.caCertificate), key: readText(names.caKey) };
  let server: Issued, good: readonly string[];
  try {
    good = hosts.length === 0 ? hostsOf(before) : withHome(hosts);
    server = await newServerCertificate(authority, { hosts: good, validity });
  } catch (error) {
    throw new ConfigError(
      `init: no certificate comes of ${names.caCertificate}, ${names.caKey} and ${names.certificate}: ${
        (error as Error).message
      }`,
    );
  }
  replace(names.key, server.key, SECRET);
  replace(names.certificate, server.certificate, PUBLIC);
  print(
    `${names.certificate} is another certificate for ${good.join(", ")}, good until ${
      dayOf(server.notAfterMs)
    }; a running broker shows it within half a minute`,
  );
  return 0;
}

/** `--host a --host b` and `--host a,b` are both two. */
function takeHosts(args: readonly string[]): { hosts: string[]; rest: string[] } {
  const hosts: string[] = [], rest: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const next = args[i + 1];
    if (args[i].startsWith("--host=")) hosts.push(...args[i].slice("--host=".length).split(","));
    else if (args[i] === "--host" && next !== undefined && !next.startsWith("-")) {
      hosts.push(...next.split(","));
      i++;
    } else rest.push(args[i]);
  }
  return { hosts: hosts.map((host) => host.trim().replace(/^\[|\]$/g, "")), rest };
}

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

function numberOf(
  flags: ReadonlyMap<string, string>,
  flag: string,
  usual: number,
  most: number,
): number {
  const text = flags.get(flag) ?? `${usual}`, number = Number(text);
  if (/^\d+$/.test(text) && number >= 1 && number <= most) return number;
  throw new ConfigError(`init: ${flag} ${text || '""'}: needs ${FLAGS.get(flag)}`);
}

/** What is good for others is good for this machine. */
function withHome(hosts: readonly string[]): string[] {
  return [...new Set([...hosts, "localhost", "127.0.0.1", "::1"])];
}

/** Nothing is in the way of what is to be written. */
function mustBeFree(folder: string): void {
  const taken = Object.values(namesIn(folder.replace(/(?<=.)\/+$/, ""))).filter(isThere);
  if (taken.length === 0) return;
  throw new ConfigError(
    `init: ${taken.join(", ")} ${
      taken.length === 1 ? "is" : "are"
    } there already, and nothing is overwritten: ` +
      "give another folder with --dir, or move that away",
  );
}

function isThere(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw new ConfigError(`init: cannot look at ${path}: ${(error as Error).message}`);
  }
}

/** The configuration is one that the broker takes. */
async function mustHold(path: string, text: string): Promise<void> {
  const readFile = (asked: string) => asked === path ? { text, mode: PUBLIC } : null;
  await loadConfig({ args: [`--config=${path}`], env: {}, readFile });
}

async function usersText(password: string): Promise<string> {
  const lines = await Promise.all(SCRAM_HASHES.map(async (hash) =>
    writeUser({
      name: ADMIN,
      mechanism: hash.mechanism,
      credential: await newCredential(hash, password),
    })
  ));
  return lines.map((line) => `${line}\n`).join("");
}

/** Whether it was not there. */
function made(folder: string): boolean {
  const isNew = !isThere(folder);
  try {
    Deno.mkdirSync(folder, { recursive: true, mode: 0o755 });
  } catch (error) {
    throw new ConfigError(`init: cannot make ${folder}: ${(error as Error).message}`);
  }
  if (((Deno.statSync(folder).mode ?? 0) & 0o002) !== 0) {
    throw new ConfigError(
      `init: everybody can put files into ${folder}, in the place of these too: chmod o-w ${folder}, or give another ` +
        "folder with --dir",
    );
  }
  return isNew;
}

function removeEmpty(folder: string): void {
  try {
    Deno.removeSync(folder);
  } catch { /* somebody has put something there */ }
}

/** Whole, or not at all. */
function writeNew(path: string, text: string, mode: number): void {
  let isMade = false;
  try {
    using file = Deno.openSync(path, { write: true, createNew: true, mode });
    isMade = true;
    const bytes = new TextEncoder().encode(text);
    for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
    file.syncSync();
  } catch (error) {
    if (isMade) Deno.removeSync(path);
    throw new ConfigError(`init: cannot write ${path}: ${(error as Error).message}`);
  }
}

/** Written beside it and renamed; its owner and group stay as they were. */
function replace(path: string, text: string, mode: number): void {
  const beside = `${path}.new`, { uid, gid, mode: before } = Deno.statSync(path);
  writeNew(beside, text, mode);
  try {
    Deno.chmodSync(beside, (before ?? mode) & (mode === SECRET ? 0o660 : 0o664) | mode);
    if (uid !== null && gid !== null && uid !== Deno.statSync(beside).uid) {
      Deno.chownSync(beside, uid, gid);
    }
    Deno.renameSync(beside, path);
  } catch (error) {
    Deno.removeSync(beside); // made above, a moment ago
    throw new ConfigError(`init: cannot replace ${path}: ${(error as Error).message}`);
  }
}

function readText(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    throw new ConfigError(
      `init: --renew needs what init --secure made: ${
        (error as Error).message
      } (--dir says where it is)`,
    );
  }
}

function absolute(path: string): string {
  return path.startsWith("/") || path.includes("://") ? path : `${Deno.cwd()}/${path}`;
}

function told(
  place: SecurePlace,
  names: SecureNames,
  { authority, server }: { readonly authority: Issued; readonly server: Issued },
): string[] {
  const { hosts, port } = place, bootstrap = bootstrapFor(place);
  const client = quoted(names.javaClient);
  const at = hosts.length === 0
    ? "on this machine only (--host NAME is for others)"
    : `at ${listenAddress(hosts)}, told to clients as ${bootstrap}`;
  const files: readonly [string, string][] = [
    [names.config, `SASL_SSL on port ${port} ${at}`],
    [
      names.certificate,
      `for ${withHome(hosts).join(", ")}; good until ${dayOf(server.notAfterMs)}, ` +
      "then `runnel init --renew` makes another",
    ],
    [names.key, "its key"],
    [
      names.caCertificate,
      `the CA that signed it, for clients; good until ${dayOf(authority.notAfterMs)}`,
    ],
    [names.caKey, "its key, which the broker does not need: keep it where nobody gets at it"],
    [names.users, `the user ${ADMIN}, who may do everything; no passwords, but what verifies them`],
    [
      names.javaClient,
      `for Java clients and runnel's commands to log in as ${ADMIN}; has the CA within`,
    ],
    [names.rdClient, "the same for librdkafka and kcat, beside ca.pem"],
  ];
  const width = Math.max(...files.map(([path]) => path.length));
  return [
    ...files.map(([path, what]) => `${path.padEnd(width)}  ${what}`),
    "",
    "Start it:",
    `  runnel serve --config ${quoted(names.config)}`,
    "Look at it as a client:",
    `  kcat -F ${quoted(names.rdClient)} -L`,
    `  kafka-topics.sh --bootstrap-server ${bootstrap} --command-config ${client} --list`,
    "Give others what they need, and no more:",
    `  runnel user add alice --client-config ${client}`,
    `  runnel acl add alice write topic:orders --client-config ${client}`,
  ];
}

function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

/** For a shell. */
function quoted(path: string): string {
  return /^[\w./:@%+=,-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}

const SECRET = 0o600, PUBLIC = 0o644;
/** More than anybody guesses, however cheap a guess is. */
const PASSWORD_BYTES = 24;

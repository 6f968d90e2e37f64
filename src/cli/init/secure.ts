/**
 * What `runnel init --secure` makes. It overwrites nothing, and what it wrote is gone again where it cannot write the rest.
 *
 * What is secret (keys, the administrator's password, what verifies it) only its owner can read; the configuration and the
 * certificates are no secrets. The password is made up here, and shown nowhere but in the files for clients.
 */
import { randomBytes } from "node:crypto";
import { ConfigError, loadConfig } from "../../config/load.ts";
import { permissionsOf, PLATFORM } from "../../platform.ts";
import {
  type Issued,
  newAuthority,
  newServerCertificate,
} from "../../security/issue_certificate.ts";
import { newCredential, SCRAM_HASHES } from "../../security/sasl/scram_credential.ts";
import { writeUser } from "../../security/sasl/users_text.ts";
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
} from "./files.ts";
import { dayOf, type Wish, withHome } from "./wish.ts";
import { isThere, PUBLIC, SECRET, writeNew } from "./writing.ts";

export const AUTHORITY_DAYS = 3650;

interface SecureWish extends Wish {
  /** Where it is made, if not here. */
  readonly platform?: string;
  readonly port: number;
  readonly storagePath: string | null;
}

/** Makes all of it; what is printed. Throws ConfigError. */
export async function makeSecure(
  { folder, hosts, port, storagePath, validity, platform = PLATFORM }: SecureWish,
): Promise<string[]> {
  if (platform === "win32") {
    throw new ConfigError(
      "init: --secure makes files that only their owner may read, which Windows does not make of a mode: make them where the broker will run",
    );
  }
  mustBeFree(folder);
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
    return told(place, names, { authority, server });
  } catch (error) {
    for (const path of written) Deno.removeSync(path); // made above, a moment ago
    if (isNewFolder) removeEmpty(path);
    throw error;
  }
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
  if (((permissionsOf(Deno.statSync(folder).mode) ?? 0) & 0o002) !== 0) {
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

/** For a shell. */
function quoted(path: string): string {
  return /^[\w./:@%+=,-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}

/** More than anybody guesses, however cheap a guess is. */
const PASSWORD_BYTES = 24;

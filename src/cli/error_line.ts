/** What went wrong, in one line for the person who has to mend it: what, where, and what to do. */
import { ConnectionError, KafkaError } from "../client/errors.ts";
import { listenersOf } from "../config/listeners.ts";
import type { Config } from "../config/options.ts";
import { httpAddressOf } from "../config/rules.ts";
import type { Address } from "../server/transport/transport.ts";
import { clientErrorLine } from "./client_error_line.ts";
import { printable } from "./table.ts";

/** The words of an error that was foreseen, in one line; null for any other, which is a fault of Runnel. */
export function plainLine(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  if (error instanceof KafkaError || error instanceof ConnectionError) {
    return clientErrorLine(error);
  }
  // Errors of the rooms below that are written for people already.
  const isPlain = isKind(error) || PLAIN_NAMES.has(error.name);
  if (isPlain) return oneLine(error.message);
  const isOfSystem = Object.values(Deno.errors).some((kind) => error instanceof kind) ||
    /\(os error \d+\)/.test(error.message); // those that Deno has no class for
  return isOfSystem ? oneLine(error.message) : null;
}

const PLAIN_NAMES = new Set([
  "AnswerError",
  "CompressionError",
  "ConfigError",
  "CorruptBatchError",
  "DirectoryLockedError",
  "RecordError",
]);

/** Of an error that nobody foresaw. */
export function unforeseenLine(error: unknown): string {
  return `${oneLine(String(error))}. Nobody foresaw this: please report it, with what --debug adds`;
}

/** What went wrong with a start, and what to do about it; null for what nobody foresaw. */
export function startErrorLine(error: unknown, config: Config): string | null {
  if (!(error instanceof Error)) return null;
  if (error instanceof Deno.errors.AddrInUse) return addressInUse(error, config);
  const path = config.storage.path, told = withoutCall(oneLine(error.message));
  const kind = (error as { kind?: unknown }).kind;
  if (
    error instanceof Deno.errors.PermissionDenied || error instanceof Deno.errors.NotCapable ||
    kind === "permission"
  ) {
    const port = portOf(error, config);
    if (port !== null) {
      return `No rights to listen on ${port}: those below 1024 are the system's on most machines; choose a higher one`;
    }
    return `No rights to what is needed at start: ${told}; give them, or choose another directory (--storage-path, now ${path}) or port`;
  }
  if (error.name === "StoreError") return `${told}; ${wayOut(error.message, path)}`;
  const plain = plainLine(error);
  if (plain !== null && isKind(error)) return plain;
  return addressProblem(config) ?? plain;
}

function isKind(error: Error): boolean {
  return typeof (error as { kind?: unknown }).kind === "string";
}

/** What to do about a file or folder that the system does not give. */
function wayOut(message: string, path: string): string {
  const choose = `choose another directory with --storage-path, now ${path}`;
  if (/^Cannot create directory .*File exists/s.test(message)) {
    return `what lies there is a file: ${choose}`;
  }
  if (/Is a directory/.test(message)) {
    return "a directory lies where a file of the broker belongs: move it away, and restore the file if it was one";
  }
  if (/name too long/i.test(message)) return `the name is too long: ${choose}`;
  if (/No space left|Dis[ck] quota/i.test(message)) return `make room, or ${choose}`;
  return `mend that, or ${choose}`;
}

/** Without what Deno adds of the call that failed: ": mkdir '/data'". */
function withoutCall(message: string): string {
  return message.replace(/: [a-z_]+ '[^']*'$/, "");
}

/** Names that somebody chose may be in it: what could steer a terminal is printed for what it is. */
function oneLine(text: string): string {
  return printable(text.replace(/[\r\n]+/g, " ").trim());
}

/** The first address that cannot be listened on, whatever the port; null when each can. */
function addressProblem(config: Config): string | null {
  for (const { hostname, option } of placesOf(config)) {
    try {
      Deno.listen({ hostname, port: 0 }).close();
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      const why = error instanceof Deno.errors.AddrNotAvailable
        ? "this machine has no such address"
        : oneLine(error.message);
      return `Cannot listen on ${hostname}: ${why}; set ${option}`;
    }
  }
  return null;
}

/** Names the port that is taken: where the broker failed to listen, as far as the error says that. */
function addressInUse(error: Error, config: Config): string {
  const places = placesOf(config), asked = places.filter(({ port }) => port !== 0);
  const { address } = error as { address?: Address };
  const failed = asked.filter(({ hostname, port }) =>
    hostname === address?.host && port === address.port
  );
  const taken = failed.length > 0 ? failed.filter(isTaken) : asked.filter(isTaken);
  const addresses = [...new Set(places.map(({ hostname }) => hostname))].join(", ");
  if (taken.length === 0 && config.listenAddresses.length > 1) {
    return `Cannot listen on ${addresses}: two of them are the same; give each once (listen_addresses)`;
  }
  const named = taken.length > 0 ? taken : failed.length > 0 ? failed : asked;
  const ports = new Set(named.map(({ port, flag }) => `${port} (${flag})`));
  const on = new Set(named.map(({ hostname }) => hostname));
  return `Port ${[...ports].join(" or ")} on ${
    [...on].join(", ")
  } is in use: stop the program that has it, or choose another`;
}

/** The port that is the system's and that the broker failed to listen on; null for another reason. */
function portOf(error: Error, config: Config): string | null {
  const { address } = error as { address?: Address };
  if (address === undefined || address.port >= 1024) return null;
  const place = placesOf(config).find(({ port }) => port === address.port);
  return `port ${address.port}${place ? ` (${place.flag})` : ""} of ${address.host}`;
}

/** An address and port that the broker listens at. */
interface Place {
  readonly hostname: string;
  readonly port: number;
  /** What says the port. */
  readonly flag: string;
  /** What says the address. */
  readonly option: string;
}

function placesOf(config: Config): Place[] {
  const isShort = config.listeners.length === 0;
  const option = isShort ? "listen_addresses (--listen-addresses)" : "listeners (--listeners)";
  const kafka = listenersOf(config).flatMap(({ name, addresses, port }) =>
    addresses.map((hostname) => {
      const flag = isShort ? "--kafka-port" : `listener ${name}`;
      return { hostname, port, flag, option };
    })
  );
  const http = { hostname: httpAddressOf(config), port: config.httpPort, flag: "--http-port" };
  const ofHttp = isShort && config.http.address === "" ? option : "http.address (--http-address)";
  return [...kafka, { ...http, option: ofHttp }];
}

function isTaken({ hostname, port }: Place): boolean {
  try {
    Deno.listen({ hostname, port }).close();
    return false;
  } catch {
    return true;
  }
}

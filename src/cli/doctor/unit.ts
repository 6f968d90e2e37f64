/** Unit: what a systemd unit keeps the broker from: limits and paths in its file and the files beside it. */
import type { Config } from "../../config/options.ts";
import { isLoopbackHost } from "./address.ts";
import { bytesText, type Check, type Found, Unseen } from "./finding.ts";
import { parseAddress } from "../../client/cluster.ts";

const FOLDERS = [
  "/usr/lib/systemd/system",
  "/lib/systemd/system",
  "/usr/local/lib/systemd/system",
  "/run/systemd/system",
  "/etc/systemd/system",
];
const MIB = 2 ** 20;
/** What a broker needs beside its buffers. */
const BASE_BYTES = 256 * MIB;
const STOP_MS = 10_000;

export const unitCheck: Check = {
  name: "unit",
  look: (scene) => {
    const { unit, config, bootstrap, http } = scene.parts;
    const isHere = bootstrap.split(",").some((one) => isLoopbackHost(parseAddress(one).host));
    const isPath = unit.includes("/");
    if (!isPath && !isHere) throw new Unseen("the broker is not on this machine");
    const texts = textsOf(unit);
    if (texts.length === 0) {
      if (isPath) throw new Error(`cannot read ${unit}`);
      throw new Unseen(`there is no unit ${unit} here`);
    }
    const service = serviceOf(texts);
    const path = typeof http === "string" ? null : http.status.storage.path;
    return Promise.resolve(unitFindings(service, { unit, config, path }));
  },
};

/** Of the [Service] section: every value of each key, in order. */
export type Service = ReadonlyMap<string, readonly string[]>;

/** The unit's files, the one that counts most last. */
function textsOf(unit: string): string[] {
  if (unit.includes("/")) return [...read(unit), ...dropIns(`${unit}.d`)];
  const main = FOLDERS.flatMap((folder) => read(`${folder}/${unit}`)).slice(-1);
  return [...main, ...FOLDERS.flatMap((folder) => dropIns(`${folder}/${unit}.d`))];
}

function read(path: string): string[] {
  try {
    return [Deno.readTextFileSync(path)];
  } catch {
    return [];
  }
}

function dropIns(folder: string): string[] {
  try {
    const names = [...Deno.readDirSync(folder)].map(({ name }) => name);
    return names.filter((name) => name.endsWith(".conf")).sort()
      .flatMap((name) => read(`${folder}/${name}`));
  } catch {
    return [];
  }
}

/** As systemd.syntax has it: comments, continued lines, and an empty value that takes back those before. */
export function serviceOf(texts: readonly string[]): Service {
  const service = new Map<string, string[]>();
  for (const text of texts) {
    let section = "";
    for (const line of text.replace(/\\\n/g, " ").split("\n")) {
      const [, name] = /^\s*\[(.+)\]\s*$/.exec(line) ?? [];
      if (name !== undefined) section = name;
      const [, key, value] = /^\s*([A-Za-z]+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
      if (section !== "Service" || key === undefined) continue;
      service.set(key, value === "" ? [] : [...service.get(key) ?? [], value]);
    }
  }
  return service;
}

export function unitFindings(
  service: Service,
  { unit, config, path }: {
    readonly unit: string;
    readonly config: Config;
    /** The data directory; null: as the unit says. */
    readonly path: string | null;
  },
): Found[] {
  const last = (key: string) => service.get(key)?.at(-1) ?? null;
  const command = `systemctl edit ${unit.split("/").at(-1)}`, found: Found[] = [];
  const add = (severity: Found["severity"], what: string, evidence: string) =>
    found.push({ severity, what, evidence, command });
  const files = numberOf(last("LimitNOFILE")?.split(":").at(-1) ?? null);
  if (files !== null && files < config.limits.maxConnections) {
    add(
      "warning",
      `${unit} lets the broker have ${files} descriptors`,
      `LimitNOFILE=${
        last("LimitNOFILE")
      }, and limits.max_connections = ${config.limits.maxConnections} needs one each, besides those of files: LimitNOFILE=65536`,
    );
  }
  const memory = bytesOf(last("MemoryMax")), need = config.limits.maxBufferedBytes + BASE_BYTES;
  if (memory !== null && memory < need) {
    add(
      "warning",
      `${unit} lets the broker have ${bytesText(memory)} of memory, and it may need ${
        bytesText(need)
      }`,
      `MemoryMax=${
        last("MemoryMax")
      }, limits.max_buffered_bytes = ${config.limits.maxBufferedBytes}: raise one or lower the other`,
    );
  }
  if (isYes(last("MemoryDenyWriteExecute"))) {
    add(
      "error",
      `${unit} keeps the broker from starting`,
      "MemoryDenyWriteExecute=yes: V8 makes machine code at run time",
    );
  }
  const stopMs = secondsOf(last("TimeoutStopSec"));
  if (stopMs !== null && stopMs < STOP_MS) {
    add(
      "warning",
      `${unit} kills the broker before it has stopped in order`,
      `TimeoutStopSec=${
        last("TimeoutStopSec")
      }: a stop takes seconds, and longer with thousands of logs: TimeoutStopSec=60`,
    );
  }
  const program = last("ExecStart")?.replace(/^[-@:+!|]+/, "").split(/\s+/)[0] ?? null;
  if (program !== null && program.startsWith("/") && !isThere(program)) {
    add("error", `${unit} starts ${program}, which is not there`, `ExecStart=${last("ExecStart")}`);
  }
  const data = path ?? /--storage-path[= ](\S+)/.exec(last("ExecStart") ?? "")?.[1] ??
    config.storage.path;
  const why = data.startsWith("/") ? whyNotWritable(data, service) : null;
  if (why !== null) {
    add("error", `${unit} keeps the broker from writing to its directory ${data}`, why);
  }
  if (isYes(last("PrivateTmp")) && /^\/(var\/)?tmp\//.test(data)) {
    add(
      "warning",
      `The data of ${unit} is gone when it stops`,
      `PrivateTmp=${last("PrivateTmp")}, and its directory is ${data}`,
    );
  }
  return found;
}

/** What in the unit forbids it; null where nothing does. */
function whyNotWritable(data: string, service: Service): string | null {
  const words = (key: string) =>
    (service.get(key) ?? []).flatMap((value) => value.split(/\s+/))
      .map((word) => word.replace(/^[-+]+/, ""));
  const holds = (key: string, places: readonly string[]) => {
    const place = places.find((one) => isWithin(data, one));
    return place === undefined ? null : `${key}=${place}`;
  };
  const allowed = holds("ReadWritePaths", words("ReadWritePaths")) ??
    holds("StateDirectory", words("StateDirectory").map((one) => `/var/lib/${one}`)) ??
    holds("LogsDirectory", words("LogsDirectory").map((one) => `/var/log/${one}`)) ??
    holds("CacheDirectory", words("CacheDirectory").map((one) => `/var/cache/${one}`));
  const denied = holds("InaccessiblePaths", words("InaccessiblePaths")) ??
    holds("ReadOnlyPaths", words("ReadOnlyPaths"));
  if (allowed !== null) return denied?.startsWith("Inaccessible") ? denied : null;
  if (denied !== null) return denied;
  const home = service.get("ProtectHome")?.at(-1) ?? null;
  if (
    home !== null && home !== "no" && home !== "false" &&
    /^\/(home|root|run\/user)(\/|$)/.test(data)
  ) {
    return `ProtectHome=${home}`;
  }
  const system = service.get("ProtectSystem")?.at(-1) ?? null;
  const isOfSystem = /^\/(usr|boot|efi)(\/|$)/.test(data);
  if (system === "strict") {
    const isOwn = /^\/(var\/)?tmp\//.test(data) && isYes(service.get("PrivateTmp")?.at(-1) ?? null);
    return isOwn || /^\/(dev|proc|sys)(\/|$)/.test(data)
      ? null
      : `ProtectSystem=strict, and it is in no ReadWritePaths or StateDirectory: ReadWritePaths=${data}`;
  }
  const isFull = system === "full" && /^\/etc(\/|$)/.test(data);
  return (isYes(system) || system === "full") && isOfSystem || isFull
    ? `ProtectSystem=${system}`
    : null;
}

function isWithin(path: string, place: string): boolean {
  return place !== "" && `${path}/`.startsWith(place.endsWith("/") ? place : `${place}/`);
}

function isYes(value: string | null): boolean {
  return value !== null && /^(1|yes|true|on)$/i.test(value);
}

/** Null where there is none, or no end. */
function numberOf(value: string | null): number | null {
  return value !== null && /^\d+$/.test(value) ? Number(value) : null;
}

/** "512M"; null where there is none, no end, or a share of the machine. */
export function bytesOf(value: string | null): number | null {
  const [, digits, unit] = /^(\d+(?:\.\d+)?)([KMGT]?)$/i.exec(value ?? "") ?? [];
  if (digits === undefined) return null;
  return Number(digits) * 1024 ** ["", "K", "M", "G", "T"].indexOf(unit.toUpperCase());
}

/** "90", "90s", "5min", "1min 30s" in ms; null where there is none, or no end. */
export function secondsOf(value: string | null): number | null {
  if (value === null || value === "infinity") return null;
  let ms = 0;
  for (const part of value.split(/\s+/)) {
    const [, digits, unit = "s"] = /^(\d+)(ms|s|sec|m|min|h)?$/.exec(part) ?? [];
    if (digits === undefined) return null;
    ms += Number(digits) * UNITS_MS[unit as keyof typeof UNITS_MS];
  }
  return ms;
}

const UNITS_MS = { ms: 1, s: 1000, sec: 1000, m: 60_000, min: 60_000, h: 3_600_000 };

function isThere(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    return !(error instanceof Deno.errors.NotFound);
  }
}

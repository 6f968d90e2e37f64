/** Tables of docs/compatibility.md: what is served, from the handlers' own declarations, held against Kafka's. */
import { DIFFERENCES, NOT_SERVED } from "./differences.ts";
import { KAFKA_APIS, KAFKA_VERSION } from "./kafka_apis.ts";
import { KIPS } from "./kips.ts";

const root = new URL("../..", import.meta.url);

/** An API as its handler declares it: `handler(Fetch, { min: 4, max: 18 }, …)`. */
export interface Served {
  readonly name: string;
  readonly key: number;
  readonly min: number;
  readonly max: number;
  /** The first sentence of what its handler says of it. */
  readonly what: string;
}

/** Every API served, in the order of their keys. */
export async function servedApis(): Promise<Served[]> {
  const found: Served[] = [];
  for (const { name } of Deno.readDirSync(new URL("src/handlers", root))) {
    if (!name.endsWith(".ts") || name.endsWith("_test.ts")) continue;
    const source = Deno.readTextFileSync(new URL(`src/handlers/${name}`, root));
    for (
      const [, api, min, max] of source.matchAll(
        /\bhandler\(\s*(\w+),\s*\{\s*min:\s*(\d+),\s*max:\s*(\d+)/g,
      )
    ) {
      const path = new RegExp(`\\b${api}\\b[^;]*from "\\.\\./protocol/messages/([a-z_0-9]+\\.ts)"`)
        .exec(source)?.[1];
      if (path === undefined) {
        throw new Error(`src/handlers/${name} serves ${api} but does not import its declaration`);
      }
      const { key } = (await import(`../../src/protocol/messages/${path}`))[api] as { key: number };
      found.push({ name: api, key, min: Number(min), max: Number(max), what: whatOf(api, source) });
    }
  }
  return found.sort((a, b) => a.key - b.key);
}

/** " * Fetch 4–18: reads record batches, …" as a sentence, without references to code and KIPs. */
function whatOf(api: string, source: string): string {
  const comment = /^\/\*\*([^]*?)\*\//.exec(source)?.[1].replace(/^ *\* ?/gm, "").trim() ?? "";
  const [, text] = new RegExp(`^${api} [\\d–]+[^:]*: ([^]*)`).exec(comment.replaceAll("\n", " ")) ??
    [];
  if (text === undefined) throw new Error(`The handler of ${api} does not begin by what it does`);
  const sentence = text.split(/[.;:] |\.$/)[0].replace(/ \((?:KIP-\d+|[a-z_/]+\.ts)\)/g, "");
  return `${sentence[0].toUpperCase()}${sentence.slice(1)}.`;
}

const range = (min: number, max: number) => min === max ? `${min}` : `${min}–${max}`;

export async function apiTable(): Promise<string> {
  const lines = (await servedApis()).map(({ name, key, min, max, what }) => {
    const kafka = KAFKA_APIS[name];
    const theirs = kafka === undefined ? "none" : range(kafka[1], kafka[2]), ours = range(min, max);
    const versions = theirs === ours ? ours : `${ours} (Kafka ${KAFKA_VERSION}: ${theirs})`;
    const told = [what, DIFFERENCES[name] ?? ""].filter((text) => text !== "").join(" ");
    return `| ${name} | ${key} | ${versions} | ${told} |`;
  });
  const head = "| API | Key | Versions | What it does, and where it differs |";
  return [head, "|---|---|---|---|", ...lines].join("\n");
}

/** Of Kafka's own. */
export async function notServedTable(): Promise<string> {
  const served = new Set((await servedApis()).map(({ name }) => name));
  const left = Object.keys(KAFKA_APIS).filter((name) => !served.has(name));
  const lines = NOT_SERVED.map(({ apis, why }) => {
    const names = left.filter((name) => apis.test(name));
    return `| ${why} | ${names.join(", ")} |`;
  });
  const untold = left.filter((name) => !NOT_SERVED.some(({ apis }) => apis.test(name)));
  if (untold.length > 0) throw new Error(`Nothing says why ${untold.join(", ")} are not served`);
  return ["| For | APIs |", "|---|---|", ...lines].join("\n");
}

export function kipTable(): string {
  const named = namedKips();
  const lines = Object.entries(KIPS).map(([kip, { title, apis = [], note = "" }]) => {
    const where = [...new Set([...apis, ...named.get(Number(kip)) ?? []])];
    return `| ${kip} | ${title} | ${note} | ${where.join(", ")} |`;
  });
  return ["| KIP | What it is | What is otherwise | Where |", "|---|---|---|---|", ...lines]
    .join("\n");
}

/** KIP → rooms of src/ whose files name it. */
export function namedKips(): Map<number, string[]> {
  const found = new Map<number, Set<string>>();
  for (const path of files("src").filter((path) => !/_test\.tsx?$|^src\/testing\//.test(path))) {
    const room = path.split("/").slice(0, -1).join("/").replace(/^src\/?/, "") || "src";
    for (const [, kip] of Deno.readTextFileSync(new URL(path, root)).matchAll(/\bKIP-(\d+)/g)) {
      const rooms = found.get(Number(kip)) ?? new Set();
      found.set(Number(kip), rooms.add(room.split("/")[0]));
    }
  }
  return new Map([...found].map(([kip, rooms]) => [kip, [...rooms].sort()]));
}

function files(folder: string): string[] {
  return [...Deno.readDirSync(new URL(folder, root))].flatMap(({ name, isDirectory }) => {
    const path = `${folder}/${name}`;
    return isDirectory ? files(path) : /\.tsx?$/.test(name) ? [path] : [];
  });
}

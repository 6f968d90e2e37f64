/**
 * The book: types every page of docs/ that the walk does not, each in a folder and with a broker of its own, which runs when
 * the page begins, at 127.0.0.1:9092 as the page has it. By itself: deno task walk:book RUNNEL [PAGE…], RUNNEL being an
 * executable; `deno task walk` does it with the one that README has compiled.
 *
 * <!-- walk: with NAME=VALUE … --> at the head of a page are variables that its broker and its commands have, and
 * <!-- walk: without a broker --> says that it begins without one. <!-- walk: where old:9092 is 127.0.0.1:9192, … --> says which of its brokers a name stands for.
 */
import { BARE, Typist } from "./typist.ts";
import { stepsOf } from "./page.ts";

const ROOT = new URL("../..", import.meta.url).pathname.replace(/\/$/, "");
/** They mostly wait, so there may be more than there are cores. */
const AT_A_TIME = 4;
/** Gone by elsewhere: tests/clients/book.ts, the walk, and `deno task walk:embedding`. */
const ELSEWHERE = ["clients.md", "listeners.md", "testing.md"];
/** Those that a page may name: of its own broker, HTTP, and of others that it starts. */
const PORTS = [9092, 9093, 9094, 9192, 9193, 9194];

export interface Tally {
  readonly passed: number;
  readonly failed: number;
}

/** `clone` is the repository, `env` what a login brings, `work` a folder for all of them. */
export async function typeBook(
  { clone, runnel, work, env, only = [] }: {
    readonly clone: string;
    readonly runnel: string;
    readonly work: string;
    readonly env: Readonly<Record<string, string>>;
    readonly only?: readonly string[];
  },
): Promise<Tally> {
  await Deno.mkdir(`${work}/bin`, { recursive: true });
  await Deno.symlink(runnel, `${work}/bin/runnel`);
  const pages = [...Deno.readDirSync(`${clone}/docs`)].map(({ name }) => name)
    .filter((name) => name.endsWith(".md") && !ELSEWHERE.includes(name))
    .filter((name) => only.length === 0 || only.includes(name));
  // The longest first, since all wait for it.
  const size = (name: string) => Deno.statSync(`${clone}/docs/${name}`).size;
  const left = pages.toSorted((a, b) => size(b) - size(a)), tallies: Tally[] = [];
  const worker = async () => {
    for (let name = left.shift(); name !== undefined; name = left.shift()) {
      const document = Deno.readTextFileSync(`${clone}/docs/${name}`);
      tallies.push(await typePage({ name, document, clone, work, env }));
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, worker));
  return {
    passed: tallies.reduce((sum, { passed }) => sum + passed, 0),
    failed: tallies.reduce((sum, { failed }) => sum + failed, 0),
  };
}

async function typePage({ name, document, clone, work, env }: {
  readonly name: string;
  readonly document: string;
  readonly clone: string;
  readonly work: string;
  readonly env: Readonly<Record<string, string>>;
}): Promise<Tally> {
  const steps = stepsOf(document);
  if (steps.length === 0) return { passed: 0, failed: 0 };
  const cwd = `${work}/pages/${name.replace(/\.md$/, "")}`, ports = freePorts(PORTS.length);
  await Deno.mkdir(`${cwd}/home`, { recursive: true });
  for (const folder of ["packaging", "examples"]) {
    await Deno.symlink(`${clone}/${folder}`, `${cwd}/${folder}`);
  }
  const given: Record<string, string> = { "/etc/runnel": `${cwd}/etc`, ...whereIs(document) };
  for (const [at, port] of PORTS.entries()) {
    for (
      const before of ["127.0.0.1:", "127.0.0.1/", "localhost:", "--kafka-port=", "--http-port="]
    ) {
      given[`${before}${port}`] = `${before}${ports[at]}`;
    }
  }
  const variables = /^<!-- walk: with (.+) -->$/m.exec(document)?.[1].split(" ") ?? [];
  await using typist = new Typist({
    name: `docs/${name}`,
    cwd,
    given,
    env: {
      ...env,
      HOME: `${cwd}/home`,
      DENO_DIR: `${env.HOME}/.cache/deno`,
      RUNNEL: clone,
      PATH: `${work}/bin:${env.PATH}`,
      RUNNEL_KAFKA_PORT: `${ports[0]}`,
      RUNNEL_HTTP_PORT: `${ports[1]}`,
      ...Object.fromEntries(variables.map((one) => one.split("=", 2))),
    },
  });
  if (!document.includes("\n<!-- walk: without a broker -->\n")) {
    await typist.startBroker({ ...BARE, mark: "broker", text: "runnel\n" });
  }
  for (const step of steps) await typist.do(step);
  await typist.stopBroker();
  return typist;
}

/** Brokers of other machines. */
function whereIs(document: string): Record<string, string> {
  const told = /^<!-- walk: where (.+) -->$/m.exec(document)?.[1].split(", ") ?? [];
  return Object.fromEntries(told.map((one) => one.split(" is ", 2)));
}

function freePorts(count: number): number[] {
  const listeners = Array.from(
    { length: count },
    () => Deno.listen({ hostname: "127.0.0.1", port: 0 }),
  );
  const ports = listeners.map(({ addr }) => (addr as Deno.NetAddr).port);
  for (const listener of listeners) listener.close();
  return ports;
}

if (import.meta.main) {
  const [executable, ...only] = Deno.args, runnel = await Deno.realPath(executable);
  const work = await Deno.makeTempDir({ prefix: "runnel-book-" });
  const began = performance.now();
  const env = Object.fromEntries(
    Object.entries(Deno.env.toObject()).filter(([name]) => !/^(DENO_|RUNNEL_)/.test(name)),
  );
  try {
    const tally = await typeBook({ clone: ROOT, runnel, work, env, only });
    console.log(`took ${((performance.now() - began) / 1000).toFixed(1)} s`);
    console.log(`${tally.passed} passed, ${tally.failed} failed`);
    Deno.exitCode = tally.failed === 0 && tally.passed > 0 ? 0 : 1;
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

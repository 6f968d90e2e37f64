/**
 * `runnel doctor` of an executable against brokers of its own, sound and broken (tests/cli/doctor/setups.ts): what is broken
 * is found, and nothing else: tests/cli/doctor.ts RUNNEL [SOUND_KAFKA [MISADVERTISED_KAFKA]]
 *
 * SOUND_KAFKA is an Apache Kafka of which nothing has to be found; MISADVERTISED_KAFKA one that advertises a name that
 * leads nowhere. ONLY is a pattern of names.
 */
import { type Setup, SETUPS } from "./doctor/setups.ts";

const [program, soundKafka, misadvertisedKafka] = Deno.args;
if (program === undefined) {
  throw new Error("Usage: tests/cli/doctor.ts RUNNEL [SOUND_KAFKA [MISADVERTISED_KAFKA]]");
}
Deno.env.set("RUNNEL", program);
/** No look may take longer, wait included; some eight seconds on a machine that has nothing else to do. */
const LIMIT_MS = 20_000, AT_ONCE = 10;

const only = new RegExp(Deno.env.get("ONLY") ?? "");
const kafkas: readonly Setup[] = [
  ...soundKafka === undefined ? [] : [kafka("a sound Apache Kafka", soundKafka, [])],
  ...misadvertisedKafka === undefined ? [] : [
    kafka("an Apache Kafka that advertises a wrong name", misadvertisedKafka, [
      ["advertised", /a name that leads nowhere/],
    ]),
  ],
];
const left = [...SETUPS, ...kafkas].filter(({ name }) => only.test(name));
let passed = 0, failed = 0;

await Promise.all(Array.from({ length: AT_ONCE }, async () => {
  for (let one = left.shift(); one !== undefined; one = left.shift()) {
    const { name } = one;
    try {
      const told = await examine(one);
      passed++;
      console.log(`ok   ${name}: ${told}`);
    } catch (error) {
      failed++;
      console.log(`FAIL ${name}: ${(error as Error).message}`);
    }
  }
}));
console.log(`${passed} passed, ${failed} failed`);
Deno.exit(failed === 0 ? 0 : 1);

interface Finding {
  readonly check: string;
  readonly severity: string;
  readonly what: string;
  readonly command: string | null;
}

async function examine(
  { expected, allowed = () => false, isHostile = false, leftOut, make }: Setup,
): Promise<string> {
  const why = await leftOut?.() ?? null;
  if (why !== null) return `left out: ${why}`;
  const folder = await Deno.makeTempDir({ prefix: "runnel-doctor-" });
  const stack = new AsyncDisposableStack();
  try {
    // What stands does so after three seconds too; what is sound has as long as usual.
    const wait = expected.length > 0 ? ["--wait=3s"] : [];
    const args = await make({ folder, stack }), beganMs = performance.now();
    const { code, out, error } = await run(["doctor", "--json", ...wait, ...args]);
    const tookMs = Math.round(performance.now() - beganMs);
    const findings = out.split("\n").filter((line) => line !== "")
      .map((line): Finding => JSON.parse(line));
    const all = findings.map(({ check, severity, what }) => `${severity} ${check}: ${what}`);
    const seen = all.join("\n  ") + error.replace(/^Looking twice.*\n/, "");
    const missing = [...expected], surplus: Finding[] = [];
    for (const one of findings) {
      const at = missing.findIndex(([check, said]) => check === one.check && said.test(one.what));
      if (at >= 0) missing.splice(at, 1);
      if (one.severity !== "error" && one.severity !== "warning") continue;
      if (at < 0 && !allowed(one.check)) surplus.push(one);
      if (one.command === null) throw new Error(`nothing mends "${one.what}"`);
    }
    for (const [check, said] of missing) {
      throw new Error(`${check} ${said} was not found in\n  ${seen}`);
    }
    if (surplus.length > 0) throw new Error(`more was found than is wrong:\n  ${seen}`);
    if (code !== (expected.length > 0 ? 1 : 0)) {
      throw new Error(`it ended with ${code}:\n  ${seen}`);
    }
    if (tookMs > LIMIT_MS) throw new Error(`it took ${tookMs} ms`);
    if (isHostile) {
      const text = (await run(["doctor", "--wait=1s", ...args])).out;
      // deno-lint-ignore no-control-regex -- what must not be printed
      if (/[\x00-\x09\x0b-\x1f\x7f-\x9f]/.test(out + text)) {
        throw new Error(`what steers a terminal was printed: ${JSON.stringify(out + text)}`);
      }
      if (!text.includes("'stuck\\u{1b}[31m$(id)'")) throw new Error(`not quoted: ${text}`);
    }
    const unseen = new Set(
      findings.filter(({ severity }) => severity === "unseen").map(({ check }) => check),
    );
    return `${
      expected.length === 0 ? "nothing" : expected.map(([check]) => check).join(", ")
    } in ${tookMs} ms` +
      (unseen.size === 0 ? "" : `; not looked at: ${[...unseen].join(", ")}`);
  } finally {
    await stack.disposeAsync();
    await Deno.remove(folder, { recursive: true });
  }
}

async function run(args: readonly string[]): Promise<{ code: number; out: string; error: string }> {
  const env = { NO_COLOR: "1" };
  const command = new Deno.Command(program, { args: [...args], env });
  const { code, stdout, stderr } = await command.output();
  const [out, error] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code, out, error };
}

function kafka(name: string, address: string, expected: Setup["expected"]): Setup {
  return { name, expected, make: () => Promise.resolve(["--bootstrap", address]) };
}

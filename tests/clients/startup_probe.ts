/**
 * How soon a new broker answers: from spawning it on an empty directory to its first ApiVersions answer, and its
 * memory then.
 *
 * `BROKER_COMMAND` is a program and its arguments (split at spaces, no shell), run in the foreground; it must listen
 * on `BROKERS`. `PROBE_ROUNDS` (7) new directories are tried, `{data}` in the command standing for each. The fastest
 * must be under `PROBE_LIMIT_MS` (150): what else the machine does can only add to it, so where none is, there are up to
 * four times as many. The memory must be under `PROBE_LIMIT_MB` (100) every time.
 */
import { broker, Suite } from "./checks.ts";
import { request, Wire } from "./wire.ts";

const suite = new Suite("startup_probe");
const at = broker();
const command = Deno.env.get("BROKER_COMMAND");
if (!command) throw new Error("Cannot probe: BROKER_COMMAND is empty, needs the program to start");
const limitMs = Number(Deno.env.get("PROBE_LIMIT_MS") ?? 150);
const limitMb = Number(Deno.env.get("PROBE_LIMIT_MB") ?? 100);
const rounds = Number(Deno.env.get("PROBE_ROUNDS") ?? 7);

const probes: { ms: number; mb: number }[] = [];
await suite.check(`${rounds} starts on empty directories end with an answer`, async () => {
  for (let i = 0; i < rounds; i++) probes.push(await probe(command));
  return probes.map(({ ms, mb }) => `${ms.toFixed()} ms ${mb} MB`).join(", ");
});
await suite.check(`the first ApiVersions answer comes within ${limitMs} ms`, async () => {
  const isSlow = () => probes.every(({ ms }) => ms >= limitMs);
  while (isSlow() && probes.length < 4 * rounds) probes.push(await probe(command));
  const times = probes.map(({ ms }) => ms).sort((a, b) => a - b);
  if (!(times[0] < limitMs)) throw new Error(`the fastest start took ${times[0]?.toFixed()} ms`);
  return `fastest ${times[0].toFixed()} ms, median ${times[times.length >> 1].toFixed()} ms`;
});
await suite.check(`memory is under ${limitMb} MB then`, async () => {
  const most = Math.max(...probes.map(({ mb }) => mb));
  if (!(most > 0 && most < limitMb)) throw new Error(`it was ${most} MB`);
  return `at most ${most} MB`;
});
suite.finish();

async function probe(template: string): Promise<{ ms: number; mb: number }> {
  const data = await Deno.makeTempDir({ prefix: "runnel-probe-" });
  const [program, ...args] = template.replaceAll("{data}", data).split(" ");
  const began = performance.now();
  const child = new Deno.Command(program, { args, stdin: "null", stdout: "null", stderr: "null" })
    .spawn();
  try {
    await firstAnswer();
    const ms = performance.now() - began;
    const { stdout } = await new Deno.Command("ps", { args: ["-o", "rss=", "-p", `${child.pid}`] })
      .output();
    return { ms, mb: Math.round(Number(new TextDecoder().decode(stdout)) / 1024) };
  } finally {
    child.kill("SIGTERM");
    await child.status;
    await Deno.remove(data, { recursive: true });
  }
}

async function firstAnswer(): Promise<void> {
  for (const giveUp = performance.now() + 30_000; performance.now() < giveUp;) {
    try {
      using wire = await Wire.connect(at);
      await wire.write(request({ key: 18, version: 0, correlation: 1 }));
      await wire.answer();
      return;
    } catch (error) {
      if (!(error instanceof Deno.errors.ConnectionRefused)) throw error;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
  throw new Error(`nothing listened on ${at.address} within 30 s`);
}

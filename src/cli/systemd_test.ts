/** Proves what systemd is told, when, and for how long; and over a socket as systemd has one. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { FakeTimers } from "../testing/fake_timers.ts";
import { notifySocket, type UnstableNet } from "./notify_socket.ts";
import { serviceEnvironment, Systemd } from "./systemd.ts";

function world({ watchdogMs = null as number | null, fails = false } = {}) {
  const timers = new FakeTimers(), sent: string[] = [], failures: string[] = [];
  const manager = new Systemd({
    datagrams: {
      send: (text) => {
        if (fails) return Promise.reject(new Error("gone"));
        sent.push(text);
        return Promise.resolve();
      },
      close: () => sent.push("closed"),
    },
    watchdogMs,
    timers,
    onFailure: (reason) => failures.push(reason),
  });
  return { manager, timers, sent, failures, take: () => sent.splice(0) };
}

const MORE = "EXTEND_TIMEOUT_USEC=20000000\nWATCHDOG=1";

Deno.test("a start asks for more time every five seconds, until it serves", async () => {
  const { manager, timers, take } = world();
  manager.starting();
  assertEquals(take(), [`STATUS=Starting: reading what is there\n${MORE}`]);
  await timers.advance(12_000);
  assertEquals(take(), [MORE, MORE]);
  manager.ready("Serving at\nREADY=0");
  assertEquals(take(), ["READY=1\nSTATUS=Serving at READY=0"]);
  await timers.advance(60_000);
  assertEquals([take(), timers.count], [[], 0]);
});

Deno.test("a start that never ends stops asking after an hour", async () => {
  const { manager, timers, take } = world();
  manager.starting();
  await timers.advance(3_600_000);
  assert(take().length > 700);
  await timers.advance(3_600_000);
  assertEquals(take(), []);
});

Deno.test("the watchdog hears of it twice in its time, while it stops too, and not after", async () => {
  const { manager, timers, take } = world({ watchdogMs: 3000 });
  manager.ready("Serving");
  take();
  await timers.advance(4600);
  assertEquals(take(), ["WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1"]);
  manager.stopping();
  assertEquals(take(), [`STOPPING=1\nSTATUS=Stopping: closing logs\n${MORE}`]);
  await timers.advance(3100);
  assertEquals(take(), [MORE, MORE]);
  manager.close();
  assertEquals([take(), timers.count], [["closed"], 0]);
});

Deno.test("that it cannot be told is said once", async () => {
  const { manager, timers, failures } = world({ watchdogMs: 1000, fails: true });
  manager.starting();
  await timers.advance(5000);
  manager.ready("Serving");
  await timers.advance(5000);
  assertEquals(failures, ["gone"]);
  manager.close();
});

Deno.test("what systemd wants is in the environment; a watchdog of another process is none", () => {
  const of = (variables: Record<string, string>) =>
    serviceEnvironment((name) => variables[name], 7);
  assertEquals(of({}), null);
  assertEquals(of({ NOTIFY_SOCKET: "", WATCHDOG_USEC: "1" }), null);
  const path = "/run/systemd/notify";
  assertEquals(of({ NOTIFY_SOCKET: path }), { path, watchdogMs: null, folder: "/tmp" });
  const all = {
    NOTIFY_SOCKET: path,
    WATCHDOG_USEC: "30000000",
    RUNTIME_DIRECTORY: "/run/a:/run/b",
  };
  assertEquals(of(all), { path, watchdogMs: 30_000, folder: "/run/a" });
  assertEquals(of({ ...all, WATCHDOG_PID: "7" })?.watchdogMs, 30_000);
  assertEquals(of({ ...all, WATCHDOG_PID: "8" })?.watchdogMs, null);
  assertEquals(of({ ...all, WATCHDOG_USEC: "soon" })?.watchdogMs, null);
});

Deno.test("messages reach a socket as systemd has one, and no file of ours is left", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/notify`;
    const systemd = (Deno as unknown as UnstableNet).listenDatagram!({
      transport: "unixpacket",
      path,
    });
    const datagrams = notifySocket(path, folder);
    await datagrams.send("READY=1");
    const [bytes] = await systemd.receive();
    assertEquals(new TextDecoder().decode(bytes), "READY=1");
    datagrams.close();
    systemd.close();
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), ["notify"]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("an abstract socket is refused with its name", () => {
  assertThrows(() => notifySocket("@systemd", "/tmp"), Error, "@systemd");
});

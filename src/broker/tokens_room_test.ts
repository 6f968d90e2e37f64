/** Proves that expired tokens are removed by the clock that deletion goes by, again where it failed, and what is warned of. */
import { assert, assertEquals } from "@std/assert";
import { Turn } from "../background/turn.ts";
import { type Config, defaultConfig } from "../config/options.ts";
import { configureLog } from "../log.ts";
import { Metrics } from "../metrics/metrics.ts";
import { FakeTimers } from "../testing/fake_timers.ts";
import { Fixture } from "../testing/topics.ts";
import { NotWrittenError } from "../topics/metadata_log_error.ts";
import type { MetadataStore } from "../topics/metadata_store.ts";
import { planCreateToken } from "../topics/plan_delegation_tokens.ts";
import type { MachineRoom } from "./machine.ts";
import { TokensRoom } from "./tokens_room.ts";

const HOUR_MS = 3_600_000;

function configOf(
  delegationToken: Partial<Config["delegationToken"]>,
  auth: Partial<Config["auth"]> = {},
): Config {
  const config = defaultConfig();
  return {
    ...config,
    auth: { ...config.auth, ...auth },
    delegationToken: { ...config.delegationToken, ...delegationToken },
  } as Config;
}

async function withLog(body: (lines: string[]) => Promise<void>): Promise<void> {
  const lines: string[] = [], write = (line: string) => void lines.push(line);
  configureLog({ level: "warn", format: "text", maxClientEvents: 1000 }, write);
  try {
    await body(lines);
  } finally {
    configureLog({ level: "error", format: "text", maxClientEvents: 10 }, () => {});
  }
}

Deno.test("expired tokens go at the next look behind their end, by confirmed time, and a failure is told once", async () => {
  await withLog(async (lines) => {
    const fixture = await Fixture.start(), timers = new FakeTimers();
    let isFull = false;
    const { metadata, catalogue } = fixture;
    const store = {
      catalogue,
      version: 0,
      transact: (plan: Parameters<MetadataStore["transact"]>[0]) =>
        isFull ? Promise.reject(new NotWrittenError("full")) : metadata.transact(plan),
    } as unknown as MetadataStore;
    const token = {
      tokenId: "one",
      owner: "User:alice",
      requester: "User:alice",
      renewers: [],
      issueTimestamp: 0,
      maxTimestamp: 10,
      expirationTimestamp: 10,
    };
    const limits = { maxTokens: 1, maxTokensPerOwner: 1 };
    await metadata.transact((catalogue) => planCreateToken(catalogue, token, limits));
    let nowMs = 5; // behind the wall clock, as after a leap
    const machine = { time: { nowMs: () => nowMs }, timers, turn: new Turn() };
    const room = new TokensRoom(
      configOf({ secretKey: "a key that is long enough" }, {
        enabled: true,
        mechanism: ["SCRAM-SHA-256"],
      }),
      { machine: machine as unknown as MachineRoom, metadata: store, metrics: new Metrics() },
    );
    const left = () => [...catalogue.kept("DelegationTokenRecord")].length;
    room.begin();
    await timers.advance(0);
    assertEquals(left(), 1);
    isFull = true;
    nowMs = 11;
    await timers.advance(HOUR_MS);
    await timers.advance(HOUR_MS);
    assertEquals(left(), 1);
    assertEquals([...room.work[0].failing.keys()], ["removal"]);
    assertEquals(lines.filter((line) => line.includes("tokens_not_removed")).length, 1);
    isFull = false;
    await timers.advance(HOUR_MS);
    assertEquals(left(), 0);
    assertEquals(room.work[0].failing.size, 0);
    await room[Symbol.asyncDispose]();
    assertEquals(timers.count, 0);
    assertEquals(lines.length, 1, lines.join("\n"));
  });
});

Deno.test("a short key is warned of, and one with which nobody can log in, without the key", async () => {
  await withLog(async (lines) => {
    const { metadata } = await Fixture.start(), machine = {} as MachineRoom;
    const open = (config: Config) =>
      new TokensRoom(config, { machine, metadata, metrics: new Metrics() });
    assertEquals(open(configOf({})).tokens, null);
    assertEquals(lines, []);
    open(configOf({ secretKey: "s3cr3t" }, { enabled: true, mechanism: ["PLAIN"] }));
    assertEquals(lines.length, 2);
    assert(lines[0].includes("token_key_short") && lines[1].includes("tokens_without_scram"));
    assert(!lines.join("").includes("s3cr3t"));
    lines.length = 0;
    open(configOf({ secretKey: "a key that is long enough" }, { mechanism: ["SCRAM-SHA-512"] }));
    assertEquals(lines.length, 1); // its listener asks nobody
  });
});

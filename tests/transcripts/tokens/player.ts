/**
 * Puts every step to a broker by users who log in, and keeps of the answers what does not differ from one run to the next:
 * ids and HMACs by the token's name, times by how far off they are.
 */
import { createHmac, randomBytes } from "node:crypto";
import { Buffer } from "node:buffer";
import type { Connection } from "../../../src/client/connection.ts";
import type { SaslOptions } from "../../../src/client/sasl.ts";
import { AlterUserScramCredentials } from "../../../src/protocol/messages/alter_user_scram_credentials.ts";
import { CreateAcls } from "../../../src/protocol/messages/create_acls.ts";
import { CreateDelegationToken } from "../../../src/protocol/messages/create_delegation_token.ts";
import { DescribeDelegationToken } from "../../../src/protocol/messages/describe_delegation_token.ts";
import { ExpireDelegationToken } from "../../../src/protocol/messages/expire_delegation_token.ts";
import { RenewDelegationToken } from "../../../src/protocol/messages/renew_delegation_token.ts";
import { hashOf, saltedPassword } from "../../../src/security/sasl/scram_credential.ts";
import { pause } from "../../broker/harness.ts";
import { ACLS, type Step, USERS } from "./steps.ts";

/** By step: what was answered. */
export type Answers = Record<string, unknown>;

// deno-lint-ignore no-explicit-any -- answers of every API, compared as they are
type Any = any;

export const SECRET_KEY = "the secret key of both brokers";

export interface Broker {
  /** As ANONYMOUS, at a listener that asks nobody. */
  open(): Promise<Connection>;
  logIn(sasl: SaslOptions): Promise<Connection>;
  readonly admin: SaslOptions;
  /** How long its brokers take to follow what its controller has decided. */
  readonly settleMs: number;
}

/** Users that log in by SCRAM, and what they may do. */
export async function prepare(broker: Broker): Promise<void> {
  const admin = await broker.logIn(broker.admin), hash = hashOf("SCRAM-SHA-256")!;
  for (const name of USERS) {
    const salt = new Uint8Array(randomBytes(16)), iterations = 4096;
    const password = new TextEncoder().encode(`of ${name}`);
    const salted = await saltedPassword(hash, { password, salt, iterations });
    const upsertion = { name, mechanism: 1, iterations, salt, saltedPassword: salted };
    const asked = { deletions: [], upsertions: [upsertion] };
    const { results: [{ errorCode }] } = await admin.request(AlterUserScramCredentials, 0, asked);
    if (errorCode !== 0) throw new Error(`No user ${name}: ${errorCode}`);
  }
  const creations = ACLS.map(([user, operation, resourceType, resourceName]) => ({
    resourceType,
    resourceName,
    principal: `User:${user}`,
    host: "*",
    operation,
    permissionType: 3,
  }));
  const { results } = await admin.request(CreateAcls, 3, { creations });
  if (results.some(({ errorCode }) => errorCode !== 0)) throw new Error("No ACLs");
  admin.close();
  await pause(broker.settleMs);
}

export async function playAll(broker: Broker, steps: readonly Step[]): Promise<Answers> {
  const player = new Player(broker), answers: Answers = {};
  for (const step of steps) {
    if (step.do === "wait") {
      await pause(step.ms);
      continue;
    }
    if (step.name in answers) throw new Error(`Two steps are called ${step.name}`);
    answers[step.name] = await player.play(step);
  }
  player.close();
  return answers;
}

class Player {
  readonly #broker: Broker;
  readonly #connections = new Map<string, Connection>();
  /** By name. */
  readonly #tokens = new Map<string, { readonly id: string; readonly hmac: Uint8Array }>();

  constructor(broker: Broker) {
    this.#broker = broker;
  }

  close(): void {
    for (const connection of this.#connections.values()) connection.close();
  }

  async play(step: Exclude<Step, { do: "wait" }>): Promise<unknown> {
    if (step.do === "log in") return await this.#logIn(step);
    const connection = await this.#connectionOf(step.by), { version = 3 } = step;
    const beganMs = Date.now();
    const answer = await this.#ask(connection, step, version);
    if (step.do === "create" && step.token !== undefined && answer.errorCode === 0) {
      this.#tokens.set(step.token, { id: answer.tokenId, hmac: answer.hmac.slice() });
    }
    if (step.do !== "describe") await pause(this.#broker.settleMs);
    return this.#shown(answer, beganMs);
  }

  async #ask(connection: Connection, step: Exclude<Step, { do: "wait" | "log in" }>, version: number): Promise<Any> {
    switch (step.do) {
      case "create":
        return await connection.request(CreateDelegationToken, version, {
          ownerPrincipalType: "",
          ownerPrincipalName: "",
          renewers: [],
          maxLifetimeMs: -1,
          ...step.request,
        });
      case "describe":
        return await connection.request(DescribeDelegationToken, version, {
          owners: step.owners?.map(principal) ?? null,
        });
      case "renew":
        return await connection.request(RenewDelegationToken, Math.min(version, 2), {
          hmac: this.#hmacOf(step.token),
          renewPeriodMs: step.periodMs,
        });
      case "expire":
        return await connection.request(ExpireDelegationToken, Math.min(version, 2), {
          hmac: this.#hmacOf(step.token),
          expiryTimePeriodMs: step.periodMs,
        });
    }
  }

  #hmacOf(token: string | null): Uint8Array {
    if (token === null) return new Uint8Array(0);
    return this.#tokens.get(token)?.hmac ?? new Uint8Array(64).fill(7);
  }

  /** "anonymous", a user, or "with A". */
  async #connectionOf(who: string): Promise<Connection> {
    const known = this.#connections.get(who);
    if (known !== undefined) return known;
    const opened = who === "anonymous"
      ? await this.#broker.open()
      : await this.#broker.logIn(this.#saslOf(who));
    this.#connections.set(who, opened);
    return opened;
  }

  #saslOf(who: string, mechanism: "SCRAM-SHA-256" | "SCRAM-SHA-512" = "SCRAM-SHA-256") {
    if (who === "admin") return this.#broker.admin;
    if (!who.startsWith("with ")) {
      return { mechanism, username: who, password: `of ${who}` };
    }
    const { id, hmac } = this.#tokens.get(who.slice("with ".length))!;
    const password = Buffer.from(hmac).toString("base64");
    return { mechanism, username: id, password, isToken: true };
  }

  async #logIn({ token, mechanism, but = {} }: Extract<Step, { do: "log in" }>): Promise<unknown> {
    const sasl = this.#saslOf(`with ${token}`, mechanism);
    try {
      const connection = await this.#broker.logIn({ ...sasl, ...but } as SaslOptions);
      connection.close();
      return "in";
    } catch (error) {
      return (error as Error).message.replace(/^.*?: /, "");
    }
  }

  #shown(value: Any, beganMs: number): unknown {
    if (Array.isArray(value)) {
      const list = value.map((one) => this.#shown(one, beganMs));
      return list.sort((a, b) => JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);
    }
    if (value instanceof Uint8Array) return this.#hmacText(value);
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, one]) => {
        if (name === "tokenId") return [name, this.#nameOf(one as string)];
        if (/Timestamp/.test(name)) return [name, timeText(one as number, beganMs)];
        return [name, this.#shown(one, beganMs)];
      }),
    );
  }

  #nameOf(id: string): string {
    if (id === "") return "";
    for (const [name, token] of this.#tokens) if (token.id === id) return name;
    return "another";
  }

  /** Whether it is what the id and the secret key make. */
  #hmacText(hmac: Uint8Array): string {
    if (hmac.length === 0) return "";
    for (const [name, { id }] of this.#tokens) {
      const due = createHmac("sha512", SECRET_KEY).update(id).digest();
      if (due.equals(hmac)) return `of ${name}`;
    }
    return "another";
  }
}

function principal(text: string) {
  const [principalType, principalName] = text.split(":");
  return { principalType, principalName };
}

/** To the next 100 s: a step takes no time. */
function timeText(ms: number, nowMs: number): unknown {
  if (ms <= 0) return ms;
  return `in ${Math.round((ms - nowMs) / 100_000) * 100} s`.replace("in 0 s", "now").replace("-0", "0");
}

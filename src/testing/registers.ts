/**
 * Registers: the smallest coordinator there is, for tests of the runtime. Each register has an id and a number; it can
 * be set, for a while too, read, and waited for.
 */
import type { LedPartition } from "../coordination/led_partition.ts";
import type { Decision, Kinds, RecordSource, Shard, ShardRecord } from "../coordination/shard.ts";
import { CoordinatorRuntime, type CoordinatorRuntimeOptions } from "../coordination/runtime.ts";
import type { CoordinatorLog, Leadership } from "../coordination/coordinator_log.ts";
import { FakeClock } from "./fake_clock.ts";

export interface Register {
  readonly id: string;
  value: number | null;
  /** Monotonic, and so of this life only. */
  expiresAtMs: number | null;
  /** Who waits for the next value. */
  waiting: number[];
}

export interface RegisterKinds extends Kinds {
  readonly Entity: Register;
  readonly Event:
    | { readonly kind: "set"; readonly ticket: number; readonly value: number; ttlMs?: number }
    | { readonly kind: "get" | "wait"; readonly ticket: number }
    | { readonly kind: "expires" };
  readonly Fact:
    | { readonly kind: "value"; readonly value: number | null }
    | { readonly kind: "deadline"; readonly atMs: number }
    | { readonly kind: "waits"; readonly ticket: number };
  readonly Reply: {
    readonly ticket: number;
    readonly value: number | null;
    readonly error: number;
  };
}

export class RegisterShard implements Shard<RegisterKinds> {
  readonly registers = new Map<string, Register>();
  readonly held: { producerId: number; id: string; value: number | null }[] = [];

  get(id: string): Register | undefined {
    return this.registers.get(id);
  }

  has(register: Register): boolean {
    return this.registers.get(register.id) === register;
  }

  entities(): Iterable<Register> {
    return this.registers.values();
  }

  decide(
    register: Register,
    event: RegisterKinds["Event"],
    now: { ms: number },
  ): Decision<RegisterKinds> {
    const answer = (ticket: number, value = register.value) => ({ ticket, value, error: 0 });
    switch (event.kind) {
      case "set": {
        const { ticket, value, ttlMs } = event;
        const deadline = ttlMs === undefined
          ? []
          : [{ kind: "deadline", atMs: now.ms + ttlMs } as const];
        return {
          facts: [{ kind: "value", value }, ...deadline],
          replies: [ticket, ...register.waiting].map((one) => answer(one, value)),
        };
      }
      case "get":
        return { facts: [], replies: [answer(event.ticket)] };
      case "wait":
        return { facts: [{ kind: "waits", ticket: event.ticket }], replies: [] };
      case "expires":
        return { facts: [{ kind: "value", value: null }], replies: [] };
    }
  }

  due({ expiresAtMs }: Register, nowMs: number): RegisterKinds["Event"] | null {
    return expiresAtMs !== null && expiresAtMs <= nowMs ? { kind: "expires" } : null;
  }

  nextDeadline({ expiresAtMs }: Register): number | null {
    return expiresAtMs;
  }

  apply(register: Register, fact: RegisterKinds["Fact"]): void {
    switch (fact.kind) {
      case "value":
        register.value = fact.value;
        register.expiresAtMs = null;
        register.waiting = [];
        return;
      case "deadline":
        register.expiresAtMs = fact.atMs;
        return;
      case "waits":
        register.waiting.push(fact.ticket);
    }
  }

  hold(producerId: number, id: string, fact: RegisterKinds["Fact"]): void {
    if (fact.kind === "value") this.held.push({ producerId, id, value: fact.value });
  }

  marker(producerId: number, isCommit: boolean): void {
    for (const one of this.held.splice(0)) {
      if (one.producerId !== producerId) this.held.push(one);
      else if (isCommit) this.#set(one.id, one.value);
    }
  }

  settle(register: Register): void {
    const isVoid = register.value === null && register.waiting.length === 0;
    if (isVoid) this.registers.delete(register.id);
    else this.registers.set(register.id, register);
  }

  encode(id: string, fact: RegisterKinds["Fact"]): ShardRecord | null {
    if (fact.kind !== "value") return null;
    return {
      key: utf8.encode(id),
      value: fact.value === null ? null : utf8.encode(`${fact.value}`),
    };
  }

  replay({ key, value }: ShardRecord, { producerId }: RecordSource): void {
    const id = new TextDecoder().decode(key);
    const number = value === null ? null : Number(new TextDecoder().decode(value));
    if (Number.isNaN(number)) throw new Error(`${id} is no number`);
    if (producerId !== null) this.hold(producerId, id, { kind: "value", value: number });
    else this.#set(id, number);
  }

  loaded(): void {
    for (const register of this.registers.values()) this.settle(register);
  }

  clear(): void {
    this.registers.clear();
    this.held.length = 0;
  }

  #set(id: string, value: number | null): void {
    const register = this.get(id) ?? newRegister(id);
    this.apply(register, { kind: "value", value });
    this.registers.set(id, register);
  }
}

export function newRegister(id: string): Register {
  return { id, value: null, expiresAtMs: null, waiting: [] };
}

export type RegisterPartition = LedPartition<RegisterKinds, RegisterShard>;

/** A runtime over registers with a clock, timers and leadership that are moved by hand. */
export class RegisterDesk {
  readonly clock = new FakeClock();
  readonly events: [string, Record<string, unknown>][] = [];
  timers: { atMs: number; work: () => void }[] = [];
  led: (index: number) => Leadership | null;
  readonly runtime: CoordinatorRuntime<RegisterKinds, RegisterShard>;

  constructor(
    log: CoordinatorLog | (() => Promise<CoordinatorLog>),
    options: Partial<CoordinatorRuntimeOptions<RegisterKinds, RegisterShard>> = {},
  ) {
    this.led = () => ({ log, leaderEpoch: 0 });
    this.runtime = new CoordinatorRuntime<RegisterKinds, RegisterShard>({
      topic: {
        name: "registers",
        partitionCount: 1,
        create: () => Promise.resolve(),
        led: (index) => this.led(index),
      },
      newShard: () => new RegisterShard(),
      now: () => ({ ms: this.clock.monotonicMs(), wallMs: this.clock.nowMs() }),
      refusal: (ticket, error) => ({ ticket, value: null, error }),
      give: () => {},
      wake: (delayMs, work) => {
        const timer = { atMs: this.clock.monotonicMs() + delayMs, work };
        this.timers.push(timer);
        return () => void (this.timers = this.timers.filter((other) => other !== timer));
      },
      onEvent: (event, details) => this.events.push([event, details]),
      ...options,
    });
  }

  static async loaded(...args: ConstructorParameters<typeof RegisterDesk>): Promise<RegisterDesk> {
    const desk = new RegisterDesk(...args);
    await desk.runtime.loadAll();
    return desk;
  }

  /** Lets time pass, with the timers on the way. */
  async pass(ms: number): Promise<void> {
    this.clock.advance(ms);
    const nowMs = this.clock.monotonicMs();
    const due = this.timers.filter(({ atMs }) => atMs <= nowMs);
    this.timers = this.timers.filter(({ atMs }) => atMs > nowMs);
    for (const { work } of due) work();
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setTimeout(resolve));
  }

  set(id: string, value: number, ttlMs?: number): Promise<RegisterKinds["Reply"]> {
    return this.#ask(id, (ticket) => ({ kind: "set", ticket, value, ttlMs }));
  }

  get(id: string): Promise<RegisterKinds["Reply"]> {
    return this.#ask(id, (ticket) => ({ kind: "get", ticket }));
  }

  wait(id: string): Promise<RegisterKinds["Reply"]> {
    return this.#ask(id, (ticket) => ({ kind: "wait", ticket }));
  }

  async #ask(
    id: string,
    event: (ticket: number) => RegisterKinds["Event"],
  ): Promise<RegisterKinds["Reply"]> {
    const partition = this.runtime.place(id);
    if (typeof partition === "number") return { ticket: 0, value: null, error: partition };
    const register = partition.shard.get(id) ?? newRegister(id);
    return await this.runtime.ask(partition, register, event);
  }
}

const utf8 = new TextEncoder();

/**
 * Audit: what is written of every request, and when: the one place between dispatch, which knows who asks, what, and what
 * is answered, and the writer.
 *
 * A change's lines are written before its answer leaves. Of everything else denials alone are written, after they were
 * answered, as many as there is room for; the rest are counted, and the counts written (denial_limit.ts).
 */
import { ErrorCode } from "../protocol/errors.ts";
import { Produce } from "../protocol/messages/produce.ts";
import type { Api } from "../protocol/schema.ts";
import { type Access, type Asker, OPEN_ACCESS } from "../security/acl/access.ts";
import type { Authorizer } from "../security/acl/authorizer.ts";
import type { LoginEnd } from "../security/sasl/conversation.ts";
import type { GivesWay, Timers } from "../clock.ts";
import { denialsIn, isAllDenied, isDenial } from "./answer_errors.ts";
import { AuditedAccess } from "./audited_access.ts";
import type { AuditWriter } from "./audit_writer.ts";
import {
  type Change,
  type Item,
  type KnownTopics,
  outcomesOf,
  type Refusal,
} from "./changes/change.ts";
import { CHANGES } from "./changes/mod.ts";
import type { DenialLimit, LimitedKey, Suppressed } from "./denial_limit.ts";
import { type Body, body } from "./event.ts";
import { type AskedOf, changeLines, denialLine, partsOf } from "./lines.ts";

/** A request as dispatch knows it (RequestContext). */
export interface AuditedContext {
  readonly apiVersion: number;
  readonly clientId: string | null;
  readonly access: Access;
  readonly connection: {
    readonly principal: string;
    readonly peer: string;
    readonly peerPort?: number;
    readonly listener: string;
    hold(until: Promise<unknown>): void;
  };
}

export interface AuditOptions {
  readonly writer: AuditWriter;
  readonly limit: DenialLimit;
  readonly timers: Timers;
  readonly turn: GivesWay;
  readonly nowMs: () => number;
}

/** Answers what is asked; dispatch's, with the guards around it. */
// deno-lint-ignore no-explicit-any -- the types meet in handler(), where they are known
type Handle = (request: any, context: any) => any;

const REFUSAL: Refusal = {
  errorCode: ErrorCode.POLICY_VIOLATION,
  errorMessage:
    "The audit file cannot be written, and audit.on_failure = refuse: nothing is changed until it can",
};

/** How often counts of what was not written are written. */
const TELL_MS = 1000;

export class Audit {
  readonly writer: AuditWriter;
  readonly limit: DenialLimit;
  readonly #options: AuditOptions;
  readonly #changes = new Map<number, Change>(CHANGES.map((one) => [one.api.key, one]));
  /** Set when the metadata is there, before the first request. */
  topics: KnownTopics = NO_TOPICS;
  #isTelling = false;
  #cancelTell: () => void = () => {};

  constructor(options: AuditOptions) {
    this.#options = options;
    this.writer = options.writer;
    this.limit = options.limit;
  }

  /** What the one at a connection may do, as an Access that remembers it. */
  accessBy(authorizer: Authorizer | null): (connection: Asker) => Access {
    return authorizer === null
      ? () => OPEN_ACCESS
      : (connection) => new AuditedAccess(authorizer, connection);
  }

  /** What is to be done for a request, before it is handled; null: nothing. */
  begin(api: Api, request: unknown, context: AuditedContext): AuditedRequest | null {
    const change = this.#changes.get(api.key);
    if (change === undefined) return this.#reading(api, context);
    const { apiVersion, clientId } = context;
    const { spec } = change;
    const items = (): Iterable<Item<unknown>> =>
      spec.items(request, { apiVersion, clientId, topics: this.topics });
    const isChange = spec.isChange === undefined ? !isEmpty(items()) : spec.isChange(request);
    if (!isChange) return this.#reading(api, context);
    const asked = askedOf(api, context), access = accessOf(context);
    access?.rememberAll();
    return new ChangingRequest(this, { change, items, asked, access, context });
  }

  /** A log-in has ended. */
  loggedIn(end: LoginEnd): void {
    const { principal = null, claimed, peer, listener, clientId = null } = end;
    const { mechanism, result, isAgain } = end;
    this.#limited(
      { kind: "authentication", principal, address: peer },
      () =>
        body(this.nowMs(), "authentication", {
          principal,
          claimed: result === "done" ? undefined : claimed ?? null,
          address: peer,
          listener,
          client_id: clientId,
          mechanism,
          result,
          again: isAgain,
        }),
    );
  }

  /** A TLS handshake has ended: with the principal of a certificate, or with a reason. */
  shookHands(
    end:
      & { readonly peer: string; readonly listener: string }
      & (
        | { readonly principal: string }
        | { readonly reason: string }
      ),
  ): void {
    const { peer: address, listener } = end;
    const principal = "principal" in end ? end.principal : null;
    this.#limited(
      { kind: "authentication", principal, address },
      () =>
        body(this.nowMs(), "authentication", {
          principal,
          address,
          listener,
          client_id: null,
          mechanism: "TLS",
          result: principal === null ? "failed" : "done",
          again: false,
          ...("reason" in end && { reason: end.reason }),
        }),
    );
  }

  /** Something has changed that nobody asked for by a request. */
  happened(event: string): void {
    this.writer.change([body(this.nowMs(), "audit", { event })]); // never rejects
  }

  /** Something was asked for and not allowed, or not done because it could not be written. */
  denied(asked: AskedOf, errors: ReadonlySet<number>, access: AuditedAccess | null): void {
    const { principal, address } = asked;
    this.#limited(
      { kind: "denial", principal, address },
      () => denialLine(this.nowMs(), asked, { errors, access }),
    );
  }

  /** All there are, at once where they are few; others have their turns while more are made. */
  inTurns<One>(all: Iterable<One>): One[] | Promise<One[]> {
    const { turn } = this.#options, made: One[] = [], left = all[Symbol.iterator]();
    const goOn = (): boolean => {
      for (let next = left.next(); !next.done; next = left.next()) {
        made.push(next.value);
        if (turn.isLong) return false;
      }
      return true;
    };
    if (goOn()) return made;
    return (async () => {
      do await turn.next(); while (!goOn());
      return made;
    })();
  }

  nowMs(): number {
    return this.#options.nowMs();
  }

  /** Writes what is counted and what waits, and closes the file. */
  async close(): Promise<void> {
    this.#cancelTell();
    const counts = this.#options.limit.take().map((one) => this.#suppressedLine(one));
    await this.writer.close([...counts, body(this.nowMs(), "audit", { event: "stopped" })]);
  }

  #reading(api: Api, context: AuditedContext): AuditedRequest | null {
    const access = accessOf(context);
    return access === null ? null : new ReadingRequest(this, { api, context, access });
  }

  #limited(key: LimitedKey, line: () => Body): void {
    const { limit, writer } = this.#options;
    if (limit.admits(key) && !writer.offer(line())) limit.suppress(key);
    if (limit.isCounting) this.#tellLater();
  }

  #tellLater(): void {
    if (this.#isTelling) return;
    this.#isTelling = true;
    this.#cancelTell = this.#options.timers.after(TELL_MS, () => {
      this.#isTelling = false;
      this.#tell();
      if (this.#options.limit.isCounting) this.#tellLater();
    });
  }

  #tell(): void {
    const { limit, writer } = this.#options;
    for (const suppressed of limit.take()) {
      if (!writer.offer(this.#suppressedLine(suppressed))) limit.putBack(suppressed);
    }
  }

  #suppressedLine({ kind, principal, address, count, sinceMs }: Suppressed): Body {
    const since = new Date(sinceMs).toISOString();
    return body(this.nowMs(), "suppressed", { of: kind, principal, address, count, since });
  }
}

/** What becomes of one request. */
export interface AuditedRequest {
  /**
   * The answer. `run` has the request handled by the handler it is given, and must be called before the first await;
   * whatever is no object is no answer (NO_REPLY, CLOSE). `closed` is answered in place of what must not leave.
   */
  answer(run: (handle: Handle) => unknown, handle: Handle, closed: unknown): unknown;
}

interface Reading {
  readonly api: Api;
  readonly context: AuditedContext;
  readonly access: AuditedAccess;
}

class ReadingRequest implements AuditedRequest {
  readonly #audit: Audit;
  readonly #of: Reading;

  constructor(audit: Audit, of: Reading) {
    this.#audit = audit;
    this.#of = of;
  }

  answer(run: (handle: Handle) => unknown, handle: Handle): unknown {
    const answered = run(handle);
    if (answered instanceof Promise) return answered.then((late) => this.#look(late));
    return this.#look(answered);
  }

  #look(answer: unknown): unknown {
    const { api, context, access } = this.#of;
    if (!access.hasRefused) return answer;
    // Who asks for no answer (acks = 0) is told by the end of the connection alone.
    const errors = typeof answer === "object" || api.key !== Produce.key
      ? denialsIn(answer)
      : access.refusals;
    if (errors.size > 0) this.#audit.denied(askedOf(api, context), errors, access);
    return answer;
  }
}

interface Changing {
  readonly change: Change;
  /** As things are when it is called: which is once, and not at all where all of it is denied. */
  readonly items: () => Iterable<Item<unknown>>;
  readonly asked: AskedOf;
  readonly access: AuditedAccess | null;
  readonly context: AuditedContext;
}

class ChangingRequest implements AuditedRequest {
  readonly #audit: Audit;
  readonly #of: Changing;
  #items: readonly Item<unknown>[] | Promise<readonly Item<unknown>[]> | null = null;

  constructor(audit: Audit, of: Changing) {
    this.#audit = audit;
    this.#of = of;
  }

  answer(
    run: (handle: Handle) => unknown,
    handle: Handle,
    closed: unknown,
  ): Promise<unknown> {
    const place = this.#audit.writer.enter();
    if (place === null) return this.#answer(run, handle, closed);
    const answering = place.then(() => this.#answer(run, handle, closed));
    this.#of.context.connection.hold(answering);
    return answering;
  }

  async #answer(
    run: (handle: Handle) => unknown,
    handle: Handle,
    closed: unknown,
  ): Promise<unknown> {
    const { writer } = this.#audit;
    try {
      const isRefused = writer.refusesChanges;
      let answer: unknown;
      try {
        answer = await run(isRefused ? this.#refusing(handle) : this.#knowing(handle));
      } catch (error) {
        await this.#write(null);
        throw error;
      }
      const isWritten = await this.#write(typeof answer === "object" ? answer : null, isRefused);
      return isWritten ? answer : closed;
    } finally {
      writer.leave();
    }
  }

  /** Handles what the guards let through, with what was asked being known as it is before that. */
  #knowing(handle: Handle): Handle {
    return (request, context) => {
      const items = this.#known();
      if (!(items instanceof Promise)) return handle(request, context);
      const handling = items.then(() => handle(request, context));
      context.connection.hold(handling); // the request's bytes are read when its things are known
      return handling;
    };
  }

  #known(): readonly Item<unknown>[] | Promise<readonly Item<unknown>[]> {
    return this.#items ??= this.#audit.inTurns(this.#of.items());
  }

  /** Answers what the guards let through with an error, or handles what it asks besides. */
  #refusing(handle: Handle): Handle {
    const { change: { spec }, asked } = this.#of;
    return (request, context) =>
      spec.without === undefined
        ? spec.refuse!(request, REFUSAL, asked.apiVersion)
        : handle(spec.without(request), context);
  }

  /** Whether the answer may leave. */
  async #write(answer: object | null, isRefused = false): Promise<boolean> {
    const { change, asked, access } = this.#of, audit = this.#audit;
    // Of what is denied as a whole nothing more is looked for: it may be very much, and anybody may ask for it.
    const outcomes = isAllDenied(answer)
      ? []
      : await audit.inTurns(outcomesOf(change, await this.#known(), answer));
    const isDenied = outcomes.length > 0 && outcomes.every(({ errorCode }) => isDenial(errorCode));
    if (isRefused || isDenied || outcomes.length === 0) {
      const errors = denialsIn(answer);
      if (isRefused && change.spec.refuse !== undefined) errors.add(ErrorCode.POLICY_VIOLATION);
      if (errors.size > 0) audit.denied(asked, errors, access);
      return true;
    }
    const { action } = change, parts = await audit.inTurns(partsOf(outcomes));
    const written = await audit.writer.change(
      await audit.inTurns(changeLines(audit.nowMs(), asked, { action, outcomes, parts, access })),
    );
    return written === "written" || !audit.writer.mustBeWritten;
  }
}

function isEmpty(all: Iterable<unknown>): boolean {
  for (const _one of all) return false;
  return true;
}

function askedOf(api: Api, { apiVersion, clientId, connection }: AuditedContext): AskedOf {
  const { principal, peer, peerPort, listener } = connection;
  return {
    principal,
    address: peer,
    port: peerPort ?? null,
    listener,
    clientId,
    api: api.name,
    apiVersion,
  };
}

function accessOf({ access }: AuditedContext): AuditedAccess | null {
  return access instanceof AuditedAccess ? access : null;
}

const NO_TOPICS: KnownTopics = {
  nameOf: () => undefined,
  has: () => true,
  areMadeWhenAskedFor: false,
};

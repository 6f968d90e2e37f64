/**
 * Handshakes: how many TLS handshakes are under way at once, of one address and of all. Each takes a hundred times the
 * memory of a connection that has said nothing, and some work; a peer that stops in the middle keeps both for as long as it
 * has to say who it is. Past a limit the next ones wait: those of one address first come, first served, the addresses in
 * turns, so that many of one do not come before few of another. While somebody waits, the oldest that is under way for
 * longer than handshakes take makes room: so those who stop hold up nobody who goes on.
 */
import { networkOf } from "../security/network.ts";

export interface HandshakesOptions {
  readonly monotonicMs: () => number;
  /** Called when one begins to wait; sweep() is due soon then. */
  readonly onWait: () => void;
  /** Of all addresses. */
  readonly inAll: number;
  /** Of one address, an IPv6 network of 64 bits being one. */
  readonly atOnce?: number;
}

const AT_ONCE = 128;
/** Nobody who goes on takes so long while others wait. */
const SLOW_MS = 1000;

interface UnderWay {
  readonly beganMs: number;
  readonly cut: () => void;
}

interface Waiting {
  readonly cut: () => void;
  readonly begin: (leave: () => void) => void;
}

/** Of one address; the oldest first, both. */
interface Busy {
  readonly network: string;
  readonly underWay: Set<UnderWay>;
  readonly waiting: Set<Waiting>;
}

export class Handshakes {
  readonly #options: HandshakesOptions;
  readonly #atOnce: number;
  readonly #busy = new Map<string, Busy>();
  /** Of all addresses, the oldest first. */
  readonly #underWay = new Set<UnderWay>();
  /** Addresses of which some wait, whose turn is next first. */
  readonly #turns = new Set<Busy>();

  constructor(options: HandshakesOptions) {
    this.#options = options;
    this.#atOnce = options.atOnce ?? AT_ONCE;
  }

  /** Whether somebody waits. */
  get isPressed(): boolean {
    return this.#turns.size > 0;
  }

  /** Resolves when one may begin, with what is to be called when it is over. `cut` ends it when others wait for its place. */
  enter(peer: string, cut: () => void): Promise<() => void> {
    const network = networkOf(peer);
    let busy = this.#busy.get(network);
    if (busy === undefined) {
      busy = { network, underWay: new Set(), waiting: new Set() };
      this.#busy.set(network, busy);
    }
    const { waiting } = busy;
    return new Promise((begin) => {
      waiting.add({ cut, begin });
      this.#turns.add(busy);
      this.#letIn();
      if (waiting.size > 0) this.#options.onWait();
    });
  }

  /** Cuts those that are slow while others wait for their places, as many as wait. */
  sweep(): void {
    const slowMs = this.#options.monotonicMs() - SLOW_MS;
    let dueOfAll = 0;
    for (const { underWay, waiting } of [...this.#turns]) {
      if (underWay.size >= this.#atOnce) cutSlow(underWay, waiting.size, slowMs);
      else dueOfAll += waiting.size;
    }
    cutSlow(this.#underWay, dueOfAll, slowMs);
  }

  /** Each address has its turn, unless as many of it are under way as may be. */
  #letIn(): void {
    for (const busy of this.#turns) {
      if (this.#underWay.size >= this.#options.inAll) return;
      if (busy.underWay.size >= this.#atOnce) continue;
      this.#turns.delete(busy);
      const [next] = busy.waiting;
      busy.waiting.delete(next);
      if (busy.waiting.size > 0) this.#turns.add(busy); // comes again in this very loop, behind the others
      this.#begin(next, busy);
    }
  }

  #begin({ cut, begin }: Waiting, { network, underWay, waiting }: Busy): void {
    const one: UnderWay = { beganMs: this.#options.monotonicMs(), cut };
    underWay.add(one);
    this.#underWay.add(one);
    begin(() => {
      if (!underWay.delete(one)) return;
      this.#underWay.delete(one);
      if (underWay.size === 0 && waiting.size === 0) this.#busy.delete(network);
      this.#letIn();
    });
  }
}

function cutSlow(underWay: ReadonlySet<UnderWay>, most: number, slowMs: number): void {
  let due = most;
  for (const { beganMs, cut } of [...underWay]) {
    if (due-- <= 0 || beganMs > slowMs) return;
    cut();
  }
}

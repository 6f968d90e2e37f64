/**
 * The tokens' room: the delegation tokens of the cluster, where there is a key for them, and the removal of those that have
 * expired. They are good for nothing from the moment they expire; that they go from the metadata has time.
 */
import { listenersOf } from "../config/listeners.ts";
import type { Config } from "../config/options.ts";
import { logger } from "../log.ts";
import { BackgroundWork } from "../metrics/background.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { DelegationTokens } from "../security/tokens/delegation_tokens.ts";
import type { MetadataStore } from "../topics/metadata_store.ts";
import { planRemoveExpiredTokens } from "../topics/plan_delegation_tokens.ts";
import type { MachineRoom } from "./machine.ts";

/** Removed in one change of the metadata. */
const AT_ONCE = 1000;
/** What whoever has a token can find out by trying keys is a matter of the key's length. */
const SHORT_KEY = 16;

export class TokensRoom implements AsyncDisposable {
  /** Null without a secret key. */
  readonly tokens: DelegationTokens | null;
  readonly #work = new BackgroundWork("delegation tokens");
  readonly #machine: Pick<MachineRoom, "time" | "timers" | "turn">;
  readonly #metadata: MetadataStore;
  readonly #intervalMs: number;
  readonly #log = logger("tokens");
  #cancel: (() => void) | null = null;
  #removing: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(
    config: Config,
    { machine, metadata, metrics }: {
      readonly machine: Pick<MachineRoom, "time" | "timers" | "turn">;
      readonly metadata: MetadataStore;
      readonly metrics: Metrics;
    },
  ) {
    const { secretKey, expiryCheckIntervalMs } = config.delegationToken;
    this.#machine = machine;
    this.#metadata = metadata;
    this.#intervalMs = expiryCheckIntervalMs;
    this.tokens = secretKey === "" ? null : new DelegationTokens(secretKey, {
      get version() {
        return metadata.version;
      },
      all: () => metadata.catalogue.kept("DelegationTokenRecord"),
    });
    if (this.tokens === null) return;
    if (secretKey.length < SHORT_KEY) this.#log.warn("token_key_short", { least: SHORT_KEY });
    if (!hasScram(config)) this.#log.warn("tokens_without_scram", {});
    metrics.gauge(
      "delegation_tokens",
      "Delegation tokens, with those that have expired and are not removed yet.",
      () => [...metadata.catalogue.kept("DelegationTokenRecord")].length,
    );
  }

  get work(): readonly BackgroundWork[] {
    return this.tokens === null ? [] : [this.#work];
  }

  /** Looks for expired tokens from now on, and makes ready for who renews the others. */
  begin(): void {
    if (this.tokens === null) return;
    this.#look();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#cancel?.();
    await this.#removing;
  }

  #look(): void {
    const { time, timers } = this.#machine;
    this.#removing = this.#remove().then(
      () => void this.#work.succeeded("removal", time.nowMs()),
      (error) => {
        const isNews = this.#work.failed("removal", error);
        if (isNews) this.#log.warn("tokens_not_removed", { reason: String(error) });
      },
    ).then(() => {
      if (!this.#isClosed) this.#cancel = timers.after(this.#intervalMs, () => this.#look());
    });
  }

  async #remove(): Promise<void> {
    await this.tokens!.prepare(this.#machine.turn, () => this.#isClosed);
    for (let removed = AT_ONCE; removed === AT_ONCE && !this.#isClosed;) {
      removed = await this.#metadata.transact((catalogue) =>
        planRemoveExpiredTokens(catalogue, { nowMs: this.#machine.time.nowMs(), most: AT_ONCE })
      );
    }
  }
}

/** Whether anybody can log in with a token. */
function hasScram(config: Config): boolean {
  return config.auth.mechanism.some((mechanism) => mechanism.startsWith("SCRAM-")) &&
    listenersOf(config).some(({ protocol }) => protocol.startsWith("SASL_"));
}

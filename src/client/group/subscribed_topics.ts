/** SubscribedTopics: what a member subscribes to, by names or patterns, and which topics that are now. */
import type { Cluster } from "../cluster.ts";
import { type Subscription, SubscriptionPattern } from "../consumer_options.ts";
import { compare } from "./assignors/assignor.ts";

export class SubscribedTopics {
  readonly #cluster: Cluster;
  #names: readonly string[] = [];
  #regExp: RegExp | null = null;
  #serverPattern: string | null = null;
  /** Of what it subscribes to; a look at the topics before another one does not count. */
  #version = 0;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** Throws TypeError for what is no subscription. */
  set(subscription: Subscription): void {
    const given = typeof subscription === "string" ? [subscription] : subscription;
    const isPattern = given instanceof RegExp || given instanceof SubscriptionPattern;
    const names: readonly string[] = isPattern ? [] : given;
    if (!Array.isArray(names) || names.some((name) => typeof name !== "string" || name === "")) {
      throw new TypeError("Cannot subscribe: needed are names of topics, or a pattern of them");
    }
    this.#version++;
    this.#names = [...new Set(names)].sort(compare);
    this.#regExp = given instanceof RegExp ? given : null;
    this.#serverPattern = given instanceof SubscriptionPattern ? given.pattern : null;
  }

  /** Of a RegExp those that it matched when it last looked; none of a pattern that the broker matches. */
  get names(): readonly string[] {
    return this.#names;
  }

  get serverPattern(): string | null {
    return this.#serverPattern;
  }

  get isRegExp(): boolean {
    return this.#regExp !== null;
  }

  /** Looks which topics a RegExp matches; whether there are others than before. Throws as Cluster.topics(). */
  async refresh(): Promise<boolean> {
    const regExp = this.#regExp, version = this.#version;
    if (regExp === null) return false;
    const topics = await this.#cluster.topics();
    if (version !== this.#version) return false;
    const names = topics.filter(({ name, isInternal }) => !isInternal && matches(regExp, name))
      .map(({ name }) => name);
    const isOther = names.join() !== this.#names.join();
    this.#names = names;
    return isOther;
  }
}

/** As RegExp.test(), also for those that remember where they were. */
function matches(regExp: RegExp, name: string): boolean {
  regExp.lastIndex = 0;
  return regExp.test(name);
}

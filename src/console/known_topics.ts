/**
 * KnownTopics: which topics a user may see from an address, with their retention, as they were asked for last: good for as
 * long as nothing in the metadata (topics, configs, ACLs) has changed. A list that is shown is asked for again every few seconds.
 */
import type { Asker } from "../security/acl/access.ts";
import type { TopicRow } from "./api.ts";

/** What the list needs of each. */
export type KnownTopic = Pick<TopicRow, "name" | "isInternal" | "partitions">;
export type Retention = Pick<TopicRow, "cleanupPolicy" | "retentionMs" | "retentionBytes">;

interface Known {
  readonly version: number;
  readonly topics: readonly KnownTopic[];
  /** By name; null where the user may not see configs. */
  readonly retentions: Map<string, Retention | null>;
}

/** Users at an address whose lists are kept, the latest; and how long a list may be. */
const MAX_USERS = 8, MAX_TOPICS = 20_000;

export class KnownTopics {
  readonly #version: () => number;
  readonly #known = new Map<string, Known>();

  /** `version`: another one whenever the metadata has changed. */
  constructor(version: () => number) {
    this.#version = version;
  }

  /** Of a user at an address, as ACLs go by both; `ask` is called where that is not known, or has changed. */
  async of(
    { principal, peer }: Asker,
    ask: () => Promise<readonly KnownTopic[]>,
  ): Promise<Pick<Known, "topics" | "retentions">> {
    const version = this.#version(), user = `${peer} ${principal}`, known = this.#known.get(user);
    if (known?.version === version) return known;
    // Of the version from before it was asked: what changes meanwhile makes it out of date.
    const now: Known = { version, topics: await ask(), retentions: new Map() };
    this.#known.delete(user);
    if (now.topics.length > MAX_TOPICS) return now;
    this.#known.set(user, now);
    if (this.#known.size > MAX_USERS) {
      const [oldest] = this.#known.keys();
      this.#known.delete(oldest);
    }
    return now;
  }
}

/**
 * Names of topics: what one may look like, which are the broker's own, and which collide.
 */

export const MAX_NAME_LENGTH = 249;

/** What is wrong with a topic name, in Kafka's words (Topic.validate), or null. */
export function topicNameError(name: string): string | null {
  if (name === "") return "Topic name is invalid: the empty string is not allowed";
  if (name === "." || name === "..") return `Topic name is invalid: '${name}' is not allowed`;
  if (name.length > MAX_NAME_LENGTH) {
    return `Topic name is invalid: the length of '${name}' is longer than the max allowed length ${MAX_NAME_LENGTH}`;
  }
  if (!/^[a-zA-Z0-9._-]+$/.test(name)) {
    return `Topic name is invalid: '${name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'`;
  }
  return null;
}

/**
 * Two topics with the same key collide: metric names turn "." into "_", so Kafka refuses "a_b" where "a.b" exists, though
 * not where one request creates both.
 */
export function collisionKey(name: string): string {
  return name.replaceAll(".", "_");
}

const INTERNAL = new Set(["__consumer_offsets", "__transaction_state", "__share_group_state"]);

/** Topics the broker keeps its own state in. */
export function isInternalTopic(name: string): boolean {
  return INTERNAL.has(name);
}

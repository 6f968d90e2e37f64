/**
 * ChangeQuota: the quota of those who make and delete topics and partitions (controller_mutation_rate, KIP-599), as plans
 * ask it: whether a change of so many partitions may be made.
 */
import type { RequestContext } from "./handler.ts";

/**
 * Undefined where nothing binds who asks. Versions before `strictSince` know no error for it: what they ask for is done, and
 * the client waits.
 */
export function changesBy(
  { quota, apiVersion }: Pick<RequestContext, "quota" | "apiVersion">,
  strictSince: number,
): ((partitions: number) => boolean) | undefined {
  if (quota === null) return undefined;
  const isLenient = apiVersion < strictSince;
  return (partitions) => quota.mayChange(partitions, isLenient);
}

/** The assignors of classic groups by their names, and which of them a consumer has. */
import type { Assignor, AssignorName } from "./assignor.ts";
import { cooperativeSticky } from "./cooperative_sticky.ts";
import { range } from "./range.ts";
import { roundRobin } from "./round_robin.ts";
import { sticky } from "./sticky.ts";

const MAKERS: Readonly<Record<AssignorName, () => Assignor>> = {
  "range": () => range,
  "roundrobin": () => roundRobin,
  "sticky": sticky,
  "cooperative-sticky": cooperativeSticky,
};

/** New ones where they remember. Throws TypeError for a name that there is no assignor of, and for none at all. */
export function assignorsOf(
  wanted: readonly (AssignorName | Assignor)[] = ["range", "cooperative-sticky"],
): Assignor[] {
  if (wanted.length === 0) throw new TypeError("partitionAssignors is empty, needs one at least");
  return wanted.map((one) => {
    if (typeof one !== "string") return one;
    if (Object.hasOwn(MAKERS, one)) return MAKERS[one]();
    const names = Object.keys(MAKERS).join(", ");
    throw new TypeError(`partitionAssignors has "${one}", needs one of ${names}, or an Assignor`);
  });
}

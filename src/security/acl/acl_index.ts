/**
 * AclIndex: every ACL, so that a decision costs the same with ten and with ten thousand of them.
 *
 * By resource type, name and kind of pattern; there by principal and host, as bits of what is allowed and denied. Of
 * the prefixes only the lengths that occur are tried, each by one look-up, so a decision takes at most as many as the
 * name has characters, however many prefixes there are.
 */
import {
  type Acl,
  aclKey,
  bit,
  EVERY_USER,
  isOfResource,
  Operation,
  PatternType,
  Permission,
  sameHost,
  WILDCARD,
} from "./acl.ts";

/** What ACLs say of somebody and a resource, as bits of the operations that stand in the ACLs. */
export interface Verdict {
  allowed: number;
  denied: number;
  /** Whether any ACL, of whomever, is of the resource. */
  hasAcls: boolean;
}

/** What one principal is allowed and denied from one host. */
interface Bits {
  allowed: number;
  denied: number;
}
type ByHost = Map<string, Bits>;
type ByPrincipal = Map<string, ByHost>;

class OfType {
  readonly literals = new Map<string, ByPrincipal>();
  readonly prefixes = new Map<string, ByPrincipal>();
  /** Of the prefixes: how many have which length; ascending in `lengths`. */
  readonly #counts = new Map<number, number>();
  lengths: readonly number[] = [];

  patterns(patternType: number): Map<string, ByPrincipal> {
    return patternType === PatternType.PREFIXED ? this.prefixes : this.literals;
  }

  countPrefix({ length }: string, by: 1 | -1): void {
    const count = (this.#counts.get(length) ?? 0) + by;
    if (count === 0) this.#counts.delete(length);
    else this.#counts.set(length, count);
    if (count === 0 || (count === 1 && by === 1)) {
      this.lengths = [...this.#counts.keys()].sort((a, b) => a - b);
    }
  }
}

export class AclIndex {
  readonly #byType = new Map<number, OfType>();
  readonly #all = new Map<string, Acl>();
  /** By ruleKey: how often the same rule stands there under several ids; Kafka lets none in twice. */
  readonly #copies = new Map<string, number>();

  /** How many ACLs there are. */
  get size(): number {
    return this.#all.size;
  }

  /** Whether the same rule is there already. */
  has(acl: Acl): boolean {
    return this.#copies.has(ruleKey(acl));
  }

  /** By id, in the order they came. */
  acls(): Iterable<readonly [string, Acl]> {
    return this.#all;
  }

  /** Takes an ACL in; an id that is there already is replaced. */
  add(id: string, acl: Acl): void {
    this.remove(id);
    this.#all.set(id, acl);
    const key = ruleKey(acl), copies = this.#copies.get(key) ?? 0;
    this.#copies.set(key, copies + 1);
    if (copies > 0) return;
    let ofType = this.#byType.get(acl.resourceType);
    if (ofType === undefined) this.#byType.set(acl.resourceType, ofType = new OfType());
    const patterns = ofType.patterns(acl.patternType);
    let byPrincipal = patterns.get(acl.resourceName);
    if (byPrincipal === undefined) {
      patterns.set(acl.resourceName, byPrincipal = new Map());
      if (acl.patternType === PatternType.PREFIXED) ofType.countPrefix(acl.resourceName, 1);
    }
    let byHost = byPrincipal.get(acl.principal);
    if (byHost === undefined) byPrincipal.set(acl.principal, byHost = new Map());
    const host = sameHost(acl.host);
    let bits = byHost.get(host);
    if (bits === undefined) byHost.set(host, bits = { allowed: 0, denied: 0 });
    if (acl.permissionType === Permission.DENY) bits.denied |= bit(acl.operation);
    else bits.allowed |= bit(acl.operation);
  }

  /** Does nothing for an id that is not there. */
  remove(id: string): void {
    const acl = this.#all.get(id);
    if (acl === undefined) return;
    this.#all.delete(id);
    const key = ruleKey(acl), copies = this.#copies.get(key)! - 1;
    if (copies > 0) {
      this.#copies.set(key, copies);
      return;
    }
    this.#copies.delete(key);
    const ofType = this.#byType.get(acl.resourceType)!;
    const patterns = ofType.patterns(acl.patternType);
    const byPrincipal = patterns.get(acl.resourceName)!, byHost = byPrincipal.get(acl.principal)!;
    const host = sameHost(acl.host), bits = byHost.get(host)!;
    if (acl.permissionType === Permission.DENY) bits.denied &= ~bit(acl.operation);
    else bits.allowed &= ~bit(acl.operation);
    if ((bits.allowed | bits.denied) !== 0) return;
    byHost.delete(host);
    if (byHost.size > 0) return;
    byPrincipal.delete(acl.principal);
    if (byPrincipal.size > 0) return;
    patterns.delete(acl.resourceName);
    if (acl.patternType === PatternType.PREFIXED) ofType.countPrefix(acl.resourceName, -1);
  }

  /** What the ACLs say of `principal` from `host`, as sameHost() writes it, and the resource. */
  verdict(principal: string, host: string, resourceType: number, name: string): Verdict {
    const verdict: Verdict = { allowed: 0, denied: 0, hasAcls: false };
    const ofType = this.#byType.get(resourceType);
    if (ofType === undefined) return verdict;
    take(verdict, ofType.literals.get(name), principal, host);
    if (name !== WILDCARD) take(verdict, ofType.literals.get(WILDCARD), principal, host);
    for (const length of ofType.lengths) {
      if (length > name.length) break;
      take(verdict, ofType.prefixes.get(name.slice(0, length)), principal, host);
    }
    return verdict;
  }

  /**
   * Whether `operation` is allowed on some resource of the type, named or not yet named: an allowing pattern that no
   * deny dominates (Authorizer.authorizeByResourceType). Looks at every pattern of the type.
   */
  isAllowedOnSome(
    principal: string,
    host: string,
    operation: number,
    resourceType: number,
  ): boolean {
    const ofType = this.#byType.get(resourceType);
    if (ofType === undefined) return false;
    const wanted = bit(operation) | bit(Operation.ALL);
    const said = (byPrincipal: ByPrincipal | undefined): Verdict => {
      const verdict: Verdict = { allowed: 0, denied: 0, hasAcls: false };
      take(verdict, byPrincipal, principal, host);
      return verdict;
    };
    const everywhere = said(ofType.literals.get(WILDCARD));
    if ((everywhere.denied & wanted) !== 0) return false;
    if ((everywhere.allowed & wanted) !== 0) return true;
    const isDominated = (name: string) =>
      ofType.lengths.some((length) =>
        length <= name.length &&
        (said(ofType.prefixes.get(name.slice(0, length))).denied & wanted) !== 0
      );
    for (const patterns of [ofType.literals, ofType.prefixes]) {
      for (const [name, byPrincipal] of patterns) {
        const { allowed, denied } = said(byPrincipal);
        if ((allowed & wanted) === 0) continue;
        if ((denied & wanted) === 0 && !isDominated(name)) return true;
      }
    }
    return false;
  }

  /** The ACLs that are of a resource and of a principal from a host: to say which of them decides. Looks at all. */
  applying(principal: string, host: string, resourceType: number, name: string): Acl[] {
    return [...this.#all.values()].filter((acl) =>
      acl.resourceType === resourceType && isOfResource(acl, name) &&
      (acl.principal === principal || acl.principal === EVERY_USER) &&
      (sameHost(acl.host) === host || acl.host === WILDCARD)
    );
  }
}

function take(
  verdict: Verdict,
  byPrincipal: ByPrincipal | undefined,
  principal: string,
  host: string,
): void {
  if (byPrincipal === undefined) return;
  verdict.hasAcls = true;
  takeOf(verdict, byPrincipal.get(principal), host);
  if (principal !== EVERY_USER) takeOf(verdict, byPrincipal.get(EVERY_USER), host);
}

function takeOf(verdict: Verdict, byHost: ByHost | undefined, host: string): void {
  if (byHost === undefined) return;
  for (const bits of [byHost.get(host), byHost.get(WILDCARD)]) {
    if (bits === undefined) continue;
    verdict.allowed |= bits.allowed;
    verdict.denied |= bits.denied;
  }
}

/** The same text for rules that say the same, however their hosts are written. */
function ruleKey(acl: Acl): string {
  return aclKey({ ...acl, host: sameHost(acl.host) });
}

/**
 * AclIndex: every ACL, so that a decision costs the same with ten and with ten thousand of them.
 *
 * By resource type, name and kind of pattern; there by principal and host, as bits of what is allowed and denied. Of
 * the prefixes only the lengths that occur are tried, each by one look-up, so a decision takes at most as many as the
 * name has characters, however many prefixes there are.
 *
 * Records may hold what no ACL of today is. As for Kafka (StandardAuthorizerData) what is no ALLOW denies, an operation that
 * is not known is none that anybody asks for, and a kind of pattern that is not known matches nothing.
 */
import {
  type Acl,
  aclKey,
  aclSize,
  bit,
  EVERY_USER,
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
  /** How many are of operations that are not known. */
  unknown: number;
}
type ByHost = Map<string, Bits>;

/** One name or prefix that ACLs are of, and what they say, by principal and host. */
class Pattern {
  readonly byPrincipal = new Map<string, ByHost>();

  constructor(readonly resourceName: string, readonly patternType: number) {}
}

class OfType {
  readonly literals = new Map<string, Pattern>();
  readonly prefixes = new Map<string, Pattern>();
  /** By principal: the patterns of which some ACL is the principal's. */
  readonly ofPrincipal = new Map<string, Set<Pattern>>();
  /** Of the prefixes: how many have which length; ascending in `lengths`. */
  readonly #counts = new Map<number, number>();
  lengths: readonly number[] = [];

  patterns(patternType: number): Map<string, Pattern> {
    return patternType === PatternType.PREFIXED ? this.prefixes : this.literals;
  }

  /** The pattern that an ACL is of, made where it is not there yet. */
  pattern({ resourceName, patternType }: Acl): Pattern {
    const patterns = this.patterns(patternType), known = patterns.get(resourceName);
    if (known !== undefined) return known;
    const pattern = new Pattern(resourceName, patternType);
    patterns.set(resourceName, pattern);
    if (patternType === PatternType.PREFIXED) this.#countPrefix(resourceName, 1);
    return pattern;
  }

  removePattern({ resourceName, patternType }: Pattern): void {
    this.patterns(patternType).delete(resourceName);
    if (patternType === PatternType.PREFIXED) this.#countPrefix(resourceName, -1);
  }

  #countPrefix({ length }: string, by: 1 | -1): void {
    const count = (this.#counts.get(length) ?? 0) + by;
    if (count === 0) this.#counts.delete(length);
    else this.#counts.set(length, count);
    if (count === 0 || (count === 1 && by === 1)) {
      this.lengths = [...this.#counts.keys()].sort((a, b) => a - b);
    }
  }

  /** Every pattern of the resource with this name. */
  *matching(name: string): Generator<Pattern> {
    const literal = this.literals.get(name), wildcard = this.literals.get(WILDCARD);
    if (literal !== undefined) yield literal;
    if (wildcard !== undefined && wildcard !== literal) yield wildcard;
    for (const length of this.lengths) {
      if (length > name.length) return;
      const prefix = this.prefixes.get(name.slice(0, length));
      if (prefix !== undefined) yield prefix;
    }
  }
}

export class AclIndex {
  readonly #byType = new Map<number, OfType>();
  readonly #all = new Map<string, Acl>();
  /** By ruleKey: the ids under which the rule stands there; Kafka lets none in twice. */
  readonly #ids = new Map<string, readonly string[]>();
  /** What isAllowedOnSome() found, by what it was asked. */
  readonly #onSome = new Map<string, boolean>();

  #size = 0;
  #version = 0;

  /** Another one whenever an ACL has come or gone. */
  get version(): number {
    return this.#version;
  }

  /** How many ACLs there are, as they are limited: see aclSize(). */
  get size(): number {
    return this.#size;
  }

  /** The ids of those that say the same, however their hosts are written. */
  same(acl: Acl): readonly string[] {
    return this.#ids.get(ruleKey(asItCounts(acl))) ?? [];
  }

  acl(id: string): Acl | undefined {
    return this.#all.get(id);
  }

  /** By id, in the order they came. */
  acls(): Iterable<readonly [string, Acl]> {
    return this.#all;
  }

  /** Takes an ACL in; an id that is there already is replaced. */
  add(id: string, recorded: Acl): void {
    const acl = asItCounts(recorded);
    this.remove(id);
    this.#version++;
    this.#onSome.clear();
    this.#all.set(id, recorded);
    this.#size += aclSize(acl);
    const key = ruleKey(acl), copies = this.#ids.get(key) ?? [];
    this.#ids.set(key, [...copies, id]);
    if (copies.length > 0 || !matchesSome(acl)) return;
    let ofType = this.#byType.get(acl.resourceType);
    if (ofType === undefined) this.#byType.set(acl.resourceType, ofType = new OfType());
    const pattern = ofType.pattern(acl), { byPrincipal } = pattern;
    let byHost = byPrincipal.get(acl.principal);
    if (byHost === undefined) {
      byPrincipal.set(acl.principal, byHost = new Map());
      const own = ofType.ofPrincipal.get(acl.principal);
      if (own === undefined) ofType.ofPrincipal.set(acl.principal, new Set([pattern]));
      else own.add(pattern);
    }
    const host = sameHost(acl.host);
    let bits = byHost.get(host);
    if (bits === undefined) byHost.set(host, bits = { allowed: 0, denied: 0, unknown: 0 });
    if (!isKnown(acl.operation)) bits.unknown++;
    else if (acl.permissionType === Permission.DENY) bits.denied |= bit(acl.operation);
    else bits.allowed |= bit(acl.operation);
  }

  /** Does nothing for an id that is not there. */
  remove(id: string): void {
    const recorded = this.#all.get(id);
    if (recorded === undefined) return;
    const acl = asItCounts(recorded);
    this.#version++;
    this.#onSome.clear();
    this.#all.delete(id);
    this.#size -= aclSize(acl);
    const key = ruleKey(acl), copies = this.#ids.get(key)!.filter((one) => one !== id);
    if (copies.length > 0) {
      this.#ids.set(key, copies);
      return;
    }
    this.#ids.delete(key);
    if (!matchesSome(acl)) return;
    const ofType = this.#byType.get(acl.resourceType)!;
    const pattern = ofType.patterns(acl.patternType).get(acl.resourceName)!;
    const { byPrincipal } = pattern, byHost = byPrincipal.get(acl.principal)!;
    const host = sameHost(acl.host), bits = byHost.get(host)!;
    if (!isKnown(acl.operation)) bits.unknown--;
    else if (acl.permissionType === Permission.DENY) bits.denied &= ~bit(acl.operation);
    else bits.allowed &= ~bit(acl.operation);
    if ((bits.allowed | bits.denied | bits.unknown) !== 0) return;
    byHost.delete(host);
    if (byHost.size > 0) return;
    byPrincipal.delete(acl.principal);
    const own = ofType.ofPrincipal.get(acl.principal)!;
    own.delete(pattern);
    if (own.size === 0) ofType.ofPrincipal.delete(acl.principal);
    if (byPrincipal.size === 0) ofType.removePattern(pattern);
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
   * deny dominates (Authorizer.authorizeByResourceType). Looks at the patterns of this principal and of everybody, and
   * remembers what it found until an ACL comes or goes.
   */
  isAllowedOnSome(
    principal: string,
    host: string,
    operation: number,
    resourceType: number,
  ): boolean {
    const asked = `${resourceType} ${operation} ${host} ${principal}`;
    const known = this.#onSome.get(asked);
    if (known !== undefined) return known;
    const found = this.#findAllowedOnSome(principal, host, operation, resourceType);
    if (this.#onSome.size >= MAX_REMEMBERED) this.#onSome.clear();
    this.#onSome.set(asked, found);
    return found;
  }

  #findAllowedOnSome(
    principal: string,
    host: string,
    operation: number,
    resourceType: number,
  ): boolean {
    const ofType = this.#byType.get(resourceType);
    if (ofType === undefined) return false;
    const wanted = bit(operation) | bit(Operation.ALL);
    const said = (pattern: Pattern | undefined): Verdict => {
      const verdict: Verdict = { allowed: 0, denied: 0, hasAcls: false };
      take(verdict, pattern, principal, host);
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
    for (const who of whoOf(principal)) {
      for (const pattern of ofType.ofPrincipal.get(who) ?? []) {
        const { allowed, denied } = said(pattern);
        if ((allowed & wanted) === 0) continue;
        if ((denied & wanted) === 0 && !isDominated(pattern.resourceName)) return true;
      }
    }
    return false;
  }

  /**
   * An ACL that allows or denies one of `operations`, as bits, on the resource: to say which rule decides. The host is
   * as sameHost() writes it. Takes as many look-ups as verdict().
   */
  deciding(
    { principal, host, resourceType, name }: {
      readonly principal: string;
      readonly host: string;
      readonly resourceType: number;
      readonly name: string;
    },
    permissionType: number,
    operations: number,
  ): Acl | null {
    for (const pattern of this.#byType.get(resourceType)?.matching(name) ?? []) {
      for (const who of whoOf(principal)) {
        const byHost = pattern.byPrincipal.get(who);
        if (byHost === undefined) continue;
        for (const from of [host, WILDCARD]) {
          const bits = byHost.get(from);
          if (bits === undefined) continue;
          const said = permissionType === Permission.DENY ? bits.denied : bits.allowed;
          if ((said & operations) === 0) continue;
          const { resourceName, patternType } = pattern, operation = lowest(said & operations);
          const resource = { resourceType, resourceName, patternType };
          return { ...resource, principal: who, host: from, operation, permissionType };
        }
      }
    }
    return null;
  }
}

/** What is asked by many and takes long to find: whether somebody may write to some topic. */
const MAX_REMEMBERED = 1000;

/** Whose ACLs a principal's are. */
function whoOf(principal: string): readonly string[] {
  return principal === EVERY_USER ? [principal] : [principal, EVERY_USER];
}

/** The number of the lowest bit that is set. */
function lowest(bits: number): number {
  return 31 - Math.clz32(bits & -bits);
}

function take(
  verdict: Verdict,
  pattern: Pattern | undefined,
  principal: string,
  host: string,
): void {
  if (pattern === undefined) return;
  const { byPrincipal } = pattern;
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

function asItCounts(acl: Acl): Acl {
  return acl.permissionType === Permission.ALLOW || acl.permissionType === Permission.DENY
    ? acl
    : { ...acl, permissionType: Permission.DENY };
}

function isKnown(operation: number): boolean {
  return operation >= Operation.ALL && operation <= Operation.TWO_PHASE_COMMIT;
}

function matchesSome({ patternType }: Acl): boolean {
  return patternType === PatternType.LITERAL || patternType === PatternType.PREFIXED;
}

/** The same text for rules that say the same, however their hosts are written. */
function ruleKey(acl: Acl): string {
  return aclKey({ ...acl, host: sameHost(acl.host) });
}

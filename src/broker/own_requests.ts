/**
 * Own requests: what a broker asks of itself, through the same handlers as a client's, without a connection, a log-in or
 * a quota: for whoever started it (`serve --apply`), who is allowed everything, as a super user is, and whose changes are
 * audited under a principal that no client can have; and for users of the console, as themselves.
 */
import type { Audit } from "../audit/audit.ts";
import type { Asking, Requests } from "../client/asking.ts";
import { CLOSE, type ConnectionInfo, type Handler, NO_REPLY } from "../handlers/handler.ts";
import { decodeResponse, encodeRequest } from "../protocol/frame.ts";
import { ClientQuotas } from "../quotas/client_quotas.ts";
import { Authorizer } from "../security/acl/authorizer.ts";
import { dispatcher, type DispatchOptions } from "../server/dispatch.ts";
import { accessBy } from "./authorization.ts";

/** A type of principal that no log-in or certificate gives. */
const OWN = "Runnel:serve", CLIENT_ID = "runnel serve --apply";

type OwnOptions = Omit<DispatchOptions, "accessOf" | "quotas">;

/** `isOpen`: whether no ACLs are asked here, so that nothing need be allowed. */
export function ownRequests(
  options: OwnOptions,
  { isOpen }: { readonly isOpen: boolean },
): Asking {
  const authorizer = isOpen
    ? null
    : new Authorizer({ superUsers: [OWN], allowEveryoneIfNoAclFound: false });
  const asker = { principal: OWN, peer: "localhost", clientId: CLIENT_ID };
  const requests = requestsAs(options, authorizer)(asker);
  return {
    ask: (api, body) => {
      const version = requests.versionFor(api);
      return requests.request(api, version, body(version));
    },
    speaks: ({ key }) => Promise.resolve(options.handlers.some(({ api }) => api.key === key)),
    retry: (attempt) => attempt(), // what may go away by itself over a network does not here
  };
}

/** Who asks: "User:alice", from an address without port. */
export interface OwnAsker {
  readonly principal: string;
  readonly peer: string;
  readonly clientId: string;
}

/** Requests by somebody, under the authorizer's rules (null: everything is allowed) and the audit. */
export function requestsAs(
  options: OwnOptions,
  authorizer: Authorizer | null,
): (asker: OwnAsker) => Requests {
  const audit: Audit | null = options.audit ?? null, { handlers, giveBack } = options;
  const dispatch = dispatcher({
    ...options,
    accessOf: audit?.accessBy(authorizer) ?? accessBy(authorizer),
    quotas: new ClientQuotas({ nowMs: () => performance.now() }),
  });
  let correlationId = 0;
  return ({ clientId, ...asker }) => {
    const connection = new OwnConnection(asker);
    return {
      versionFor: (api, atMost = api.max) => newest(handlers, api, atMost),
      async request(api, version, body) {
        const header = { correlationId: ++correlationId, clientId };
        const frame = copied(encodeRequest(api, version, header, body));
        const reply = await dispatch(frame.subarray(SIZE_BYTES), connection);
        if (reply === CLOSE || reply === NO_REPLY) {
          throw new Error(`${api.name} of the broker itself was not answered: its log says why`);
        }
        const answer = copied(reply);
        for (const chunk of reply) giveBack?.(chunk); // as a connection does with what has left
        return decodeResponse(api, version, answer.subarray(SIZE_BYTES)).body;
      },
    };
  };
}

const SIZE_BYTES = 4;

/** In memory of its own. */
function copied(chunks: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

/** The highest version that both know. */
function newest(
  handlers: readonly Handler[],
  { key, name }: { readonly key: number; readonly name: string },
  atMost: number,
): number {
  const handler = handlers.find(({ api }) => api.key === key);
  if (handler === undefined) throw new Error(`${name} is not served`);
  return Math.min(handler.served.max, atMost);
}

/** Nobody's: nothing of it is read or waited for. */
class OwnConnection implements ConnectionInfo {
  readonly id = -1;
  readonly peer: string;
  readonly local = "";
  readonly listener = "none";
  readonly principal: string;
  clientSoftwareName = "runnel";
  clientSoftwareVersion = "unknown";
  readonly ends = new Set<() => void>();
  readonly isEnding = false;
  readonly isReader = true;
  readonly held = null;

  constructor({ principal, peer }: Pick<OwnAsker, "principal" | "peer">) {
    this.principal = principal;
    this.peer = peer;
  }

  admits(): boolean {
    return true;
  }

  /** Each request's bytes are its own. */
  hold(): void {}

  pace(): void {}
}

/**
 * Own requests: what a broker asks of itself, for whoever started it (`serve --apply`): through the same handlers as a
 * client's, without a connection, a log-in or a quota. It is allowed everything, as a super user is, and what it changes
 * is audited under a principal that no client can have.
 */
import type { Audit } from "../audit/audit.ts";
import type { Asking } from "../client/asking.ts";
import { CLOSE, type ConnectionInfo, type Handler, NO_REPLY } from "../handlers/handler.ts";
import { joined } from "../protocol/codec.ts";
import { decodeResponse, encodeRequest } from "../protocol/frame.ts";
import { ClientQuotas } from "../quotas/client_quotas.ts";
import { Authorizer } from "../security/acl/authorizer.ts";
import { dispatcher, type DispatchOptions } from "../server/dispatch.ts";
import { accessBy } from "./authorization.ts";

/** A type of principal that no log-in or certificate gives. */
const OWN = "Runnel:serve", CLIENT_ID = "runnel serve --apply";

/** `isOpen`: whether no ACLs are asked here, so that nothing need be allowed. */
export function ownRequests(
  options: Omit<DispatchOptions, "accessOf" | "quotas">,
  { isOpen }: { readonly isOpen: boolean },
): Asking {
  const authorizer = isOpen
    ? null
    : new Authorizer({ superUsers: [OWN], allowEveryoneIfNoAclFound: false });
  const audit: Audit | null = options.audit ?? null;
  const dispatch = dispatcher({
    ...options,
    accessOf: audit?.accessBy(authorizer) ?? accessBy(authorizer),
    quotas: new ClientQuotas({ nowMs: () => performance.now() }),
  });
  const connection = new OwnConnection();
  let correlationId = 0;
  return {
    async ask(api, body) {
      const version = newest(options.handlers, api), header = { correlationId: ++correlationId };
      const frame = encodeRequest(api, version, { ...header, clientId: CLIENT_ID }, body(version));
      const reply = await dispatch(joined(frame).subarray(SIZE_BYTES), connection);
      if (reply === CLOSE || reply === NO_REPLY) {
        throw new Error(`${api.name} of the broker itself was not answered: its log says why`);
      }
      return decodeResponse(api, version, joined(reply).subarray(SIZE_BYTES)).body;
    },
    speaks: ({ key }) => Promise.resolve(options.handlers.some(({ api }) => api.key === key)),
    retry: (attempt) => attempt(), // what may go away by itself over a network does not here
  };
}

const SIZE_BYTES = 4;

/** The highest version that both know. */
function newest(handlers: readonly Handler[], { key, name, max }: Handler["api"]): number {
  const handler = handlers.find(({ api }) => api.key === key);
  if (handler === undefined) throw new Error(`${name} is not served`);
  return Math.min(handler.served.max, max);
}

/** Nobody's: nothing of it is read or waited for. */
class OwnConnection implements ConnectionInfo {
  readonly id = -1;
  readonly peer = "localhost";
  readonly local = "";
  readonly listener = "none";
  readonly principal = OWN;
  clientSoftwareName = "runnel";
  clientSoftwareVersion = "unknown";
  readonly ends = new Set<() => void>();
  readonly isEnding = false;
  readonly isReader = true;
  readonly held = null;

  admits(): boolean {
    return true;
  }

  /** Each request's bytes are its own. */
  hold(): void {}

  pace(): void {}
}

/** TlsEntrance: opens a listener with TLS, and says who comes by it. */
import type { ListenerConfig, ListenerTls } from "../config/listeners.ts";
import { ConfigError } from "../config/load.ts";
import { logger } from "../log.ts";
import { certificateFacts } from "../security/certificate.ts";
import { principalMapping } from "../security/principal_mapping.ts";
import { x500NameText } from "../security/x500_name.ts";
import { ANONYMOUS, type SessionListener } from "../server/session.ts";
import { isKeySharedWithGroup } from "../server/transport/tls_material.ts";
import { TlsPort } from "../server/transport/tls_port.ts";

const log = logger("tls");

/** Throws what Deno.listen throws, and an error called ConfigError for what TLS cannot use. */
export async function openTls(
  { name, addresses, port }: Pick<ListenerConfig, "name" | "addresses" | "port">,
  tls: ListenerTls,
  nowMs: () => number,
): Promise<TlsPort> {
  const opened = await TlsPort.open({ name, tls, addresses, port, nowMs });
  const { subject, notBeforeMs, notAfterMs } = opened.certificate;
  const until = new Date(notAfterMs).toISOString(), now = nowMs();
  if (now > notAfterMs || now < notBeforeMs) {
    const from = new Date(notBeforeMs).toISOString();
    log.warn("tls_certificate_not_valid", { listener: name, subject, from, until });
  }
  if (isKeySharedWithGroup(tls)) log.warn("tls_key_shared", { listener: name, file: tls.keyFile });
  return opened;
}

/** Who comes by a listener with TLS; throws ConfigError for rules that cannot be. */
export function tlsSession(name: string, tls: ListenerTls): SessionListener {
  const mechanisms = new Map();
  if (tls.clientAuth === "none") {
    return { name, isTls: true, mechanisms, principalOf: () => ANONYMOUS };
  }
  const userOf = mappingOf(name, tls.principalMappingRules);
  return {
    name,
    isTls: true,
    mechanisms,
    principalOf: (certificate) => {
      const subject = x500NameText(certificateFacts(certificate).subject), user = userOf(subject);
      if (user === null || user === "") {
        throw new Error(
          `no rule makes a user of its certificate's name ${JSON.stringify(subject)}`,
        );
      }
      return `User:${user}`;
    },
  };
}

function mappingOf(name: string, rules: string): (name: string) => string | null {
  try {
    return principalMapping(rules);
  } catch (error) {
    throw new ConfigError(
      `the listener ${name} has principal_mapping_rules that cannot be: ${
        (error as Error).message
      }`,
    );
  }
}

/** Certificates: whether those that are shown expire soon. One that a client does not trust today is told by reaching it. */
import { connect } from "node:tls";
import { isIP } from "node:net";
import { parseAddress } from "../../client/cluster.ts";
import type { TlsOptions } from "../../client/connection.ts";
import { type Address, addressText } from "./address.ts";
import { commandLine } from "../shell_words.ts";
import { type Check, durationText, type Found, Unseen, within } from "./finding.ts";

const SOON_MS = 7 * 86_400_000;
const PROBE_MS = 2000, MAX_ADDRESSES = 20;

export const certificatesCheck: Check = {
  name: "certificates",
  look: async (scene) => {
    const { security: { tls }, bootstrap, reached, http } = scene.parts, nowMs = Date.now();
    const found: Found[] = [];
    const ofBroker = typeof http === "string" ? null : http.status.tlsExpiresMs ?? null;
    if (ofBroker !== null) found.push(...expiry("a listener of the broker", ofBroker, nowMs));
    if (tls === undefined) {
      if (typeof http === "string") throw new Unseen("the broker is spoken to without TLS");
      return found;
    }
    const brokers = reached?.survey.brokers ?? [];
    const all = new Map([...bootstrap.split(",").map(parseAddress), ...brokers]
      .map((one) => [addressText(one), one]));
    for (const [text, address] of [...all].slice(0, MAX_ADDRESSES)) {
      try {
        const { notAfterMs, names } = await within(shown(address, tls), PROBE_MS, text);
        if (notAfterMs === ofBroker) continue; // said
        found.push(...expiry(`${text} (${names})`, notAfterMs, nowMs));
      } catch {
        // Who is not reached there has been told.
      }
    }
    return found;
  },
};

function expiry(where: string, notAfterMs: number, nowMs: number): Found[] {
  const leftMs = notAfterMs - nowMs;
  if (leftMs > SOON_MS) return [];
  const until = new Date(notAfterMs).toISOString();
  return [{
    severity: leftMs <= 0 ? "error" : "warning",
    what: leftMs <= 0
      ? `The certificate of ${where} has expired`
      : `The certificate of ${where} expires in ${durationText(leftMs)}`,
    evidence: `it is good until ${until}`,
    command: commandLine("runnel", "init", "--renew"),
  }];
}

/** The certificate that is shown there, whether or not it is trusted. */
function shown(
  { host, port }: Address,
  { cert, key }: TlsOptions,
): Promise<{ notAfterMs: number; names: string }> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port,
      ...isIP(host) === 0 ? { servername: host } : {},
      ...cert !== undefined && key !== undefined ? { cert, key } : {},
      rejectUnauthorized: false, // nothing is told to it, and nothing believed but what it shows
    }, () => {
      const { valid_to: until, subjectaltname: names = "no names" } = socket.getPeerCertificate();
      const notAfterMs = Date.parse(until);
      socket.destroy();
      if (Number.isNaN(notAfterMs)) reject(new Error(`no certificate with an end: ${until}`));
      else resolve({ notAfterMs, names });
    });
    socket.on("error", reject);
  });
}

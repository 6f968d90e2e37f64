/** What `runnel init --renew` does. */
import { ConfigError } from "../../config/load.ts";
import { hostsOf, type Issued, newServerCertificate } from "../../security/issue_certificate.ts";
import { namesIn } from "./files.ts";
import { dayOf, type Wish, withHome } from "./wish.ts";
import { PUBLIC, replace, SECRET } from "./writing.ts";

/** Another certificate and key in the place of those that there are. */
export async function renew({ folder, hosts, validity }: Wish): Promise<string[]> {
  const names = namesIn(folder);
  const before = readText(names.certificate);
  const authority = { certificate: readText(names.caCertificate), key: readText(names.caKey) };
  let server: Issued, good: readonly string[];
  try {
    good = hosts.length === 0 ? hostsOf(before) : withHome(hosts);
    server = await newServerCertificate(authority, { hosts: good, validity });
  } catch (error) {
    throw new ConfigError(
      `init: no certificate comes of ${names.caCertificate}, ${names.caKey} and ${names.certificate}: ${
        (error as Error).message
      }`,
    );
  }
  replace(names.key, server.key, SECRET);
  replace(names.certificate, server.certificate, PUBLIC);
  return [
    `${names.certificate} is another certificate for ${good.join(", ")}, good until ${
      dayOf(server.notAfterMs)
    }; a running broker shows it within half a minute`,
  ];
}

function readText(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    throw new ConfigError(
      `init: --renew needs what init --secure made: ${
        (error as Error).message
      } (--dir says where it is)`,
    );
  }
}

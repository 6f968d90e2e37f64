/**
 * Writes certificates for the suites that speak TLS into a folder: an authority, what a server shows (twice, so that it
 * can change), two clients that are trusted and one that is not; each client also as one file, as Java's PEM keystores are.
 *
 *     deno run --allow-read --allow-write tests/clients/certificates.ts FOLDER
 */
import { Authority, type Issued, selfSigned } from "../../src/testing/certificates.ts";

const [folder] = Deno.args;
if (folder === undefined) throw new Error("certificates.ts needs the folder to write to");

const authority = await Authority.make("CN=Runnel Test CA");
write("ca.pem", authority.certificate);
put("server", await authority.issue());
put("server2", await authority.issue());
put("alice", await authority.issue({ name: "O=Acme,CN=alice" }));
put("bob", await authority.issue({ name: "O=Acme,CN=bob" }));
put("evil", await selfSigned({ name: "O=Acme,CN=alice" }));

function put(name: string, { certificate, key }: Issued): void {
  write(`${name}.pem`, certificate);
  write(`${name}.key`, key);
  write(`${name}.both.pem`, key + certificate);
}

function write(name: string, text: string): void {
  Deno.writeTextFileSync(`${folder}/${name}`, text, { mode: 0o600 });
}

/**
 * Writes into a folder what an issuer of tokens has: keys.json (a JSON web key set of RS256 and ES256), and token.jwt,
 * expired.jwt, foreign.jwt (of a key that is not in the set).
 *
 *     deno run --allow-read --allow-write tests/clients/tokens.ts FOLDER
 */
import { exportJWK, generateKeyPair, SignJWT } from "jose";

const [folder] = Deno.args;
if (folder === undefined) throw new Error("tokens.ts needs the folder to write to");

const keys = [];
for (const [algorithm, kid] of [["RS256", "one"], ["ES256", "two"]]) {
  const { publicKey, privateKey } = await generateKeyPair(algorithm);
  keys.push({ ...await exportJWK(publicKey), kid, alg: algorithm, use: "sig" });
  if (kid !== "two") continue;
  await write("token.jwt", await token({ privateKey, algorithm, kid, seconds: 3600 }));
  await write("expired.jwt", await token({ privateKey, algorithm, kid, seconds: -3600 }));
}
const stranger = await generateKeyPair("ES256");
const foreign = { ...stranger, algorithm: "ES256", kid: "two", seconds: 3600 };
await write("foreign.jwt", await token(foreign));
await write("keys.json", JSON.stringify({ keys }));

function token({ privateKey, algorithm, kid, seconds }: {
  privateKey: CryptoKey;
  algorithm: string;
  kid: string;
  seconds: number;
}): Promise<string> {
  const nowS = Math.floor(Date.now() / 1000);
  return new SignJWT({ scope: "kafka" }).setProtectedHeader({ alg: algorithm, kid })
    .setIssuer("https://issuer.example").setAudience("kafka").setSubject("carol")
    .setIssuedAt(nowS - 7200).setExpirationTime(nowS + seconds).sign(privateKey);
}

async function write(name: string, text: string): Promise<void> {
  await Deno.writeTextFile(`${folder}/${name}`, text, { mode: 0o600 });
}

/**
 * Proves that the name of a certificate and the user that rules make of it are those of Java and Kafka, by what Java's
 * X500Principal.getName() (17) and Kafka's SslPrincipalMapper (4.4) answered, recorded in src/testing; and that what is no
 * name is refused.
 */
import { assertEquals, assertThrows } from "@std/assert";
import names from "../testing/java_names.json" with { type: "json" };
import recordedRules from "../testing/kafka_principal_rules.json" with { type: "json" };
import { Authority } from "../testing/certificates.ts";
import { certificateFacts } from "./certificate.ts";
import { DerError, derValues } from "./der.ts";
import { principalMapping } from "./principal_mapping.ts";
import { x500NameText } from "./x500_name.ts";

for (const { what, der, name } of names) {
  Deno.test(`the name of a certificate is Java's: ${what}`, () => {
    assertEquals(x500NameText(bytesOf(der)), name);
  });
}

/** What the rules were asked for, in the order of the recorded answers. */
const ASKED = [
  "CN=kafka-broker,OU=ServiceUsers,O=Unknown,L=Berlin,ST=Unknown,C=DE",
  "CN=Alice,OU=adminUsers,O=x,C=DE",
  "CN=bob\\,CN\\=admin,O=y",
  "1.2.840.113549.1.9.1=#1605614062,CN=x",
  "",
  "CN=a\nb",
];

for (const { rules, users } of recordedRules) {
  Deno.test(`users are Kafka's: ${rules}`, () => {
    if (users === null) assertThrows(() => principalMapping(rules), Error, "rule");
    else assertEquals(ASKED.map(principalMapping(rules)), users);
  });
}

Deno.test("a rule that looks ahead is refused, as it could keep the broker busy", () => {
  assertThrows(() => principalMapping("RULE:^CN=(?=a)(.*)$/$1/"), Error, "rule");
});

Deno.test("a name that is cut off at any byte is refused, and so is one with a byte in front", () => {
  const name = bytesOf(names.find(({ what }) => what === "multi reversed")!.der);
  for (let length = 0; length < name.length; length++) {
    assertThrows(() => x500NameText(name.subarray(0, length)), DerError);
  }
  assertThrows(() => x500NameText(new Uint8Array([0, ...name])), DerError);
});

Deno.test("lengths that no memory has are refused", () => {
  for (const length of [[0x80], [0x84, 0xff, 0xff, 0xff, 0xff], [0x85, 0, 0, 0, 0, 1], [0x7f]]) {
    assertThrows(() => derValues(new Uint8Array([0x30, ...length])), DerError);
  }
});

Deno.test("what a certificate says of itself is read: name, times, purposes, whether it is an authority", async () => {
  const authority = await Authority.make();
  const notBefore = new Date("2049-12-31T23:59:59Z"), notAfter = new Date("2050-01-01T00:00:00Z");
  const { der } = await authority.issue({
    name: [{ O: ["Acme"] }, { CN: ["bob,CN=admin"] }],
    notBefore,
    notAfter,
    purposes: ["1.3.6.1.5.5.7.3.2"],
  });
  const facts = certificateFacts(der);
  assertEquals(x500NameText(facts.subject), "CN=bob\\,CN\\=admin,O=Acme");
  assertEquals([facts.notBeforeMs, facts.notAfterMs], [notBefore.getTime(), notAfter.getTime()]);
  assertEquals([facts.isCa, facts.purposes], [false, ["1.3.6.1.5.5.7.3.2"]]);
  const { der: other } = await authority.issue({ isCa: true, purposes: null });
  assertEquals([certificateFacts(other).isCa, certificateFacts(other).purposes], [true, null]);
  for (const length of [0, 1, 10, der.length - 1]) {
    assertThrows(() => certificateFacts(der.subarray(0, length)), DerError);
  }
});

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (byte) => parseInt(byte, 16));
}

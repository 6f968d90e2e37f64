/** Proves what is advised where a broker could not be spoken to. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { ConnectionError, KafkaError } from "../client/errors.ts";
import { clientErrorLine } from "./client_error_line.ts";

Deno.test("a certificate that is not trusted is told as that, and not as a broker that is not there", () => {
  const line = clientErrorLine(
    new ConnectionError("Cannot connect to b:9092: invalid peer certificate: UnknownIssuer"),
  );
  assertEquals(line.includes("is a broker running there?"), false);
  assertMatch(
    line,
    /UnknownIssuer; .*ssl\.truststore\.location.*ssl\.ca\.location.*--client-config/,
  );
});

Deno.test("nobody there, TLS where there is none, and a denial are each told with what to do", () => {
  const nobody = clientErrorLine(new ConnectionError("Cannot connect to b:9092: refused"));
  assertStringIncludes(nobody, "is a broker running there? --bootstrap");
  assertEquals(nobody.includes("--client-config"), false);
  const clear = clientErrorLine(new ConnectionError("b:9092: received corrupt message"));
  assertStringIncludes(clear, "--client-config");
  assertStringIncludes(clientErrorLine(new KafkaError(29, "fetch")), "runnel acl add");
  assertEquals(clientErrorLine(new KafkaError(58, "log-in")).includes("acl"), false);
});

/** Proves what is advised where a broker could not be spoken to. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { ConnectionError, KafkaError } from "../client/errors.ts";
import { ErrorCode } from "../protocol/errors.ts";
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
  const tls = clientErrorLine(new ConnectionError("b:9092: it speaks TLS, and was spoken to"));
  assertStringIncludes(tls, "--client-config");
  const plain = clientErrorLine(
    new ConnectionError("Cannot connect to b:1: unexpected end of file"),
  );
  assertStringIncludes(plain, "speaks no TLS");
  assertStringIncludes(plain, "security.protocol");
  assertStringIncludes(clientErrorLine(new KafkaError(29, "fetch")), "runnel acl add");
  assertEquals(clientErrorLine(new KafkaError(58, "log-in")).includes("acl"), false);
});

Deno.test("what a broker does not have, or not for who asks, is told with what turns it on", () => {
  const says = (code: number) => clientErrorLine(new KafkaError(code, "asked"));
  assertStringIncludes(says(ErrorCode.SECURITY_DISABLED), "authorization.mode");
  assertStringIncludes(says(ErrorCode.DELEGATION_TOKEN_REQUEST_NOT_ALLOWED), "--client-config");
  assertStringIncludes(says(ErrorCode.DELEGATION_TOKEN_AUTH_DISABLED), "secret_key_file");
  assertStringIncludes(says(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION), "runnel topic list");
  assertStringIncludes(says(ErrorCode.TOPIC_ALREADY_EXISTS), "--if-absent");
});

Deno.test("an address that a broker told is its matter, not that of --bootstrap", () => {
  const told = "Cannot connect to b1:1: refused; broker 1 tells its clients this address (…)";
  assertEquals(clientErrorLine(new ConnectionError(told)), told);
});

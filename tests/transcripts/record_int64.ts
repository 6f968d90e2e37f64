/**
 * Sends requests with an extreme int64 to a Kafka and writes down its error codes, for tests/broker/int64_test.ts.
 *
 *     deno run -A tests/transcripts/record_int64.ts 127.0.0.1:9092
 */
import { Connection } from "../../src/client/connection.ts";
import { TestBroker, Wire } from "../broker/harness.ts";
import { prepare, servedWithInt64 } from "../broker/int64_subject.ts";
import { answersTo } from "./int64_requests.ts";

if (import.meta.main) {
  const [host, port] = (Deno.args[0] ?? "").split(":");
  if (!port) throw new Error("Say which broker: host:port");
  await using runnel = await TestBroker.start();
  const served = await servedWithInt64(await runnel.connect());
  const connection = await Connection.open({ host, port: Number(port) });
  const theirs = await servedWithInt64(connection);
  const both = served.map(({ api, min, max }) => {
    const other = theirs.find((one) => one.api.key === api.key)!;
    return { api, min: Math.max(min, other.min), max: Math.min(max, other.max) };
  });
  const subject = await prepare(connection, `int64-${Date.now()}`);
  connection.close();
  const connect = async () => new Wire(await Deno.connect({ hostname: host, port: Number(port) }));
  const answers = await answersTo(both, connect, subject);
  const lines = Object.entries(answers).map((one) => one.map((part) => JSON.stringify(part)));
  const text = lines.map(([name, codes]) => `  ${name}: ${codes}`).join(",\n");
  Deno.writeTextFileSync(new URL("int64_answers.json", import.meta.url), `{\n${text}\n}\n`);
}

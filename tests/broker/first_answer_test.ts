/** Proves that a command says what it waits for where nobody answers, and says nothing where somebody does. */
import { assertEquals, assertRejects } from "@std/assert";
import { TestBroker } from "./harness.ts";
import { Cluster } from "../../src/client/cluster.ts";
import { ConnectionError } from "../../src/client/errors.ts";
import { firstAnswer } from "../../src/cli/first_answer.ts";

async function told(work: () => Promise<void>): Promise<string> {
  const { error } = console;
  let errors = "";
  console.error = (text: string) => void (errors += text);
  try {
    await work();
  } finally {
    console.error = error;
  }
  return errors;
}

Deno.test("who accepts and says nothing is named before the time is over", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepted = listener.accept(), address = `127.0.0.1:${listener.addr.port}`;
  const cluster = new Cluster({ bootstrap: address, requestTimeoutMs: 600 });
  const errors = await told(async () => {
    await assertRejects(() => firstAnswer(cluster, address, { patienceMs: 100 }), ConnectionError);
  });
  assertEquals(
    errors,
    `runnel: ${address} has not answered for 0.1 s: waiting on. ` +
      "Is it a Kafka broker, and spoken to as its listener wants (--client-config)?",
  );
  cluster.close();
  (await accepted).close();
});

Deno.test("where a broker answers nothing is said", async () => {
  await using broker = await TestBroker.start();
  const address = `127.0.0.1:${broker.port}`, cluster = new Cluster({ bootstrap: address });
  assertEquals(await told(() => firstAnswer(cluster, address, { patienceMs: 2000 })), "");
  cluster.close();
});

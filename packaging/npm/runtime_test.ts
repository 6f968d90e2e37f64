// Proves what the package has in the place of Deno's own: errors of its kinds, files that are read, and the stack on which a
// broker's rooms are closed. (TLS of the client: tests/embedding/in_node.mjs.)
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { AsyncStack, denoOnNode } from "./runtime.ts";

Deno.test("a connection to where nobody listens is refused by its kind", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  await assertRejects(
    () => denoOnNode.connect({ hostname: "127.0.0.1", port }),
    Deno.errors.ConnectionRefused,
  );
});

Deno.test("files say that they need Deno, and those that are read only are read", () => {
  assertThrows(() => denoOnNode.openSync(), Error, "needs Deno");
  const path = new URL("runtime_test.ts", import.meta.url).pathname;
  assertEquals(denoOnNode.statSync(path).isFile, true);
  assertEquals(denoOnNode.readTextFileSync(path), Deno.readTextFileSync(path));
  assertThrows(() => denoOnNode.readTextFileSync(`${path}x`), Deno.errors.NotFound);
});

Deno.test("the stack gives back from the top, all of it, whichever fails, and nothing of what was moved", async () => {
  const ended: string[] = [];
  const end = (name: string, error?: Error) => () => {
    ended.push(name);
    if (error) throw error;
  };
  const stack = new AsyncStack();
  stack.use({ [Symbol.dispose]: end("a") });
  stack.defer(end("b", new Error("b failed")));
  stack.use({
    async [Symbol.asyncDispose]() {
      await new Promise((resolve) => setTimeout(resolve, 1));
      end("c", new Error("c failed"))();
    },
  });
  const moved = stack.move();
  await stack.disposeAsync();
  assertEquals(ended, []);
  const error = await assertRejects(() => moved.disposeAsync(), Error, "b failed");
  assertEquals((error as { suppressed?: Error }).suppressed?.message, "c failed");
  assertEquals(ended, ["c", "b", "a"]);
  await moved.disposeAsync(); // once
  assertEquals(ended.length, 3);
});

/** A service manager's socket: prints what a broker tells it, a message a line. notify_listener.ts PATH */
import type { UnstableNet } from "../../src/cli/notify_socket.ts";

const [path] = Deno.args;
const socket = (Deno as unknown as UnstableNet).listenDatagram!({ transport: "unixpacket", path });
Deno.chmodSync(path, 0o777);
for (;;) {
  const [bytes] = await socket.receive();
  console.log(new TextDecoder().decode(bytes).replaceAll("\n", " "));
}

/**
 * A flood, as a process of its own: as many connections as it is told to an HTTP port, none of which says anything, and
 * each made again as soon as it is closed. Says how many it made when it is told to stop by the end of its input.
 *
 *     deno run --allow-net http_reconnects.ts PORT COUNT
 */
const [port, count] = Deno.args.map(Number);
let made = 0, isOver = false;
const open = new Set<Deno.TcpConn>();

async function connectAgain(): Promise<void> {
  const buffer = new Uint8Array(1);
  while (!isOver) {
    try {
      const conn = await Deno.connect({ hostname: "127.0.0.1", port });
      open.add(conn);
      made++;
      await conn.read(buffer).catch(() => null);
      open.delete(conn);
      conn.close();
    } catch { // no descriptor or port left
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

const all = Array.from({ length: count }, connectAgain);
console.log("begun");
await Deno.stdin.read(new Uint8Array(1));
isOver = true;
for (const conn of open) conn.close();
await Promise.race([Promise.all(all), new Promise((resolve) => setTimeout(resolve, 1000))]);
console.log(made);
Deno.exit();

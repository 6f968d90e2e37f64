/**
 * Reads of a sealed segment: mmap through FFI against what the broker does, seekSync and readSync into a reused buffer;
 * both then write the bytes to a socket, as a fetch does. An experiment: the broker has no FFI.
 *
 * Hot is with the file in the page cache, cold after posix_fadvise(DONTNEED). Both ways take turns, round by round.
 * Run (x86-64 or arm64 Linux): deno run --allow-ffi --allow-net=127.0.0.1 --allow-read --allow-write bench/rooms/mmap.ts
 */
import { median } from "../diff.ts";
import { markdown } from "../report.ts";

const libc = Deno.dlopen("libc.so.6", {
  open: { parameters: ["buffer", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  mmap: { parameters: ["pointer", "usize", "i32", "i32", "i32", "i64"], result: "pointer" },
  munmap: { parameters: ["pointer", "usize"], result: "i32" },
  posix_fadvise: { parameters: ["i32", "i64", "i64", "i32"], result: "i32" },
});
const PROT_READ = 1, MAP_SHARED = 1, FADV_DONTNEED = 4, O_RDONLY = 0;

/** A way to have `length` bytes at `position`. */
interface Reader {
  readonly name: string;
  at(position: number, length: number): Uint8Array;
  close(): void;
}

function pooledRead(path: string, bufferBytes: number): Reader {
  const file = Deno.openSync(path), buffer = new Uint8Array(bufferBytes);
  return {
    name: "seekSync + readSync",
    at(position, length) {
      file.seekSync(position, Deno.SeekMode.Start);
      const window = buffer.subarray(0, length);
      for (let read = 0; read < length;) read += file.readSync(window.subarray(read))!;
      return window;
    },
    close: () => file.close(),
  };
}

/** The whole file is mapped once; a read is a view of it. */
function mapped(path: string, fileBytes: number): Reader {
  const fd = openPath(path);
  const pointer = libc.symbols.mmap(null, BigInt(fileBytes), PROT_READ, MAP_SHARED, fd, 0n);
  libc.symbols.close(fd);
  if (pointer === null || Deno.UnsafePointer.value(pointer) === 0xffffffffffffffffn) {
    throw new Error(`mmap of ${fileBytes} bytes of ${path} failed`);
  }
  const all = new Uint8Array(Deno.UnsafePointerView.getArrayBuffer(pointer, fileBytes));
  return {
    name: "mmap",
    at: (position, length) => all.subarray(position, position + length),
    close: () => void libc.symbols.munmap(pointer, BigInt(fileBytes)),
  };
}

function openPath(path: string): number {
  const fd = libc.symbols.open(new TextEncoder().encode(path + "\0"), O_RDONLY);
  if (fd < 0) throw new Error(`open of ${path} failed`);
  return fd;
}

/** Only pages that nothing maps leave the cache, so this comes before a reader is opened. */
function dropPages(path: string): void {
  const fd = openPath(path);
  const code = libc.symbols.posix_fadvise(fd, 0n, 0n, FADV_DONTNEED);
  libc.symbols.close(fd);
  if (code !== 0) throw new Error(`posix_fadvise of ${path} failed with ${code}`);
}

/** MB/s through the whole file: each piece's first byte is looked at, and the piece goes to the socket. */
async function pass(
  reader: Reader,
  socket: Deno.TcpConn | null,
  { fileBytes, pieceBytes }: { fileBytes: number; pieceBytes: number },
): Promise<number> {
  const beganMs = performance.now();
  for (let at = 0; at < fileBytes; at += pieceBytes) {
    const piece = reader.at(at, pieceBytes);
    if (piece[16] !== MAGIC) throw new Error(`byte 16 at ${at} is ${piece[16]}`);
    for (let sent = 0; socket !== null && sent < pieceBytes;) {
      sent += await socket.write(piece.subarray(sent));
    }
  }
  return fileBytes / 1e3 / (performance.now() - beganMs);
}

/** Sends everything to nowhere, in a worker so that it does not take this thread's time. */
async function drain(): Promise<{ socket: Deno.TcpConn; end(): void }> {
  const source = `
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    postMessage(listener.addr.port);
    const conn = await listener.accept(), into = new Uint8Array(1 << 20);
    while (await conn.read(into) !== null);
  `;
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const worker = new Worker(url, { type: "module" });
  const port = await new Promise<number>((resolve) => worker.onmessage = (e) => resolve(e.data));
  const socket = await Deno.connect({ hostname: "127.0.0.1", port });
  return { socket, end: () => (socket.close(), worker.terminate()) };
}

const MAGIC = 2;
const FILE_BYTES = 256 << 20, ROUNDS = 7;
const path = await Deno.makeTempFile({ prefix: "runnel-mmap-" });
{
  const piece = new Uint8Array(1 << 16).fill(MAGIC);
  using file = await Deno.open(path, { write: true });
  for (let at = 0; at < FILE_BYTES; at += piece.length) file.writeSync(piece);
  file.syncSync(); // dirty pages cannot be dropped
}
const { socket, end } = await drain();
const rows: string[][] = [];
const spread = (values: number[]) =>
  `${median(values).toFixed(0)} (${Math.min(...values).toFixed(0)}–${
    Math.max(...values).toFixed(0)
  })`;
try {
  for (const [where, to] of [["read", null], ["read + socket", socket]] as const) {
    for (const isCold of [false, true]) {
      for (const pieceBytes of [1 << 16, 1 << 20]) {
        const figures: [number[], number[]] = [[], []];
        for (let round = 0; round < ROUNDS; round++) {
          for (const way of round % 2 === 0 ? [0, 1] : [1, 0]) {
            if (isCold) dropPages(path);
            const reader = way === 0 ? pooledRead(path, pieceBytes) : mapped(path, FILE_BYTES);
            figures[way].push(await pass(reader, to, { fileBytes: FILE_BYTES, pieceBytes }));
            reader.close();
          }
        }
        rows.push([
          `${where}, ${isCold ? "cold" : "hot"}, ${pieceBytes >> 10} KiB`,
          ...figures.map(spread),
          (median(figures[1]) / median(figures[0])).toFixed(2),
        ]);
      }
    }
  }
} finally {
  end();
  await Deno.remove(path);
}
console.log(markdown(["MB/s", "seekSync + readSync", "mmap", "ratio"], rows));

/**
 * A terminal of its own that programs run in, by tmux: what is typed, and what stands there then. Each has a server of its
 * own: one that is shared ends with its last terminal, while the next one is being opened at it.
 */
let opened = 0;

export class Terminal implements AsyncDisposable {
  readonly #name: string;
  readonly #socket = `runnel-test-${Deno.pid}-${opened++}`;

  private constructor(name: string) {
    this.#name = name;
  }

  /** Runs the program in 120 columns and 50 rows. */
  static async open(name: string, command: readonly string[], env: Record<string, string> = {}) {
    const set = ["env", ...Object.entries(env).map(([key, value]) => `${key}=${value}`)];
    const size = ["-x", "120", "-y", "50"], terminal = new Terminal(name);
    await terminal.#tmux(
      "-f",
      "/dev/null",
      "new-session",
      "-d",
      "-s",
      name,
      ...size,
      ...set,
      ...command,
    );
    return terminal;
  }

  /** As it is typed: no name of a key is taken for one. */
  async type(text: string): Promise<void> {
    await this.#tmux("send-keys", "-t", this.#name, "-l", "--", text);
  }

  /** A key by its name: Enter, Tab, C-u. */
  async press(...keys: string[]): Promise<void> {
    await this.#tmux("send-keys", "-t", this.#name, ...keys);
  }

  /** Its lines, without what is empty at the end. */
  async lines(...flags: string[]): Promise<string[]> {
    const text = await this.#tmux("capture-pane", "-p", "-t", this.#name, ...flags);
    return text.trimEnd().split("\n");
  }

  /** Writes down from now on what programs send to it, byte for byte. */
  async record(path: string): Promise<void> {
    await this.#tmux("pipe-pane", "-t", this.#name, `cat > '${path}'`);
  }

  /** What tmux knows of it: "#{cursor_flag},#{pane_title}". */
  async state(format: string): Promise<string> {
    return (await this.#tmux("display-message", "-p", "-t", this.#name, format)).trimEnd();
  }

  /** The lines once the condition holds. Throws with what stands there when it does not within the time. */
  async until(
    holds: (lines: string[]) => boolean,
    what: string,
    limitMs = 15_000,
  ): Promise<string[]> {
    const deadlineMs = performance.now() + limitMs;
    for (;;) {
      const lines = await this.lines();
      if (holds(lines)) return lines;
      if (performance.now() > deadlineMs) throw new Error(`${what}:\n${lines.join("\n")}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tmux("kill-server").catch(() => {}); // it may have ended
  }

  async #tmux(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await new Deno.Command("tmux", {
      args: ["-L", this.#socket, ...args],
      stdin: "null",
    }).output();
    if (code !== 0) throw new Error(`tmux ${args[0]}: ${new TextDecoder().decode(stderr)}`);
    return new TextDecoder().decode(stdout);
  }
}

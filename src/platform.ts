/**
 * Platform: what differs between operating systems and is handled, each as a function of the system's name, so that a
 * test on one asks about another. docs/platforms.md has all that differs.
 */
import process from "node:process";

/** This system, by Node's name for it: "linux", "darwin", "win32", … */
export const PLATFORM: string = process.platform;

export type StopSignal = "SIGINT" | "SIGTERM" | "SIGBREAK" | "SIGHUP";

/**
 * What asks a process to stop. Windows has no SIGTERM to send, and Deno before 2.9 throws where one is listened for: there
 * it is Ctrl-C, Ctrl-Break, and the window that is closed.
 */
export function stopSignals(platform = PLATFORM): readonly StopSignal[] {
  return platform === "win32" ? ["SIGINT", "SIGBREAK", "SIGHUP"] : ["SIGINT", "SIGTERM"];
}

/**
 * The permission bits of a file's mode, or null where a mode says nothing of who may read it: on Windows Deno makes one of
 * "read only" alone, by which everybody could write every file.
 */
export function permissionsOf(mode: number | null, platform = PLATFORM): number | null {
  return mode === null || platform === "win32" ? null : mode & 0o777;
}

/** The folder that programs keep their user's configuration in. */
export function configHome(
  variable: (name: string) => string | undefined,
  platform = PLATFORM,
): string {
  const ofSystem = platform === "win32" ? variable("APPDATA") : undefined;
  return variable("XDG_CONFIG_HOME") ?? ofSystem ?? `${variable("HOME") ?? ""}/.config`;
}

/** Why a directory cannot keep here what is promised of it, or null. */
export function directoryProblem(platform = PLATFORM): string | null {
  return platform === "win32"
    ? "Windows does not sync a folder, nor replace a file that is open, and so promises nothing of what is kept in one after a crash"
    : null;
}

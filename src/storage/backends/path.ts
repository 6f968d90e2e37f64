/**
 * Paths inside a Store: relative, parts joined by "/". Every path a backend gets goes through splitPath(), so that
 * no name, however it came about, can lead out of the store.
 */
import { StoreError } from "../store.ts";

/** The parts of a path; [] for "", the root. Throws on anything that is not a plain relative path. */
export function splitPath(path: string): string[] {
  if (path === "") return [];
  const parts = path.split("/");
  for (const part of parts) {
    if (part === "" || part === "." || part === ".." || part.includes("\0")) {
      throw new StoreError(
        `Path ${
          JSON.stringify(path)
        } is not allowed in a store: it needs to be relative, without empty, "." or ".." parts`,
        "permission",
      );
    }
  }
  return parts;
}

/** The folder a path lies in; "" for the root. */
export function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

/** Wish: what `runnel init` is asked for, and what is told of it. */
import type { Validity } from "../../security/issue_certificate.ts";

export interface Wish {
  readonly folder: string;
  readonly hosts: readonly string[];
  readonly validity: Validity;
}

/** What is good for others is good for this machine. */
export function withHome(hosts: readonly string[]): string[] {
  return [...new Set([...hosts, "localhost", "127.0.0.1", "::1"])];
}

export function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

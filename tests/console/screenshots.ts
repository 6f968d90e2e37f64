import type { House } from "./console.ts";
export async function screenshots(_: House, __: string): Promise<void> {}

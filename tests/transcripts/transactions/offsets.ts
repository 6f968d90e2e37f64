import type { Scenarios } from "./player.ts"; export const OFFSETS: Scenarios = {};

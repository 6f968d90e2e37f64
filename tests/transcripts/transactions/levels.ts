import type { Scenarios } from "./player.ts"; export const LEVELS: Scenarios = {};

/** Forecast: when a disk is full if it goes on as it did. */
import type { DiskForecast } from "./api.ts";

/** What is shorter tells of a burst alone. */
const MIN_MS = 5 * 60_000, YEAR_MS = 365 * 86_400_000;

/** By the line through the free bytes that leaves the least squares: what retention deletes at once tips it little. */
export function forecast(
  atMs: readonly number[],
  freeBytes: readonly (number | null)[],
  minFreeBytes: number,
): Pick<DiskForecast, "freeBytesPerSecond" | "overMs" | "fullAtMs"> {
  const points: [x: number, y: number][] = [];
  for (const [i, free] of freeBytes.entries()) if (free !== null) points.push([atMs[i], free]);
  const overMs = points.length < 2 ? 0 : points[points.length - 1][0] - points[0][0];
  if (overMs < MIN_MS) return { freeBytesPerSecond: null, overMs, fullAtMs: null };
  const meanX = mean(points.map(([x]) => x)), meanY = mean(points.map(([, y]) => y));
  let covariance = 0, variance = 0;
  for (const [x, y] of points) {
    covariance += (x - meanX) * (y - meanY);
    variance += (x - meanX) ** 2;
  }
  const perMs = covariance / variance, [nowMs, free] = points[points.length - 1];
  const leftMs = perMs < 0 ? Math.max(0, free - minFreeBytes) / -perMs : Infinity;
  return {
    freeBytesPerSecond: Math.round(perMs * 1000),
    overMs,
    fullAtMs: leftMs <= YEAR_MS ? Math.round(nowMs + leftMs) : null,
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

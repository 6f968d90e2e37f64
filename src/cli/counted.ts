/** counted: "1 file", "2 files". */
export function counted(count: number | bigint, what: string): string {
  return `${count} ${what}${count === 1 || count === 1n ? "" : "s"}`;
}

/**
 * Same value: whether two texts mean the same to a broker, which shows what it was given in a form of its own: 0.50 as
 * 0.5, "compact, delete" without the blank (ConfigDef.convertToString).
 */
export function sameValue(a: string, b: string): boolean {
  const left = a.trim(), right = b.trim();
  if (left === right) return true;
  if (/^(true|false)$/i.test(left)) return left.toLowerCase() === right.toLowerCase();
  if (WHOLE.test(left) && WHOLE.test(right)) return BigInt(left) === BigInt(right);
  if (NUMBER.test(left) && NUMBER.test(right)) return Number(left) === Number(right);
  return left.includes(",") && parts(left) === parts(right);
}

const WHOLE = /^-?\d{1,40}$/, NUMBER = /^-?\d{1,40}(\.\d{1,40})?(e[+-]?\d{1,3})?$/i;

function parts(list: string): string {
  return JSON.stringify(list.split(",").map((one) => one.trim()));
}

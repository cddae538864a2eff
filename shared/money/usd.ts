/** All amounts in the broker are integers of nano-USD. */
const NANOS_PER_USD = 1_000_000_000n;

const DECIMAL = /^(-?)(\d+)(?:\.(\d+))?$/;
const EXPONENT = /^(-?)(\d+)(?:\.(\d+))?e([+-]?\d+)$/i;

/**
 * Reads a USD amount (a finite number or a plain decimal string) as nano-USD, exactly.
 * Throws `RangeError` for anything else and for fractions finer than a nano-dollar.
 */
export function parseUsd(usd: number | string): bigint {
  const text = typeof usd === "number" ? expandExponent(String(usd)) : usd.trim();
  const match = DECIMAL.exec(text);
  if (match === null) throw new RangeError(`not a USD amount: ${JSON.stringify(usd)}`);
  const [, sign, whole = "0", fraction = ""] = match;
  if (fraction.length > 9 && /[1-9]/.test(fraction.slice(9)))
    throw new RangeError(`finer than a nano-dollar: ${JSON.stringify(usd)}`);
  const nanos = BigInt(whole) * NANOS_PER_USD + BigInt(fraction.slice(0, 9).padEnd(9, "0"));
  return sign === "-" ? -nanos : nanos;
}

/** Writes nano-USD as a plain decimal string in USD: `1500000000n` is `"1.5"`, `0n` is `"0"`. */
export function formatUsd(nanos: bigint): string {
  const magnitude = nanos < 0n ? -nanos : nanos;
  const fraction = (magnitude % NANOS_PER_USD).toString().padStart(9, "0").replace(/0+$/, "");
  const whole = (magnitude / NANOS_PER_USD).toString();
  return `${nanos < 0n ? "-" : ""}${whole}${fraction === "" ? "" : `.${fraction}`}`;
}

/**
 * JavaScript prints small and large numbers as `1e-7`. This function moves the decimal point back.
 */
function expandExponent(text: string): string {
  const match = EXPONENT.exec(text);
  if (match === null) return text;
  const [, sign = "", whole = "0", fraction = "", exponentText = "0"] = match;
  const digits = whole + fraction;
  const point = whole.length + Number(exponentText);
  if (point <= 0) return `${sign}0.${"0".repeat(-point)}${digits}`;
  return point >= digits.length
    ? `${sign}${digits.padEnd(point, "0")}`
    : `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}

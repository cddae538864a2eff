const UNITS = [
  ["d", 86_400],
  ["h", 3_600],
  ["m", 60],
  ["s", 1],
] as const;

/** Formats numbers for people. */
export const figures = {
  /** Formats as `1,234`. */
  count: (value: number): string => value.toLocaleString("en-US"),

  /** Shows the two largest units: `1m 20s`, `2h 5m`. */
  duration(seconds: number): string {
    const whole = Math.max(0, Math.round(seconds));
    const first = UNITS.findIndex(([, size]) => whole >= size);
    let rest = whole;
    const parts = UNITS.slice(first, first + 2).map(([unit, size]) => {
      const amount = Math.floor(rest / size);
      rest -= amount * size;
      return amount === 0 ? "" : `${amount}${unit}`;
    });
    return first === -1 ? "0s" : parts.filter((part) => part !== "").join(" ");
  },

  /** Formats an amount in USD, small ones to two significant digits: `$1.20`, `$0.0012`. */
  dollars(amount: string): string {
    const value = Number(amount);
    if (value === 0) return "$0";
    // The smallest amount is one nano-dollar.
    const decimals = value >= 0.1 ? 2 : Math.min(9, 1 - Math.floor(Math.log10(value)));
    return `$${value.toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals })}`;
  },

  /** Formats as `52/s`, and slow rates as `6/min`. */
  rate(perSecond: number): string {
    if (perSecond >= 10) return `${figures.count(Math.round(perSecond))}/s`;
    return perSecond >= 1 ? `${perSecond.toFixed(1)}/s` : `${(perSecond * 60).toFixed(1)}/min`;
  },

  bytes: (bytes: number): string =>
    bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`,

  /** Formats Unix seconds as ISO 8601 in UTC. */
  time: (seconds: number | null): string =>
    seconds === null ? "-" : new Date(seconds * 1_000).toISOString().replace(".000", ""),
};

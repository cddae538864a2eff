import type { Measurement } from "../measure/measure.ts";
import { type SystemName, TITLES } from "../systems/system.ts";

const ORDER = Object.keys(TITLES) as SystemName[];
const HEAD = ["load", "system", "req/s", "p50 ms", "p99 ms", "first token ms", "CPU ms/req"];
HEAD.push("of which", "errors");

/** Formats one Markdown table, in which the systems under the same load follow each other. */
export function resultTable(measurements: readonly Measurement[]): string {
  const loads = [...new Set(measurements.map(loadName))];
  const rows = measurements.toSorted(
    (a, b) =>
      loads.indexOf(loadName(a)) - loads.indexOf(loadName(b)) ||
      ORDER.indexOf(a.system) - ORDER.indexOf(b.system),
  );
  return markdown([HEAD, ...rows.map(resultRow)]);
}

/** Names a load, which identifies a group of rows. */
export function loadName({ connections, bodyBytes, stream, slowCommits }: Measurement): string {
  const what = stream ? "streams" : `connections, ${Math.round(bodyBytes / 1024)} KB`;
  return `${connections} ${what}${slowCommits ? ", slow commits" : ""}`;
}

/** Sums up a request's processor time over all parts. */
export function cpuOf({ cpuMs }: Pick<Measurement, "cpuMs">): number {
  return Object.values(cpuMs).reduce((sum, ms) => sum + ms, 0);
}

/** Formats rows of cells as a Markdown table; the first row is its head. */
export function markdown(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(3, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  const [first = [], ...rest] = rows;
  const rule = widths.map((width) => "-".repeat(width));
  return [line(first), line(rule), ...rest.map(line)].join("\n");
}

function resultRow(m: Measurement): string[] {
  const parts = Object.entries(m.cpuMs);
  return [
    loadName(m),
    TITLES[m.system],
    m.perSecond.toFixed(0),
    m.latencyMs.p50.toFixed(1),
    m.latencyMs.p99.toFixed(1),
    m.firstTokenMs === undefined ? "" : m.firstTokenMs.p50.toFixed(1),
    cpuOf(m).toFixed(2),
    parts.length < 2 ? "" : parts.map(([part, ms]) => `${part} ${ms.toFixed(2)}`).join(", "),
    String(m.errors),
  ];
}

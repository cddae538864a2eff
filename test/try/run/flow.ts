import { markdown } from "../../bench/report/table.ts";

/** One use of the real program, with its expected result. */
export interface Flow<Context> {
  readonly name: string;
  /** Returns a short description of the result. Throws when the result is wrong. */
  readonly run: (context: Context) => Promise<string>;
  readonly timeoutMs?: number;
}

export interface FlowResult {
  readonly name: string;
  readonly right: boolean;
  readonly seen: string;
  readonly tookMs: number;
}

const DEFAULT_TIMEOUT_MS = 120_000;
const SHOWN_CHARACTERS = 600;
const TABLE_CHARACTERS = 160;

/** Runs all flows one after the other, whatever fails, and prints each result. */
export async function runFlows<Context>(
  flows: readonly Flow<Context>[],
  context: Context,
): Promise<FlowResult[]> {
  const results: FlowResult[] = [];
  for (const flow of flows) {
    const began = performance.now();
    const outcome = await within(flow.timeoutMs ?? DEFAULT_TIMEOUT_MS, flow.run(context)).then(
      (seen) => ({ right: true, seen }),
      (error: unknown) => ({ right: false, seen: messageOf(error) }),
    );
    const result = { name: flow.name, ...outcome, tookMs: performance.now() - began };
    results.push(result);
    process.stderr.write(`${result.right ? "right" : "WRONG"}  ${flow.name}: ${oneLine(result)}\n`);
  }
  return results;
}

/** Formats the results as a Markdown table, with one row for each flow. */
export function resultTable(results: readonly FlowResult[]): string {
  return markdown([
    ["flow", "right", "seconds", "seen"],
    ...results.map((result) => [
      result.name,
      result.right ? "yes" : "NO",
      (result.tookMs / 1000).toFixed(1),
      oneLine(result).slice(0, TABLE_CHARACTERS).replaceAll("|", "\\|"),
    ]),
  ]);
}

async function within<Value>(timeoutMs: number, work: Promise<Value>): Promise<Value> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new Error(`no end within ${timeoutMs / 1000} s`)),
    timeoutMs,
  );
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

function oneLine({ seen }: FlowResult): string {
  return seen.replaceAll(/\s+/g, " ").slice(0, SHOWN_CHARACTERS);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

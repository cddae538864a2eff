import { markdown } from "../../bench/report/table.ts";

/** One thing that somebody does with the real program, and what must come of it. */
export interface Flow<Context> {
  readonly name: string;
  /** Returns what was seen in a few words; throws when it was not right. */
  readonly run: (context: Context) => Promise<string>;
  readonly timeoutMs?: number;
}

export interface FlowResult {
  readonly name: string;
  readonly right: boolean;
  readonly seen: string;
  readonly tookMs: number;
}

const defaultTimeoutMs = 120_000;
const shownCharacters = 600;
const tableCharacters = 160;

/** Runs the flows one after the other, all of them, whatever fails; each is told when it ends. */
export async function runFlows<Context>(
  flows: readonly Flow<Context>[],
  context: Context,
): Promise<FlowResult[]> {
  const results: FlowResult[] = [];
  for (const flow of flows) {
    const began = performance.now();
    const outcome = await within(flow.timeoutMs ?? defaultTimeoutMs, flow.run(context)).then(
      (seen) => ({ right: true, seen }),
      (error: unknown) => ({ right: false, seen: messageOf(error) }),
    );
    const result = { name: flow.name, ...outcome, tookMs: performance.now() - began };
    results.push(result);
    process.stderr.write(`${result.right ? "right" : "WRONG"}  ${flow.name}: ${oneLine(result)}\n`);
  }
  return results;
}

/** A Markdown table with one row a flow. */
export function resultTable(results: readonly FlowResult[]): string {
  return markdown([
    ["flow", "right", "seconds", "seen"],
    ...results.map((result) => [
      result.name,
      result.right ? "yes" : "NO",
      (result.tookMs / 1000).toFixed(1),
      oneLine(result).slice(0, tableCharacters).replaceAll("|", "\\|"),
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
  return seen.replaceAll(/\s+/g, " ").slice(0, shownCharacters);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

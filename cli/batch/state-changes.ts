import type { BatchState, NewBatch } from "./batch-state.ts";

const OPTIONS: Readonly<Record<string, string>> = {
  overflow: "--overflow",
  max_cost_usd: "--max-cost-usd",
};

/** What is no longer as it was when a batch was begun, for people. */
export function stateChanges(
  state: BatchState,
  now: { readonly terms: NewBatch; readonly inputSha256: string },
): string[] {
  const { terms: before } = state;
  const changes = state.input_sha256 === now.inputSha256 ? [] : ["the input has changed"];
  const compare = (name: string, was: string | undefined, is: string | undefined): void => {
    if (was !== is) changes.push(`${name} was ${was ?? "not given"}`);
  };
  compare("--endpoint", before.endpoint, now.terms.endpoint);
  compare("--window", before.completion_window, now.terms.completion_window);
  const names = new Set([...Object.keys(before.metadata), ...Object.keys(now.terms.metadata)]);
  for (const name of names)
    compare(OPTIONS[name] ?? `--metadata ${name}`, before.metadata[name], now.terms.metadata[name]);
  return changes;
}

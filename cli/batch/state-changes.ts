import type { SavedBatch, NewBatch } from "./batch-state.ts";

const OPTIONS: Readonly<Record<string, string>> = {
  overflow: "--overflow",
  max_cost_usd: "--max-cost-usd",
};

/** Describes for people which parameters have changed since a batch was begun. */
export function stateChanges(
  state: SavedBatch,
  now: { readonly newBatch: NewBatch; readonly inputSha256: string },
): string[] {
  const { terms: before } = state;
  const changes = state.input_sha256 === now.inputSha256 ? [] : ["the input has changed"];
  const compare = (name: string, was: string | undefined, is: string | undefined): void => {
    if (was !== is) changes.push(`${name} was ${was ?? "not given"}`);
  };
  compare("--endpoint", before.endpoint, now.newBatch.endpoint);
  compare("--window", before.completion_window, now.newBatch.completion_window);
  const names = new Set([...Object.keys(before.metadata), ...Object.keys(now.newBatch.metadata)]);
  for (const name of names)
    compare(
      OPTIONS[name] ?? `--metadata ${name}`,
      before.metadata[name],
      now.newBatch.metadata[name],
    );
  return changes;
}

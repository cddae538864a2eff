/** The fleet stores this state with the provider and shows it to operators. */
export interface EngineState {
  /** Null when the engine was not recognised. */
  readonly engine: string | null;
  readonly version: string | null;
  /** The number of calls that the engine says it runs in parallel. */
  readonly slots: number | null;
  /** Null when the engine gave no list. */
  readonly models:
    | readonly { readonly id: string; readonly context_length: number | null }[]
    | null;
  /** Tokens of prompt and answer together, by the model names in the routes, where known. */
  readonly context_lengths?: Readonly<Record<string, number>>;
  /** The engine silently cuts a prompt that exceeds its context. */
  readonly truncates?: boolean;
  readonly problems: readonly { readonly code: string; readonly message: string }[];
}

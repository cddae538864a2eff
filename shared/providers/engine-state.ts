/** What the fleet knows of a provider's engine; stored with the provider and shown to operators. */
export interface EngineState {
  /** Null: not recognised. */
  readonly engine: string | null;
  readonly version: string | null;
  /** Calls that the engine says it runs side by side. */
  readonly slots: number | null;
  /** Null: it gave no list. */
  readonly models:
    | readonly { readonly id: string; readonly context_length: number | null }[]
    | null;
  /** Tokens of prompt and answer together, by the model names that routes ask for, where known. */
  readonly context_lengths?: Readonly<Record<string, number>>;
  /** It cuts a prompt beyond its context without a word. */
  readonly truncates?: boolean;
  readonly problems: readonly { readonly code: string; readonly message: string }[];
}

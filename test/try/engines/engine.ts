import type { Program } from "../run/program.ts";

/** What an engine says of itself. */
export interface EngineCounters {
  /** Calls that it works on now. */
  readonly running: number;
  /** Calls that wait in the engine's own queue. */
  readonly waiting: number;
  /** Tokens since its start. */
  readonly promptTokens: number;
  readonly generatedTokens: number;
}

/** A real engine that serves a tiny random model on loopback. */
export interface RealEngine {
  /** With its version, e.g. `vllm-0.32.0`: also the folder of its recordings. */
  readonly name: string;
  /** The value of the provider's `engine` setting. */
  readonly kind: "vllm" | "llamacpp" | "ollama";
  /** Ends with `/v1`. */
  readonly baseUrl: string;
  /** The key that it demands. */
  readonly apiKey: string | undefined;
  readonly model: string;
  /** Where the same model, or another, answers embeddings. */
  readonly embeddings: { readonly baseUrl: string; readonly model: string } | undefined;
  readonly slots: number;
  readonly contextLength: number;
  /** Fields that make an answer run to its cap, which a random model would not by itself. */
  readonly untilCap: Record<string, unknown>;
  /** What it lacks, with the reason: the flows for it are left out. */
  readonly lacks: Partial<Record<Ability, string>>;
  readonly program: Program;
  /** The counters, where it has some. */
  readonly counters: (() => Promise<EngineCounters>) | undefined;
  /** Ends all that was started for it. */
  stop(): Promise<void>;
}

/** What not every engine can do. */
export type Ability = "n" | "list prompts" | "tools" | "schema" | "context refusal" | "keys";

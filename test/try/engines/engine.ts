import type { Program } from "../run/program.ts";

/** An engine's own counters. */
export interface EngineCounters {
  /** Calls that are being computed. */
  readonly running: number;
  /** Calls that wait in the engine's own queue. */
  readonly waiting: number;
  /** Prompt tokens since its start. */
  readonly promptTokens: number;
  readonly generatedTokens: number;
}

/** A real engine that serves a tiny random model on loopback. */
export interface RealEngine {
  /**
   * The name with the version, e.g. `vllm-0.32.0`; the folder of its recordings has this name too.
   */
  readonly name: string;
  /** The provider's `engine` setting. */
  readonly kind: "vllm" | "llamacpp" | "ollama";
  /** The base URL, which ends with `/v1`. */
  readonly baseUrl: string;
  /** The key that the engine requires. */
  readonly apiKey: string | undefined;
  readonly model: string;
  /** The server that answers embeddings, with the same model or another. */
  readonly embeddings: { readonly baseUrl: string; readonly model: string } | undefined;
  readonly slots: number;
  readonly contextLength: number;
  /** Fields that make an answer run to its cap, which a random model would not do by itself. */
  readonly untilCap: Record<string, unknown>;
  /** Missing abilities with their reasons; their flows are left out. */
  readonly lacks: Partial<Record<Ability, string>>;
  readonly program: Program;
  /** Reads the counters; undefined when the engine has none. */
  readonly counters: (() => Promise<EngineCounters>) | undefined;
  /** Ends everything that was started for the engine. */
  stop(): Promise<void>;
}

/** Abilities that some engines do not have. */
export type Ability = "n" | "list prompts" | "tools" | "schema" | "context refusal" | "keys";

import type { EngineName } from "../../config/engine-name.ts";
import type { AskEngine } from "./ask-engine.ts";

/** A model as its engine lists it. */
export interface EngineModel {
  readonly id: string;
  /** Other names under which it answers. */
  readonly aliases: readonly string[];
  /** Tokens that prompt and answer of one call may have together; undefined: it does not say. */
  readonly contextLength?: number;
  readonly kind?: "chat" | "embedding";
}

/** What an engine says of itself, beyond its model list. */
export interface EngineDetails {
  readonly version?: string;
  /** Calls that it runs side by side. */
  readonly slots?: number;
  /** The model list again, where the engine knows more than `/v1/models` tells. */
  readonly models?: readonly EngineModel[];
}

/** Names of gauges in Prometheus text; several: the first one that is there. */
export interface LoadGauges {
  readonly running: readonly string[];
  /** Accepted, but in the engine's own queue. */
  readonly waiting: readonly string[];
}

/** When a call that was cut no longer runs in the engine. */
interface LetGo {
  /** Measured for a call whose answer had begun. */
  readonly generatingMs: number;
  /** For one that was cut before its first token: some finish the prompt first. */
  readonly promptMs: number;
  /** `slots`: `GET /slots` says which of them work. */
  readonly witness?: "slots";
}

/** What is known of a kind of engine. Plain facts; each file says where they were seen. */
export interface EngineInfo {
  /** Null: an engine that nobody has named or recognised. */
  readonly name: EngineName | null;
  /** Values of `owned_by` in its model list. */
  readonly owners: readonly string[];
  /** The header by which it names a call, beside our `x-client-request-id`. */
  readonly requestIdHeader?: string;
  /** It reads a whole number in the field `priority`: which end goes first. */
  readonly priority?: "lowest_first" | "highest_first";
  /** `stream_options.continuous_usage_stats` brings exact running usage with every chunk. */
  readonly continuousUsage: boolean;
  /** What `responses: auto` means: its own, our translation, or its own until it answers 404. */
  readonly responses: "native" | "translate" | "until_404";
  /** Its own `/v1/responses` passes over tools and items that it does not know, and says nothing. */
  readonly skipsResponseParts: boolean;
  /** Its own `/v1/responses` may call an answer completed that was cut at its cap. */
  readonly hidesResponseCuts: boolean;
  /** Every choice and every prompt of a list works in a slot of its own. */
  readonly choicesTakeSlots: boolean;
  /** Every input of a list of embeddings works in a slot of its own. */
  readonly inputsTakeSlots: boolean;
  /** Without a cap a chat answer may fill what the prompt leaves of the context, and no more. */
  readonly fillsContextUncapped: boolean;
  /** A prompt beyond the context is cut and answered with 200. */
  readonly truncatesSilently: boolean;
  /** It serves its one model whatever name is asked for. */
  readonly ignoresModelNames: boolean;
  readonly letGo: LetGo;
  /** Of `GET /metrics` beside the version path. */
  readonly gauges?: LoadGauges;
  /** A GET below the root that answers with JSON in which one of the fields stands: it is this engine. */
  readonly signature?: { readonly path: string; readonly field: string };
  /** Asks for the rest; `wanted` are the model names that routes use. */
  describe?(
    ask: AskEngine,
    listed: readonly EngineModel[],
    wanted: readonly string[],
  ): Promise<EngineDetails>;
}

import type { EngineName } from "../../config/engine-name.ts";
import type { EngineClient } from "./engine-client.ts";

/** A model as its engine lists it. */
export interface EngineModel {
  readonly id: string;
  /** Other names of the same model. */
  readonly aliases: readonly string[];
  /** The most tokens of prompt and answer of one call together; undefined if it is unknown. */
  readonly contextLength?: number;
  readonly kind?: "chat" | "embedding";
}

/** An engine's report on itself, beyond its model list. */
export interface EngineDetails {
  readonly version?: string;
  /** Calls that it runs side by side. */
  readonly slots?: number;
  /** The model list again, where the engine knows more than `/v1/models` tells. */
  readonly models?: readonly EngineModel[];
}

/** Names of gauges in Prometheus text. The first name that is there counts. */
export interface LoadGauges {
  readonly running: readonly string[];
  /** Calls in the engine's own queue. */
  readonly waiting: readonly string[];
}

/** The times after which a call that was cut no longer runs in the engine. */
interface LetGo {
  /** The time for a call whose answer had begun, as measured. */
  readonly generatingMs: number;
  /** The time for a call cut before its first token: some engines finish the prompt first. */
  readonly promptMs: number;
  /** `slots`: `GET /slots` says which slots work. */
  readonly witness?: "slots";
}

/** A kind of engine as plain data. Each file says where the values come from. */
export interface EngineInfo {
  /** The engine's name; null if it was neither configured nor recognised. */
  readonly name: EngineName | null;
  /** Values of `owned_by` in its model list. */
  readonly owners: readonly string[];
  /** The header by which it names a call, beside our `x-client-request-id`. */
  readonly requestIdHeader?: string;
  /** The engine reads a whole number in the field `priority`: which end goes first. */
  readonly priority?: "lowest_first" | "highest_first";
  /** `stream_options.continuous_usage_stats` brings exact running usage with every chunk. */
  readonly continuousUsage: boolean;
  /**
   * The meaning of `responses: auto`: the engine's own endpoint, our translation, or its own until
   * it answers 404.
   */
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
  /** The engine serves its one model whatever name is asked for. */
  readonly ignoresModelNames: boolean;
  readonly letGo: LetGo;
  /** Gauges of `GET /metrics`, beside the version path. */
  readonly gauges?: LoadGauges;
  /** A GET below the root: an answer in JSON that has `field` comes from this engine. */
  readonly signature?: { readonly path: string; readonly field: string };
  /** Asks for all else. `wanted`: the model names that routes use. */
  describe?(
    client: EngineClient,
    listed: readonly EngineModel[],
    wanted: readonly string[],
  ): Promise<EngineDetails>;
}

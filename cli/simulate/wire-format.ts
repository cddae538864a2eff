import type { Generation } from "./generation.ts";
import type { GenerationRequest } from "./inference-request.ts";
import type { HttpError, SimulatorKind } from "./http-error.ts";

/** Replaces the `usage` of an answer by an object or null, or removes it. */
type UsageOverride = Readonly<Record<string, unknown>> | null | "absent";

export interface WireOptions {
  readonly kind: SimulatorKind;
  /** Makes the answer's ids unique. */
  readonly serial: number;
  readonly request: GenerationRequest;
  readonly generation: Generation;
  /** How many steps of the generation are sent. */
  readonly steps: number;
  readonly usage: UsageOverride | undefined;
  /** Tells whether the engine gives up after its steps and ends the answer with that. */
  readonly aborts: boolean;
}

/**
 * Writes one generation in the format of its endpoint: a whole body, or the events of a stream in
 * order.
 */
export interface WireFormat {
  body(): string;
  /** Writes what comes before the first token. */
  opening(): string;
  /** Writes the tokens of every choice from one step up to another, excluding the latter. */
  tokens(from: number, to: number): string;
  /** Writes the regular end: everything after the last token. */
  ending(): string;
  /** Writes an event with usage alone, where the format has one and usage is not absent. */
  usageEvent(): string;
  /** Writes the end of a stream that fails with an error. */
  errorEvents(error: HttpError): string;
  /** Writes the end of a stream in which an event's JSON breaks off. */
  brokenEvents(): string;
  /** Writes an event whose line never ends. */
  endlessLine(): string;
}

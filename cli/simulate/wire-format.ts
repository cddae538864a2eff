import type { Generation } from "./generation.ts";
import type { GenerationRequest } from "./inference-request.ts";
import type { Refusal, SimulatorKind } from "./refusal.ts";

/** Replaces the `usage` of an answer: an object, null, or the field left out. */
type UsageOverride = Readonly<Record<string, unknown>> | null | "absent";

export interface WireOptions {
  readonly kind: SimulatorKind;
  /** Makes the answer's ids its own. */
  readonly serial: number;
  readonly request: GenerationRequest;
  readonly generation: Generation;
  /** Steps of the generation that are sent. */
  readonly steps: number;
  readonly usage: UsageOverride | undefined;
  /** The engine gives up after its steps, and ends the answer with that. */
  readonly aborts: boolean;
}

/** Writes one generation as its endpoint does: a whole body, or the events of a stream in turn. */
export interface WireFormat {
  body(): string;
  /** What comes before the first token. */
  opening(): string;
  /** The tokens of every choice, from one step up to another, without it. */
  tokens(from: number, to: number): string;
  /** The good end: whatever comes after the last token that is sent. */
  ending(): string;
  /** An event with usage alone, where there is such a thing and usage is not to be absent. */
  usageEvent(): string;
  /** The end as an error tells it. */
  errorEvents(refusal: Refusal): string;
  /** The end of a stream in which an event's JSON breaks off. */
  brokenEvents(): string;
  /** A whole line without its end: an event that never comes to one. */
  endlessLine(): string;
}

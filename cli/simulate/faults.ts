import { z } from "zod";

const SCOPE = {
  /** How many calls the fault hits; all of them when absent. */
  times: z.int().positive().optional(),
  /** The chance that a call is hit; 1 when absent. */
  probability: z.number().min(0).max(1).optional(),
  /** Only calls are hit whose model or `x-client-request-id` contains this text. */
  match: z.string().optional(),
};
const afterTokens = z.int().min(0).optional();

const fault = <Shape extends z.core.$ZodLooseShape, Type extends string>(
  type: Type,
  shape: Shape,
) => z.strictObject({ type: z.literal(type), ...shape, ...SCOPE });

/** The body of `POST /sim/fault`. */
export const faultSchema = z.discriminatedUnion("type", [
  /** Answers this HTTP status. A string `body` is sent as text, anything else as JSON. */
  fault("status", {
    status: z.int().min(200).max(599),
    body: z.unknown().optional(),
    headers: z.record(z.string(), z.string()).optional(),
  }),
  /** The request is accepted, and nothing is ever sent. */
  fault("hang", {}),
  /** The socket closes before any header. */
  fault("drop", {}),
  /** Generation stops after this many tokens; a whole answer then never comes. */
  fault("hang_after", { tokens: z.int().min(0) }),
  /** Headers come at once, then the body at this rate. */
  fault("slow_body", { bytesPerSecond: z.number().positive() }),
  /** The socket closes after this many tokens, or after half of a whole answer's body. */
  fault("cut", { afterTokens, withUsage: z.boolean().optional() }),
  /**
   * The response ends regularly but too early: without finish chunk and `[DONE]`, or halfway
   * through a whole body.
   */
  fault("fin", { afterTokens }),
  /** Answers 200 and then an error event in the stream. Whole answers get the status itself. */
  fault("in_band_error", {
    afterTokens,
    status: z.int().min(400).max(599).optional(),
    message: z.string().optional(),
  }),
  /** Answers 200 with JSON that cannot be parsed. */
  fault("malformed", { afterTokens }),
  /** Answers 200 with a web page. */
  fault("html", {}),
  /** Replaces `usage` by this value; `"absent"` removes it. */
  fault("wrong_usage", {
    usage: z.union([z.record(z.string(), z.unknown()), z.null(), z.literal("absent")]),
  }),
  /** The engine gives up: `finish_reason` is `abort`, and everything else is regular. */
  fault("abort_finish", { afterTokens }),
  /** Sends one line, or one string in a whole answer, of this many bytes. */
  fault("huge_line", { bytes: z.int().positive() }),
  /** A call is refused when all slots are taken, whatever `queueLimit` says. */
  fault("refuse_when_full", {}),
]);

export type Fault = z.input<typeof faultSchema>;
export type FaultScope = Pick<Fault, "times" | "probability" | "match">;

interface Subject {
  readonly model: string;
  readonly clientRequestId: string | undefined;
}

/** The active fault, if any, and how often it may still hit. */
export class InjectedFaults {
  readonly #random: () => number;
  #fault: Fault | null = null;
  #left = Infinity;

  constructor(random: () => number) {
    this.#random = random;
  }

  set(chosen: Fault | null): void {
    this.#fault = chosen;
    this.#left = chosen?.times ?? Infinity;
  }

  /** Returns the fault for a call that got a slot, and uses up one of its times. */
  forRunning(subject: Subject): Fault | undefined {
    return this.#fault?.type === "refuse_when_full" ? undefined : this.#take(subject);
  }

  /** Tells whether a call that found all slots taken is refused instead of queued. */
  refusesWhenFull(subject: Subject): boolean {
    return this.#fault?.type === "refuse_when_full" && this.#take(subject) !== undefined;
  }

  #take({ model, clientRequestId }: Subject): Fault | undefined {
    const chosen = this.#fault;
    if (chosen === null || this.#left <= 0) return undefined;
    const { match, probability = 1 } = chosen;
    if (match !== undefined && !model.includes(match) && !clientRequestId?.includes(match)) {
      return undefined;
    }
    if (probability < 1 && this.#random() >= probability) return undefined;
    this.#left -= 1;
    return chosen;
  }
}

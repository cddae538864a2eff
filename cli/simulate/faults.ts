import { z } from "zod";

const scope = {
  /** How many calls it hits; every one when absent. */
  times: z.int().positive().optional(),
  /** Chance that a call is hit; 1 when absent. */
  probability: z.number().min(0).max(1).optional(),
  /** Only calls whose model or `x-client-request-id` contains this. */
  match: z.string().optional(),
};
const afterTokens = z.int().min(0).optional();

const fault = <Shape extends z.core.$ZodLooseShape, Type extends string>(
  type: Type,
  shape: Shape,
) => z.strictObject({ type: z.literal(type), ...shape, ...scope });

/** What `POST /sim/fault` takes. */
export const faultSchema = z.discriminatedUnion("type", [
  /** An HTTP status instead of an answer. `body`: text, or anything else as JSON. */
  fault("status", {
    status: z.int().min(200).max(599),
    body: z.unknown().optional(),
    headers: z.record(z.string(), z.string()).optional(),
  }),
  /** The request is taken and nothing is ever sent. */
  fault("hang", {}),
  /** The socket closes before any header. */
  fault("drop", {}),
  /** Generation stalls after that many tokens; a whole answer then never comes. */
  fault("hang_after", { tokens: z.int().min(0) }),
  /** Headers at once, then the body at this rate. */
  fault("slow_body", { bytesPerSecond: z.number().positive() }),
  /** The socket closes after that many tokens; a whole answer's after half of its body. */
  fault("cut", { afterTokens, withUsage: z.boolean().optional() }),
  /** The response ends politely, without finish chunk and `[DONE]`, or half way of a whole body. */
  fault("fin", { afterTokens }),
  /** 200, then an error event in the stream. Whole answers get the status itself. */
  fault("in_band_error", {
    afterTokens,
    status: z.int().min(400).max(599).optional(),
    message: z.string().optional(),
  }),
  /** 200 with JSON that does not parse. */
  fault("malformed", { afterTokens }),
  /** 200 with a web page. */
  fault("html", {}),
  /** This value in the place of `usage`; `"absent"`: none at all. */
  fault("wrong_usage", {
    usage: z.union([z.record(z.string(), z.unknown()), z.null(), z.literal("absent")]),
  }),
  /** The engine gives up: `finish_reason` is `abort`, all else looks well. */
  fault("abort_finish", { afterTokens }),
  /** One line, or one string in a whole answer, of that many bytes. */
  fault("huge_line", { bytes: z.int().positive() }),
  /** Full means refused, whatever `queueLimit` says. */
  fault("refuse_when_full", {}),
]);

export type Fault = z.input<typeof faultSchema>;
export type FaultScope = Pick<Fault, "times" | "probability" | "match">;

interface Subject {
  readonly model: string;
  readonly clientRequestId: string | undefined;
}

/** The fault that is switched on, if any, and how often it may still hit. */
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

  /** The fault for a call that got a slot; uses up one of its times. */
  forRunning(subject: Subject): Fault | undefined {
    return this.#fault?.type === "refuse_when_full" ? undefined : this.#take(subject);
  }

  /** Whether a call that found every slot taken is refused instead of queued. */
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

import type { AnswerJudge } from "./answer-judge.ts";
import type { StreamStep } from "../answer-reader.ts";
import type { ChunkEvent } from "./chunk-feed.ts";

/** Carries an answer's chunks to the caller, one by one or put together. */
export interface ChunkOutput {
  /** Characters that wait for the answer's end. */
  readonly heldChars: number;
  /** Takes a chunk that the judge has seen. */
  take(event: ChunkEvent, judge: AnswerJudge): void;
  /** Returns the text that may go on now, once. */
  drain(): string;
  /** Returns the rest of a whole answer, which goes out once its ledger row is written. */
  end(judge: AnswerJudge): Required<Pick<StreamStep, "tail">> & Pick<StreamStep, "body">;
}

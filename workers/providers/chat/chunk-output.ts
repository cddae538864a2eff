import type { AnswerJudge } from "./answer-judge.ts";
import type { StreamStep } from "../answer-reader.ts";
import type { ChunkEvent } from "./chunk-feed.ts";

/** What becomes of an answer's chunks: forwarded one by one, or put together. */
export interface ChunkOutput {
  /** Characters that wait for the answer's end. */
  readonly heldChars: number;
  /** Takes a chunk that the judge has seen. */
  take(event: ChunkEvent, judge: AnswerJudge): void;
  /** What may go on now. */
  drain(): string;
  /** The answer is whole: what is told of it after its ledger row is written. */
  end(judge: AnswerJudge): Required<Pick<StreamStep, "tail">> & Pick<StreamStep, "body">;
}

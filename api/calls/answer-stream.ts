import type { FastifyReply } from "fastify";
import type { AttemptFacts } from "../../shared/contracts/reply.ts";
import { splitEvents } from "../../shared/events/split-events.ts";
import { EventStream } from "../http/event-stream.ts";
import { answerHeaders } from "./answer-headers.ts";
import type { JobRun } from "./job-run.ts";
import { noteEnd } from "./note-end.ts";
import type { RunEnd } from "./run-end.ts";
import type { StreamView } from "./stream-view.ts";

export interface AnswerStreamOptions {
  readonly heartbeatMs: number;
  readonly view: StreamView;
}

/**
 * Answers with a job's events as they come. A failure before the headers have left is thrown as
 * `BrokerError`; after that it is an event of its own, and the stream ends without its good end.
 */
export async function answerStream(
  run: JobRun,
  reply: FastifyReply,
  { heartbeatMs, view }: AnswerStreamOptions,
): Promise<void> {
  let facts: AttemptFacts | undefined;
  let opening = view.beginning() + view.opening();
  let events = 0;
  const stream = new EventStream({
    reply,
    heartbeatMs,
    headers: () => answerHeaders(run.id, facts),
  });
  run.overdue.addEventListener("abort", () => stream.abandon());
  try {
    for await (const event of run.events()) {
      if (event.type === "head") {
        facts = event.facts;
        stream.open();
      } else if (event.type === "chunk") {
        if (view.isNumbered) events += splitEvents(event.text).length;
        await stream.write(opening + event.text);
        opening = "";
      } else {
        noteEnd(reply.request.facts, event.end);
        facts = event.end.facts ?? facts;
        finish(event.end);
      }
    }
  } finally {
    stream.stop();
  }

  function finish(end: RunEnd): void {
    if (end.error === undefined) stream.end(opening + (end.result?.tail ?? ""));
    else if (stream.opened) {
      reply.request.facts.errorCode = end.error.code;
      stream.end(opening + view.failure(end.error, end.state, events));
    } else {
      reply.headers(answerHeaders(run.id, end.facts, end.costNanos));
      throw end.error;
    }
  }
}

import type { FastifyReply } from "fastify";
import type { AnswerHeaders } from "../../shared/contracts/reply.ts";
import { splitEvents } from "../../shared/events/event-log.ts";
import { EventStream } from "../http/event-stream.ts";
import { toHttpHeaders } from "./answer-headers.ts";
import type { JobRun } from "./job-run.ts";
import { logEnd } from "./log-end.ts";
import type { RunEnd } from "./run-end.ts";
import type { StreamView } from "./stream-view.ts";

export interface AnswerStreamOptions {
  readonly heartbeatMs: number;
  readonly view: StreamView;
}

/**
 * Answers with a job's events as they come. A failure before the headers have left is thrown as
 * `BrokerError`; after that it is an event of its own, and the stream ends without `[DONE]`.
 */
export async function answerStream(
  run: JobRun,
  reply: FastifyReply,
  { heartbeatMs, view }: AnswerStreamOptions,
): Promise<void> {
  let answerHeaders: AnswerHeaders | undefined;
  let opening = view.beginning() + view.opening();
  let events = 0;
  const stream = new EventStream({
    reply,
    heartbeatMs,
    headers: () => toHttpHeaders(run.id, answerHeaders),
  });
  run.overdue.addEventListener("abort", () => stream.abandon());
  try {
    for await (const event of run.events()) {
      if (event.type === "head") {
        answerHeaders = event.answerHeaders;
        stream.open();
      } else if (event.type === "chunk") {
        if (view.isNumbered) events += splitEvents(event.text).length;
        await stream.write(opening + event.text);
        opening = "";
      } else {
        logEnd(reply.request.logFields, event.end);
        answerHeaders = event.end.answerHeaders ?? answerHeaders;
        finish(event.end);
      }
    }
  } finally {
    stream.stop();
  }

  function finish(end: RunEnd): void {
    if (end.error === undefined) stream.end(opening + (end.result?.tail ?? ""));
    else if (stream.opened) {
      reply.request.logFields.errorCode = end.error.code;
      stream.end(opening + view.failure(end.error, end.state, events));
    } else {
      reply.headers(toHttpHeaders(run.id, end.answerHeaders, end.costNanos));
      throw end.error;
    }
  }
}

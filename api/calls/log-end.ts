import { formatUsd } from "../../shared/money/usd.ts";
import type { LogFields } from "../http/log-fields.ts";
import type { RunEnd } from "./run-end.ts";

/** Fills a request's log fields from its job's end. */
export function logEnd(logFields: LogFields, end: RunEnd): void {
  logFields.jobState = end.state;
  if (end.answerHeaders !== undefined) {
    logFields.provider = end.answerHeaders.provider;
    logFields.attempts = end.answerHeaders.attempts;
    logFields.queueMs = end.answerHeaders.queueMs;
  }
  if (end.costNanos !== undefined) logFields.costUsd = formatUsd(end.costNanos);
}

import { formatUsd } from "../../shared/money/usd.ts";
import type { RequestFacts } from "../http/request-facts.ts";
import type { RunEnd } from "./run-end.ts";

/** Tells the request's log line how its job ended. */
export function noteEnd(facts: RequestFacts, end: RunEnd): void {
  facts.jobState = end.state;
  if (end.facts !== undefined) {
    facts.provider = end.facts.provider;
    facts.attempts = end.facts.attempts;
    facts.queueMs = end.facts.queueMs;
  }
  if (end.costNanos !== undefined) facts.costUsd = formatUsd(end.costNanos);
}

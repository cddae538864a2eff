import { createParser } from "eventsource-parser";
import { parseJson } from "../../../shared/json/json-object.ts";

/** A caller received this much of an answer. */
export interface ReadAnswer {
  readonly text: string;
  readonly complete: boolean;
  readonly errorCode: string | undefined;
}

interface Choice {
  readonly delta?: { readonly content?: string };
  readonly message?: { readonly content: string };
  readonly text?: string;
}

interface AnswerJson {
  readonly choices?: readonly Choice[];
  readonly data?: readonly { readonly embedding: unknown }[];
  readonly error?: { readonly code?: string | null };
}

/** Reads a stream of events as far as it was received. */
export function readStream(received: string): ReadAnswer {
  let text = "";
  let complete = false;
  let errorCode: string | undefined;
  const parser = createParser({
    onEvent: ({ data }) => {
      if (data === "[DONE]") {
        complete = true;
        return;
      }
      const event = parseJson(data) as AnswerJson | undefined;
      if (event?.error !== undefined) errorCode = event.error.code ?? "without a code";
      for (const choice of event?.choices ?? []) text += choice.delta?.content ?? choice.text ?? "";
    },
  });
  parser.feed(received);
  return { text, complete, errorCode };
}

/** Reads a whole body, or an error. */
export function readBody(received: string): ReadAnswer {
  const body = parseJson(received) as AnswerJson | undefined;
  const { choices, data, error } = body ?? {};
  const text =
    data === undefined
      ? (choices ?? []).map((choice) => choice.message?.content ?? choice.text ?? "").join("")
      : JSON.stringify(data.map(({ embedding }) => embedding));
  return {
    text: text === "[]" ? "" : text,
    complete: choices !== undefined || data !== undefined,
    errorCode: error === undefined ? undefined : (error.code ?? "without a code"),
  };
}

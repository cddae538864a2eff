import { asObject } from "../../shared/json/json-object.ts";
import { invalid } from "./body-fields.ts";
import { type Prompt, textPrompt } from "./prompt.ts";
import { HttpError } from "./http-error.ts";

/**
 * Reads the messages of a conversation in turn. As in clouds, every result must follow its call,
 * and every call must have a result.
 */
export class Conversation {
  readonly #field: "messages" | "input";
  readonly #texts: string[] = [];
  readonly #called = new Set<unknown>();
  readonly #answered = new Set<unknown>();
  #lastText = "";
  #endsWithUser = false;

  /** `field` is the request's field that contains the conversation. */
  constructor(field: "messages" | "input") {
    this.#field = field;
  }

  said(role: unknown, content: unknown): void {
    this.#add(this.#textOf(content));
    if (role !== "user") return;
    this.#lastText = this.#texts.at(-1) ?? "";
    this.#endsWithUser = true;
  }

  called(callId: unknown, text: string): void {
    this.#add(text);
    this.#called.add(callId);
  }

  answered(callId: unknown, content: unknown): void {
    this.#add(this.#textOf(content));
    if (!this.#called.has(callId)) {
      throw this.#unpaired(`No tool call found for tool output with id ${String(callId)}.`);
    }
    this.#answered.add(callId);
  }

  /** Adds anything else that counts as input. */
  other(text: string): void {
    this.#add(text);
  }

  prompt(): Prompt {
    for (const callId of this.#called) {
      if (!this.#answered.has(callId)) {
        throw this.#unpaired(`No tool output found for tool call ${String(callId)}.`);
      }
    }
    const { tokens, text } = textPrompt(this.#texts.join("\n"));
    return { text, tokens, lastText: this.#lastText, endsWithUser: this.#endsWithUser };
  }

  #add(text: string): void {
    this.#texts.push(text);
    this.#endsWithUser = false;
  }

  #textOf(content: unknown): string {
    if (typeof content === "string") return content;
    if (content === undefined || content === null) return "";
    if (!Array.isArray(content)) {
      throw invalid(this.#field, "content must be text or a list of parts");
    }
    return content.map((each: unknown) => this.#partText(each)).join("");
  }

  #partText(value: unknown): string {
    const part = asObject(value);
    if (part === undefined) throw invalid(this.#field, "content parts must be objects");
    const { text } = part;
    // A media part counts as the text of its JSON, which is deterministic and makes inlined media
    // expensive.
    return typeof text === "string" ? text : JSON.stringify(part);
  }

  #unpaired(message: string): HttpError {
    return new HttpError({ status: 400, message, param: this.#field });
  }
}

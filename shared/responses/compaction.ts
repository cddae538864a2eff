import { asObject, stringAt, type JsonObject } from "../json/json-object.ts";
import { openSummary } from "./summary-seal.ts";

/** The model gets this instruction in place of the user's next message. */
const PROMPT = `Summarise this whole conversation so that another model can go on with the work from your summary alone. It will see the user's messages, but none of the answers, tool calls and results. Write down what is to be done and how far it has come, what was decided and why, facts, names, paths, numbers and error messages that will be needed, what the user wants and does not want, and what comes next. Be exact and brief. Answer with the summary only; call no tools.`;

/** The text in front of a summary when a model reads it. */
const INTRODUCTION =
  "The earlier part of this conversation was replaced by this summary, which you wrote:";

/** Older clients call the item `compaction_summary`. */
const compactionTypes: ReadonlySet<unknown> = new Set(["compaction", "compaction_summary"]);

const promptItem = message(PROMPT);

function message(text: string): JsonObject {
  return { type: "message", role: "user", content: [{ type: "input_text", text }] };
}

/** Returns true for an item that replaces the items before it. */
export function isCompaction(item: unknown): boolean {
  return compactionTypes.has(asObject(item)?.["type"]);
}

/** Replaces the compaction items in a response's input by the summaries that they hold. */
export function withSummaries(items: readonly unknown[]): readonly unknown[] {
  return items.map((item, index) => {
    if (!isCompaction(item)) return item;
    const param = `input[${index}].encrypted_content`;
    const summary = openSummary(asObject(item)?.["encrypted_content"], param);
    return summary === undefined ? item : message(`${INTRODUCTION}\n\n${summary}`);
  });
}

/** Returns true when an input ends with the item by which a client asks for a compaction. */
export function endsWithTrigger(input: unknown): boolean {
  const items = Array.isArray(input) ? (input as unknown[]) : [];
  return isTrigger(items.at(-1));
}

function isTrigger(item: unknown): boolean {
  return asObject(item)?.["type"] === "compaction_trigger";
}

/** Returns the input that makes a model summarise these items. */
export function summarisingInput(items: readonly unknown[]): readonly unknown[] {
  return [...items.filter((item) => !isTrigger(item)), promptItem];
}

/**
 * Returns the items that stay beside the summary of an input: the user's messages, without earlier
 * summaries and without the instruction for this one.
 */
export function keptMessages(items: readonly unknown[]): readonly JsonObject[] {
  return items.flatMap((each) => {
    const item = asObject(each) ?? {};
    if ((item["type"] ?? "message") !== "message" || item["role"] !== "user") return [];
    const text = firstText(item["content"]);
    return text === PROMPT || text.startsWith(INTRODUCTION) ? [] : [item];
  });
}

function firstText(content: unknown): string {
  if (!Array.isArray(content)) return typeof content === "string" ? content : "";
  return stringAt(asObject(content[0]) ?? {}, "text");
}

import { asObject, stringAt, type JsonObject } from "../json/json-object.ts";
import { openSummary } from "./summary-seal.ts";

/** What the model is asked in place of the user's next message. */
const PROMPT = `Summarise this whole conversation so that another model can go on with the work from your summary alone. It will see the user's messages, but none of the answers, tool calls and results. Write down what is to be done and how far it has come, what was decided and why, facts, names, paths, numbers and error messages that will be needed, what the user wants and does not want, and what comes next. Be exact and brief. Answer with the summary only; call no tools.`;

/** What stands before a summary where a model reads it. */
const INTRODUCTION =
  "The earlier part of this conversation was replaced by this summary, which you wrote:";

/** `compaction_summary` is what older clients call it. */
const compactionTypes: ReadonlySet<unknown> = new Set(["compaction", "compaction_summary"]);

const promptItem = message(PROMPT);

function message(text: string): JsonObject {
  return { type: "message", role: "user", content: [{ type: "input_text", text }] };
}

/** Whether an item stands for the items before it. */
export function isCompaction(item: unknown): boolean {
  return compactionTypes.has(asObject(item)?.["type"]);
}

/** A response's input with the summaries that compaction items hold in these items' place. */
export function withSummaries(items: readonly unknown[]): readonly unknown[] {
  return items.map((item, index) => {
    if (!isCompaction(item)) return item;
    const param = `input[${index}].encrypted_content`;
    const summary = openSummary(asObject(item)?.["encrypted_content"], param);
    return summary === undefined ? item : message(`${INTRODUCTION}\n\n${summary}`);
  });
}

/** Whether an input ends with the item by which a client asks for a compaction. */
export function endsWithTrigger(input: unknown): boolean {
  const items = Array.isArray(input) ? (input as unknown[]) : [];
  return isTrigger(items.at(-1));
}

function isTrigger(item: unknown): boolean {
  return asObject(item)?.["type"] === "compaction_trigger";
}

/** The input that makes a model summarise these items. */
export function summarisingInput(items: readonly unknown[]): readonly unknown[] {
  return [...items.filter((item) => !isTrigger(item)), promptItem];
}

/**
 * What stays of an input beside its summary: what the user said, without earlier summaries and the
 * question for this one.
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

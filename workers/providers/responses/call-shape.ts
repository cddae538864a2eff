import { asObject, parseJson, type JsonObject } from "../../../shared/json/json-object.ts";
import { clientTools, type ClientTool } from "../../../shared/responses/client-tools.ts";
import {
  argumentsDelta,
  argumentsDone,
  customInputEvents,
  type ItemEvent,
  type ItemPlace,
} from "../../../shared/responses/item-events.ts";
import type { CalledTool } from "../../../shared/responses/tool-table.ts";

type Status = "in_progress" | "completed" | "incomplete";

/** The item that a function call becomes, for one kind of tool. */
export interface CallShape {
  readonly type: string;
  /** The start of its items' ids. */
  readonly prefix: string;
  delta(place: ItemPlace, text: string): readonly ItemEvent[];
  /**
   * Returns the events before the item is done, or undefined if the tool does not take these
   * arguments.
   */
  done(place: ItemPlace, text: string, status: Status): readonly ItemEvent[] | undefined;
  fields(text: string, status: Status): JsonObject;
}

export function callShape(tool: CalledTool): CallShape {
  if (tool.kind === "function") return functionShape(tool);
  const own = clientTools.get(tool.kind);
  return own === undefined ? customShape(tool) : clientShape(own);
}

function functionShape({ name, namespace }: CalledTool): CallShape {
  return {
    type: "function_call",
    prefix: "fc",
    delta: (place, text) => [argumentsDelta(place, text)],
    done: (place, text) => [argumentsDone(place, name, text)],
    fields: (text) => ({
      name,
      ...(namespace === undefined ? {} : { namespace }),
      arguments: text,
    }),
  };
}

/**
 * Makes the shape of a custom tool. Its free text is wrapped as `{"input": …}`, so it cannot go out
 * before it is whole.
 */
function customShape({ name, namespace }: CalledTool): CallShape {
  return {
    type: "custom_tool_call",
    prefix: "ctc",
    delta: () => [],
    done: (place, text) => customInputEvents(place, freeText(text)),
    fields: (text, status) => ({
      name,
      ...(namespace === undefined ? {} : { namespace }),
      input: status === "in_progress" ? "" : freeText(text),
    }),
  };
}

function clientShape(tool: ClientTool): CallShape {
  return {
    type: tool.call,
    prefix: tool.call.replace("_call", ""),
    delta: () => [],
    done: (_place, text, status) =>
      status === "completed" && tool.fieldsOf(objectIn(text) ?? {}) === undefined ? undefined : [],
    fields: (text) => tool.fieldsOf(objectIn(text) ?? {}) ?? {},
  };
}

/**
 * Takes the free text out of its wrapping. Models that ignore the wrapping write the text itself,
 * or wrap it under another name.
 */
function freeText(text: string): string {
  const given = objectIn(text);
  if (given === undefined) return text;
  if (typeof given["input"] === "string") return given["input"];
  const [only, ...others] = Object.values(given);
  return typeof only === "string" && others.length === 0 ? only : text === "{}" ? "" : text;
}

function objectIn(text: string): JsonObject | undefined {
  return asObject(parseJson(text));
}

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";

/** An engine for tests of agents: it calls a tool, and answers with the tool's result. */
export interface CallingEngine {
  /** The base URL, which ends with `/v1`. */
  readonly url: string;
  /** Returns the number of chat completions so far. */
  calls(): number;
  close(): Promise<void>;
}

interface Message {
  readonly role: string;
  readonly content: unknown;
}

interface ChatRequest {
  readonly messages: readonly Message[];
  readonly tools?: readonly { readonly function: { readonly name: string } }[];
  readonly stream?: boolean;
}

interface Step {
  readonly content: string;
  /** The tool to call. */
  readonly tool: string | undefined;
}

/** The length of a loop's step, which determines its cost. */
const LOOP_WORDS = 1_000;

/**
 * Starts an engine that only chats. It lets the first tool compute 6*7 and answers with the result.
 * When the prompt says to go in circles, it calls the tool again and again, and never answers.
 */
export async function startCallingEngine(): Promise<CallingEngine> {
  let calls = 0;
  const server = createServer((request, response) => {
    if (request.method === "POST") {
      calls += 1;
      void answer(request, response);
      return;
    }
    request.resume();
    const found = request.url === "/v1/models";
    response.writeHead(found ? 200 : 404, { "content-type": "application/json" });
    response.end('{"object":"list","data":[{"id":"m","object":"model"}]}');
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/v1`,
    calls: () => calls,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = (await json(request)) as ChatRequest;
  const { content, tool } = nextStep(body);
  const call = {
    index: 0,
    id: `call_${body.messages.length}`,
    type: "function",
    function: { name: tool, arguments: '{"input":"6*7"}' },
  };
  const message = {
    role: "assistant",
    content,
    ...(tool === undefined ? {} : { tool_calls: [call] }),
  };
  const prompt = Math.ceil(JSON.stringify(body).length / 4);
  const completion = content.split(" ").length + (tool === undefined ? 0 : 10);
  const usage = {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
  };
  const finish = tool === undefined ? "stop" : "tool_calls";
  const head = { id: "chatcmpl-1", created: 1, model: "m" };
  if (body.stream !== true) {
    const choices = [{ index: 0, message, finish_reason: finish }];
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ ...head, object: "chat.completion", choices, usage }));
    return;
  }
  response.writeHead(200, { "content-type": "text/event-stream" });
  const send = (delta: object, reason: string | null, more: object = {}): void => {
    const choices = [{ index: 0, delta, finish_reason: reason }];
    const chunk = { ...head, object: "chat.completion.chunk", choices, ...more };
    response.write(`data: ${JSON.stringify(chunk)}\n\n`);
  };
  send(message, null);
  send({}, finish, { usage });
  response.end("data: [DONE]\n\n");
}

function nextStep({ messages, tools = [] }: ChatRequest): Step {
  const last = messages.at(-1);
  const tool = tools[0]?.function.name;
  const looping = JSON.stringify(messages).includes("in circles");
  if (looping && tool !== undefined) {
    return { content: "round ".repeat(LOOP_WORDS).trim(), tool };
  }
  if (last?.role === "tool") {
    // n8n wraps the result: `[{"response":"42"}]`.
    const outcome = /-?\d+/.exec(textOf(last))?.[0] ?? "not there";
    return { content: `It is ${outcome}.`, tool: undefined };
  }
  return tool === undefined ? { content: "There is no tool.", tool } : { content: "", tool };
}

function textOf({ content }: Message): string {
  return typeof content === "string" ? content : JSON.stringify(content);
}

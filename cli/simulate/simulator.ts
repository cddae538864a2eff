import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { Socket } from "node:net";
import type { Engine } from "./answer-call.ts";
import { BodyLog, type LoggedBody } from "./body-log.ts";
import { CounterBook, type Counters } from "./counters.ts";
import type { DialectName } from "./dialect.ts";
import { type Fault, InjectedFaults, type FaultScope } from "./faults.ts";
import type { SimulatorKind } from "./http-error.ts";
import { createRoutes } from "./routes.ts";
import { Slots } from "./slots.ts";
import { Traffic } from "./traffic.ts";

export interface SimulatorOptions {
  readonly kind: SimulatorKind;
  /** Default 127.0.0.1. */
  readonly host?: string | undefined;
  /** Default 0, which takes a free port. */
  readonly port?: number | undefined;
  /** Requests that run at once. */
  readonly slots: number;
  /** Time to the first token; default 0. */
  readonly ttftMs?: number | undefined;
  /** The rate of each request; default 0, which like Infinity means no pacing. */
  readonly tokensPerSecond?: number | undefined;
  /** Other models get 404; by default every model is known. */
  readonly models?: readonly string[] | undefined;
  /** Tokens of an answer when the request does not say; default 16. */
  readonly outputTokens?: number | undefined;
  /** Tokens of reasoning before the answer when the request does not say; default 0. */
  readonly reasoningTokens?: number | undefined;
  /** Tells whether `/v1/responses` exists; default true. */
  readonly responses?: boolean | undefined;
  /** When set, `/v1` requires it as bearer token. */
  readonly apiKey?: string | undefined;
  /** Requests that may wait for a slot before others get 503 (gpu) or 429 (cloud); default 0. */
  readonly queueLimit?: number | undefined;
  /** In tokens; no limit by default. */
  readonly contextLength?: number | undefined;
  /** An engine family whose other names for caps, counts, models and prompts are obeyed as well. */
  readonly dialect?: DialectName | undefined;
  /** Request ids kept in the counters; default 200,000. */
  readonly rememberedRequests?: number | undefined;
  /** Request bodies kept for `bodies`; default 20. */
  readonly rememberedBodies?: number | undefined;
  /** The random source of faults with a probability; default `Math.random`. */
  readonly random?: (() => number) | undefined;
}

export interface Simulator {
  /** The base URL, which ends with `/v1`. */
  readonly url: string;
  readonly port: number;
  counters(): Counters;
  /** The bodies of the last inference calls, oldest first. */
  bodies(): readonly LoggedBody[];
  /** Replaces the active fault; null removes it. */
  setFault(fault: Fault | null, scope?: FaultScope): void;
  /** Clears counters, fault and bodies. Of calls in flight, only `inFlight` remains. */
  reset(): void;
  /** Refuses connections and destroys open ones at once, as a dead server does. */
  close(): Promise<void>;
  /** Listens again on the same port; counters and fault are kept. */
  restart(): Promise<void>;
}

/** Starts a simulated upstream: a real HTTP server that counts what it receives and sends. */
export async function startSimulator(options: SimulatorOptions): Promise<Simulator> {
  const host = options.host ?? "127.0.0.1";
  const book = new CounterBook(options.rememberedRequests ?? 200_000);
  const faults = new InjectedFaults(options.random ?? Math.random);
  let lastId = 0;
  const engine: Engine = {
    kind: options.kind,
    slots: new Slots(options.slots, options.queueLimit ?? 0),
    faults,
    pace: { ttftMs: options.ttftMs ?? 0, tokensPerSecond: options.tokensPerSecond ?? 0 },
    outputTokens: options.outputTokens ?? 16,
    reasoningTokens: options.reasoningTokens ?? 0,
    contextLength: options.contextLength,
    dialect: options.dialect,
    models: options.models,
    bodies: new BodyLog(options.rememberedBodies ?? 20),
    nextId: () => (lastId += 1),
  };
  const traffic = new Traffic();
  const counters = (): Counters => {
    const { running, waiting } = engine.slots;
    return book.snapshot({ running, waiting, ...traffic.counts() });
  };
  const setFault = (fault: Fault | null, scope: FaultScope = {}): void =>
    faults.set(fault === null ? null : { ...fault, ...scope });
  const reset = (): void => {
    book.reset();
    traffic.reset();
    engine.bodies.reset();
    faults.set(null);
  };
  const routes = createRoutes({
    engine,
    book,
    apiKey: options.apiKey,
    responses: options.responses ?? true,
    counters,
    setFault,
    reset,
    opened: (call, request) => traffic.opened(call, request.socket),
  });
  const listen = async (port: number): Promise<Server> => {
    // The server has no time limits of its own; only the client decides how long a request or an
    // idle connection lasts.
    const server = createServer(
      { requestTimeout: 0, headersTimeout: 0, keepAliveTimeout: 0 },
      routes,
    );
    server.on("connection", (socket: Socket) => traffic.connected(socket));
    server.listen(port, host);
    await once(server, "listening");
    return server;
  };

  let server: Server | undefined = await listen(options.port ?? 0);
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no TCP address");
  const { port } = address;
  let closed = Promise.resolve();
  const close = (): Promise<void> => {
    if (server !== undefined) {
      closed = once(server, "close").then(() => undefined);
      server.close();
      server = undefined;
      traffic.destroyAll();
    }
    return closed;
  };
  return {
    url: `http://${host}:${port}/v1`,
    port,
    counters,
    bodies: () => engine.bodies.all(),
    setFault,
    reset,
    close,
    restart: async () => {
      await close();
      server = await listen(port);
    },
  };
}

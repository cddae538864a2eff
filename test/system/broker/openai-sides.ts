import OpenAI, { type ClientOptions } from "openai";
import { startSimulator, type Simulator } from "../../../cli/simulate/simulator.ts";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { withoutRescue } from "./without-rescue.ts";

const UPSTREAM_KEY = "sk-upstream";

export const sideNames = ["straight to the cloud", "through the broker"] as const;

/** Two ways lead to the same answer, and both must behave alike. */
export interface Side {
  /** The client does not retry unless the options say so. */
  client(options?: ClientOptions): OpenAI;
  /** The simulated cloud behind this way. */
  readonly upstream: Simulator;
}

export interface Sides {
  side(name: (typeof sideNames)[number]): Side;
  readonly broker: TestBroker;
  stop(): Promise<void>;
}

/** Starts an OpenAI-like cloud, and another one with a broker in front. */
export async function startSides(): Promise<Sides> {
  const simulated = {
    kind: "cloud" as const,
    slots: 8,
    apiKey: UPSTREAM_KEY,
    models: ["chat", "embed"],
    contextLength: 4_000,
  };
  const straight = await startSimulator(simulated);
  const broker = await startTestBroker({
    providers: {
      cloud: {
        ...simulated,
        location: "cloud",
        price: { input: 1, output: 2 },
        // Calls that are closed within a test are not closed because of their silence.
        yaml: `api_key: ${UPSTREAM_KEY}\n    timeouts: { first_byte: 1h, idle: 1h }`,
      },
    },
    cadences: withoutRescue,
    models: [
      "  embed:",
      "    serve: [{ provider: cloud, model: embed }]",
      "  chat:",
      "    serve: [{ provider: cloud, model: chat }]",
      "    max_attempts: 1",
      "    max_output_tokens: 100",
    ].join("\n"),
  });
  const { key } = await broker.key();
  const { cloud } = broker.upstreams;
  if (cloud === undefined) throw new Error("no simulated cloud");
  const sides: Readonly<Record<(typeof sideNames)[number], Side>> = {
    "straight to the cloud": { client: open(UPSTREAM_KEY, straight.url), upstream: straight },
    "through the broker": { client: open(key, broker.baseUrl), upstream: cloud },
  };
  return {
    side: (name) => sides[name],
    broker,
    async stop() {
      await broker.stop();
      await straight.close();
    },
  };
}

function open(apiKey: string, baseURL: string): Side["client"] {
  return (options) => new OpenAI({ apiKey, baseURL, maxRetries: 0, ...options });
}

import { expect } from "vitest";
import type { LoggedBody } from "../../../cli/simulate/body-log.ts";
import type { Fault } from "../../../cli/simulate/faults.ts";
import type { Simulator } from "../../../cli/simulate/simulator.ts";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";

/** An upstream of each kind stands behind the model of its name. */
export const upstreamKinds = ["native", "missing", "translated"] as const;
export type UpstreamKind = (typeof upstreamKinds)[number];

export interface ClientRig {
  readonly baseUrl: string;
  /** The key may call all three models. */
  readonly apiKey: string;
  /** The upstream's next answer has this fault. */
  spoil(kind: UpstreamKind, fault: Fault): void;
  /** Clears the upstreams' logs of requests. */
  forget(): void;
  /**
   * Returns the upstream's requests since the last `forget`, in order; each must be at the right
   * endpoint.
   */
  asked(kind: UpstreamKind): readonly LoggedBody[];
  stop(): Promise<void>;
}

/**
 * Starts a whole broker before three upstreams: one serves responses, one lacks them and the broker
 * finds this out, and for one the configuration says that it lacks them.
 */
export async function startClientRig(): Promise<ClientRig> {
  const broker = await startTestBroker({
    providers: {
      native: { yaml: "responses: auto" },
      missing: { yaml: "responses: auto", responses: false },
      translated: { yaml: "responses: translate" },
    },
    models: upstreamKinds
      .map(
        (kind) => `  ${kind}: { serve: [{ provider: ${kind}, model: m }], max_output_tokens: 500 }`,
      )
      .join("\n"),
  });
  const { key } = await broker.key();
  return {
    baseUrl: broker.baseUrl,
    apiKey: key,
    spoil: (kind, fault) => upstreamOf(broker, kind).setFault(fault, { times: 1 }),
    forget: () => {
      for (const kind of upstreamKinds) upstreamOf(broker, kind).reset();
    },
    asked: (kind) => {
      const bodies = upstreamOf(broker, kind).bodies();
      const endpoint = kind === "native" ? "responses" : "chat.completions";
      for (const each of bodies) expect(each).toMatchObject({ endpoint, body: { stream: true } });
      return bodies;
    },
    stop: () => broker.stop(),
  };
}

function upstreamOf(broker: TestBroker, kind: UpstreamKind): Simulator {
  const upstream = broker.upstreams[kind];
  if (upstream === undefined) throw new Error(`no upstream ${kind}`);
  return upstream;
}

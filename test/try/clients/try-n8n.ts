import type { TryOptions } from "../engines/try-engine.ts";
import { addressFlows } from "../n8n/address-flows.ts";
import { agentFlows } from "../n8n/agent-flows.ts";
import { startCallingEngine } from "../n8n/calling-engine.ts";
import { credentialOf } from "../n8n/context.ts";
import { installN8n } from "../n8n/install-n8n.ts";
import { laterFlows } from "../n8n/later-flows.ts";
import { startN8n } from "../n8n/start-n8n.ts";
import { failureFlows } from "../n8n/failure-flows.ts";
import { type FlowResult, runFlows } from "../run/flow.ts";
import { startSimulatedEngines } from "./simulated-engines.ts";

const FLOWS = [addressFlows, agentFlows, laterFlows, failureFlows].flat();

/**
 * Tries n8n with simulated engines: its credential, agents, background mode and Wait node, and what
 * its users read.
 */
export async function tryN8n({ runDir, only }: TryOptions): Promise<FlowResult[]> {
  const program = await installN8n();
  await using resources = new AsyncDisposableStack();
  const calling = await startCallingEngine();
  resources.defer(() => calling.close());
  const engines = await startSimulatedEngines(runDir, { calling: calling.url });
  resources.defer(() => engines.stop());
  const n8n = await startN8n(program, runDir);
  resources.defer(() => n8n.stop());
  const key = await engines.broker.key({ name: "n8n" });
  const rich = await credentialOf({ n8n, broker: engines.broker }, key);
  const chosen = FLOWS.filter(({ name }) => name.includes(only ?? ""));
  return await runFlows(chosen, { ...engines, n8n, calling, rich });
}

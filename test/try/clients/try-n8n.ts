import type { TryOptions } from "../engines/try-engine.ts";
import type { FlowResult } from "../run/flow.ts";
export async function tryN8n(_: TryOptions): Promise<FlowResult[]> {
  throw new Error("not written yet");
}

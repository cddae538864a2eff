import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startClientRig, upstreamKinds, type ClientRig } from "./rig.ts";

// Workflow tools such as n8n speak HTTP without a package, and ask until there is an end or an
// error.

let rig: ClientRig;
beforeAll(async () => {
  rig = await startClientRig();
});
afterAll(() => rig.stop());

interface Polled {
  readonly id: string;
  readonly status: string;
  readonly error: { readonly message: string } | null;
  readonly output: readonly { readonly type: string; readonly content?: readonly unknown[] }[];
}

async function call(method: string, path: string, body?: object): Promise<Polled> {
  const response = await fetch(`${rig.baseUrl}${path}`, {
    method,
    headers: { authorization: `Bearer ${rig.apiKey}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  expect(response.ok).toBe(true);
  return (await response.json()) as Polled;
}

/** Asks until the response is completed or has an error, as n8n does. */
async function poll(id: string): Promise<Polled> {
  const limitMs = Date.now() + 60_000;
  while (Date.now() < limitMs) {
    const seen = await call("GET", `/responses/${id}`);
    expect(Array.isArray(seen.output)).toBe(true);
    if (seen.status === "completed" || seen.error !== null) return seen;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error("never ended");
}

describe.each(upstreamKinds)("a background response polled at an upstream: %s", (model) => {
  it("is created at once, and found completed", async () => {
    const input = [{ role: "user", content: [{ type: "input_text", text: "Hi [sim output=2]" }] }];
    const created = await call("POST", "/responses", { model, input, background: true });
    expect(created).toMatchObject({ error: null, output: [], background: true });
    expect(["queued", "in_progress"]).toContain(created.status);
    const ended = await poll(created.id);
    expect(ended).toMatchObject({
      id: created.id,
      status: "completed",
      output: [{ type: "message", content: [{ type: "output_text", text: "tok0 tok1" }] }],
    });
  });

  it("tells of a failure in its error", async () => {
    rig.spoil(model, { type: "status", status: 400 });
    const created = await call("POST", "/responses", { model, input: "Hi", background: true });
    const ended = await poll(created.id);
    expect(ended.status).toBe("failed");
    expect(ended.error?.message).toBeTypeOf("string");
  });
});

import { describe, expect, it } from "vitest";
import { callOf, httpUpstream, providerFor, recordingSink } from "./upstream.ts";

async function refusedWith(
  status: number,
  body: string,
  headers: Record<string, string> = {},
  stream = false,
) {
  const upstream = await httpUpstream((_request, response) => {
    response.writeHead(status, headers).end(body);
  });
  const provider = providerFor(upstream.baseUrl, { slots: 1 });
  const sink = recordingSink();
  const outcome = await provider.call(callOf({ stream }), sink);
  expect(sink.heads()).toBe(0);
  return { outcome, provider, upstream };
}

describe("a refusal", () => {
  it("is classified, keeps the upstream's words, and leaves the socket for the next call", async () => {
    const error = {
      message: "bad\u0000tem\nperature",
      code: 400,
      param: "temperature",
      type: "BadRequestError",
    };
    const { outcome, provider, upstream } = await refusedWith(
      400,
      JSON.stringify({ error }),
      {},
      true,
    );
    expect(outcome).toEqual({
      kind: "failed",
      reason: "bad_request",
      status: 400,
      error: { message: "bad tem perature", param: "temperature" },
      detail: "answered HTTP 400 BadRequestError",
      sent: true,
      gotHeaders: true,
      outputBytes: 0,
      usage: undefined,
      ttftMs: null,
    });
    await provider.call(callOf(), recordingSink());
    expect(upstream.accepted()).toBe(1);
  });

  it.each([
    [{ "retry-after": "7" }, 7000],
    [{ "retry-after": "0.5" }, 500],
    [{ "retry-after-ms": "1234", "retry-after": "7" }, 1234],
    [{ "retry-after": "1e9" }, 60_000],
    [{ "retry-after": "-1" }, undefined],
    [{ "retry-after": "abc" }, undefined],
    [{ "retry-after": "1m2.5s" }, 60_000],
    [{ "retry-after": "500ms" }, 500],
    [{ "retry-after": new Date(Date.now() + 3_600_000).toISOString() }, 60_000],
    [{ "retry-after-ms": "-5", "retry-after": "2" }, 2000],
    [{ "retry-after": new Date(Date.now() + 3_600_000).toUTCString() }, 60_000],
    [{ "retry-after": "Wed, 21 Oct 2015 07:28:00 GMT" }, undefined],
    [{}, undefined],
  ])("waits as %o asks", async (headers, expected) => {
    const { outcome } = await refusedWith(429, "", headers);
    expect(outcome).toMatchObject({ kind: "failed", reason: "rate_limited", status: 429 });
    expect(outcome.kind === "failed" && outcome.retryAfterMs).toBe(expected);
  });

  it.each([
    ["that is HTML", "<html>Bad gateway</html>"],
    ["that is empty", ""],
    ["that is cut JSON", '{"error":'],
  ])("is classified by its status with a body %s", async (_name, body) => {
    const { outcome } = await refusedWith(502, body);
    expect(outcome).toMatchObject({ kind: "failed", reason: "server_error", status: 502 });
  });

  it("is not waited for when its body does not come, and its socket is closed", async () => {
    const upstream = await httpUpstream((_request, response) => {
      response.writeHead(500).write('{"error":');
    });
    const provider = providerFor(upstream.baseUrl, {}, { errorMs: 50 });
    const outcome = await provider.call(callOf(), recordingSink());
    expect(outcome).toMatchObject({ kind: "failed", reason: "server_error", status: 500 });
    await upstream.allClosed();
  });

  it("is read up to a bound, and its socket is closed beyond it", async () => {
    const upstream = await httpUpstream((_request, response) => {
      response.writeHead(500);
      const send = () => {
        while (!response.destroyed && response.write("x".repeat(10_000)));
      };
      response.on("drain", send);
      send();
    });
    const outcome = await providerFor(upstream.baseUrl).call(callOf(), recordingSink());
    expect(outcome).toMatchObject({ kind: "failed", reason: "server_error" });
    expect(outcome.kind === "failed" && outcome.error?.message.length).toBe(2000);
    await upstream.allClosed();
  });

  it("never gives the broker's key away, and logs nothing that the upstream wrote", async () => {
    const message = "header was: Bearer sk-upstream; prompt was: secret";
    const error = { message, code: message, param: "sk-upstream" };
    const quoted = await refusedWith(400, JSON.stringify({ error }));
    expect(JSON.stringify(quoted.outcome)).not.toContain("sk-upstream");
    expect(quoted.outcome).toMatchObject({ detail: "answered HTTP 400" });
    const bare = await refusedWith(
      401,
      JSON.stringify({ error: { message, code: "sk-upstream" } }),
    );
    expect(JSON.stringify(bare.outcome)).not.toContain("sk-upstream");
  });
});

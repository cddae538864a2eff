import { describe, expect, it } from "vitest";
import { callOf, httpUpstream, providerFor, recordingSink } from "./upstream.ts";

async function probed(answers: Readonly<Record<string, number>>) {
  const seen: string[] = [];
  const upstream = await httpUpstream((request, response) => {
    seen.push(`${request.method} ${request.url} ${request.headers.authorization ?? "-"}`);
    response.writeHead(answers[request.url ?? ""] ?? 404).end("x".repeat(100_000));
  });
  const provider = providerFor(upstream.baseUrl);
  const health = await provider.probe(new AbortController().signal);
  await upstream.allClosed();
  return { health, seen };
}

describe("probe", () => {
  it("is content with /health beside the base path", async () => {
    expect(await probed({ "/health": 200 })).toEqual({ health: "well", seen: ["GET /health -"] });
  });

  it("asks for the models, with the credential, when /health is not 2xx", async () => {
    expect(await probed({ "/health": 503, "/v1/models": 200 })).toEqual({
      health: "well",
      seen: ["GET /health -", "GET /v1/models Bearer sk-upstream"],
    });
  });

  it.each([
    [401, "well"],
    [404, "well"],
    [500, "unwell"],
    [503, "unwell"],
  ])("tells an answer with %i from none", async (status, expected) => {
    const { health } = await probed({ "/health": status, "/v1/models": status });
    expect(health).toBe(expected);
  });

  it("says when nobody listens", async () => {
    const provider = providerFor("http://127.0.0.1:1/v1");
    expect(await provider.probe(new AbortController().signal)).toBe("refused");
  });

  it("ends when it is aborted", async () => {
    const aborter = new AbortController();
    const upstream = await httpUpstream(() => aborter.abort());
    expect(await providerFor(upstream.baseUrl).probe(aborter.signal)).toBe("unreachable");
    await upstream.allClosed();
  });

  it("does not wait for a slot's socket", async () => {
    const upstream = await httpUpstream((request, response) => {
      if (request.method === "GET") response.end();
    });
    const provider = providerFor(upstream.baseUrl, { slots: 1 });
    const aborter = new AbortController();
    const running = provider.call(callOf({ signal: aborter.signal }), recordingSink());
    expect(await provider.probe(new AbortController().signal)).toBe("well");
    aborter.abort();
    await running;
  });
});

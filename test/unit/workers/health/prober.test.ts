import { beforeEach, describe, expect, test } from "vitest";
import { Prober } from "../../../../workers/health/prober.ts";
import type { ProbeResult, Provider } from "../../../../workers/providers/provider.ts";

const ROUNDS_WHILE_UP = 5;

/** A provider's next probe has this result. */
let finds: Record<string, ProbeResult>;
let probes: string[];
let changes: string[];
let resting: Set<string>;
let prober: Prober;

beforeEach(() => {
  finds = { "gpu-a": "well", "gpu-b": "well", cloud: "well" };
  probes = [];
  changes = [];
  resting = new Set();
  prober = new Prober({
    providers: new Map(Object.keys(finds).map((name) => [name, provider(name)])),
    isCloud: (name) => name === "cloud",
    onChange: (name, up) => void changes.push(`${name} ${up ? "up" : "down"}`),
    isResting: (name) => resting.has(name),
    onResult: () => undefined,
  });
});

function provider(name: string): Provider {
  return {
    name,
    call: () => Promise.reject(new Error("probes make no calls")),
    probe(signal) {
      expect(signal.aborted).toBe(false);
      probes.push(name);
      return Promise.resolve(finds[name] ?? "unreachable");
    },
    checkKey: () => Promise.resolve("unknown" as const),
    cutSilent: () => undefined,
    close: () => Promise.resolve(),
  };
}

async function rounds(count: number): Promise<string[]> {
  probes.length = 0;
  for (let round = 0; round < count; round++) await prober.probe();
  return probes.toSorted();
}

describe("what is probed", () => {
  test("local providers that are reached, each fifth round; a cloud that is reached, never", async () => {
    expect(await rounds(1)).toEqual(["gpu-a", "gpu-b"]);
    expect(await rounds(ROUNDS_WHILE_UP - 1)).toEqual([]);
    expect(await rounds(1)).toEqual(["gpu-a", "gpu-b"]);
  });

  test("in each round, a local provider that rests; a cloud's rest tells nothing by a GET", async () => {
    await rounds(1);
    resting = new Set(["gpu-a", "cloud"]);
    expect(await rounds(2)).toEqual(["gpu-a", "gpu-a"]);
  });

  test("in each round, whatever is not reached", async () => {
    finds["gpu-a"] = "unreachable";
    await rounds(1);
    prober.setReachable("cloud", false);
    finds["cloud"] = "unreachable";
    expect(await rounds(2)).toEqual(["cloud", "cloud", "gpu-a", "gpu-a"]);
  });
});

describe("a provider", () => {
  test("that does not answer is out by the next probe, and in again when it answers", async () => {
    finds["gpu-a"] = "unreachable";
    await rounds(1);
    expect(prober.isReachable("gpu-a")).toBe(false);
    expect(prober.unreachable()).toEqual(["gpu-a"]);
    finds["gpu-a"] = "well";
    await rounds(1);
    expect(prober.isReachable("gpu-a")).toBe(true);
    expect(changes).toEqual(["gpu-a down", "gpu-a up"]);
  });

  test("that a call could not reach is out at once; each change is told once", async () => {
    prober.setReachable("gpu-b", false);
    prober.setReachable("gpu-b", false);
    expect(prober.unreachable()).toEqual(["gpu-b"]);
    await rounds(1);
    prober.setReachable("gpu-b", true);
    expect(changes).toEqual(["gpu-b down", "gpu-b up"]);
  });

  test("that answers with errors stays as it was, in or out", async () => {
    finds["gpu-a"] = "unwell";
    await rounds(1);
    expect(prober.isReachable("gpu-a")).toBe(true);
    finds["gpu-a"] = "unreachable";
    await rounds(ROUNDS_WHILE_UP);
    finds["gpu-a"] = "unwell";
    await rounds(2);
    expect(prober.isReachable("gpu-a")).toBe(false);
    expect(changes).toEqual(["gpu-a down"]);
  });

  test("that nobody configured is not heard of", () => {
    prober.setReachable("stranger", false);
    expect(prober.unreachable()).toEqual([]);
    expect(prober.isReachable("stranger")).toBe(true);
    expect(changes).toEqual([]);
  });
});

test("a slow probe holds up its own round, and no other provider's", async () => {
  const answer = Promise.withResolvers<ProbeResult>();
  const slow: Provider = { ...provider("slow"), probe: () => answer.promise };
  const reached: string[] = [];
  const both = new Prober({
    providers: new Map([
      ["slow", slow],
      ["gpu-a", provider("gpu-a")],
    ]),
    isCloud: () => false,
    onChange: (name, up) => void reached.push(`${name} ${up ? "up" : "down"}`),
    isResting: (name) => resting.has(name),
    onResult: () => undefined,
  });
  finds["gpu-a"] = "unreachable";
  const round = both.probe();
  await new Promise((resolve) => setImmediate(resolve));
  expect(reached).toEqual(["gpu-a down"]);
  answer.resolve("unreachable");
  await round;
  expect(reached).toEqual(["gpu-a down", "slow down"]);
});

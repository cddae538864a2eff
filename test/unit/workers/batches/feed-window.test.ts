import { describe, expect, test } from "vitest";
import type { CompiledTarget } from "../../../../shared/routing/compiled-route.ts";
import { ProviderStates } from "../../../../shared/providers/provider-states.ts";
import { FeedWindow } from "../../../../workers/batches/feed-window.ts";

function roleOf(provider: string): CompiledTarget["role"] {
  return provider === "cloud" ? "overflow" : "serve";
}

function rig(...names: readonly string[]) {
  const providerStates = new ProviderStates(
    names.map((name) => ({ name, location: "local" as const, slots: 16 })),
  );
  const targets = names.map((provider) => ({ provider, role: roleOf(provider) }));
  const route = { targets };
  return { providerStates, route, window: new FeedWindow(providerStates) };
}

/** In each round, this share of the waiting lines is left at its end. */
function rounds({ route, window }: ReturnType<typeof rig>, count: number, left: number): number {
  let waiting = 0;
  for (let round = 0; round < count; round++) {
    window.begin(new Map([["gpu", waiting]]));
    const room = window.room(route, false);
    for (let line = 0; line < room; line++) window.place("gpu");
    waiting = Math.round((waiting + room) * left);
  }
  return window.get("gpu")?.placed ?? 0;
}

describe("how many lines wait at a provider", () => {
  test("two for each slot at first", () => {
    const { window, route } = rig("gpu");
    window.begin(new Map());
    expect(window.room(route, false)).toBe(32);
    window.begin(new Map([["gpu", 30]]));
    expect(window.room(route, false)).toBe(2);
  });

  test("more while they are gone before the next round, up to a limit, and fewer again", () => {
    const fast = rig("gpu");
    expect(rounds(fast, 3, 0)).toBeGreaterThan(100);
    expect(rounds(fast, 20, 0)).toBe(2_048);
    expect(rounds(fast, 60, 0.9)).toBeLessThan(64);
  });

  test("as many as before while about half of them are left", () => {
    expect(rounds(rig("gpu"), 20, 0.5)).toBe(32);
  });

  test("none where the provider is down, and then at overflow targets if they may go there", () => {
    const { providerStates, route, window } = rig("gpu", "cloud");
    window.begin(new Map());
    expect(window.room(route, true)).toBe(32);
    providerStates.setUp("gpu", false);
    expect(window.room(route, false)).toBe(0);
    expect(window.room(route, true)).toBe(32);
  });

  test("no more than overflow targets have room for, where a line has to wait all the same", () => {
    const { providerStates, route, window } = rig("gpu", "cloud");
    providerStates.setUp("gpu", false);
    window.begin(new Map([["gpu", 20]]));
    expect(window.room(route, true)).toBe(12);
    for (let line = 0; line < 12; line++) window.place("gpu");
    expect(window.room(route, true)).toBe(0);
    window.begin(new Map([["gpu", 2_048]]));
    expect(window.room(route, true)).toBe(0);
  });
});

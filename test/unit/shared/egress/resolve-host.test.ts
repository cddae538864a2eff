import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createEgressPolicy } from "../../../../shared/egress/egress-policy.ts";
import { createGuardedAgent } from "../../../../shared/egress/guarded-agent.ts";
import { postSigned } from "../../../../shared/egress/post-signed.ts";
import { createResolveHost, type ResolveHost } from "../../../../shared/egress/resolve-host.ts";
import { startNameServer, type NameServer } from "./name-server.ts";

let names: NameServer;
let resolveHost: ResolveHost;

beforeAll(async () => {
  names = await startNameServer();
  resolveHost = createResolveHost({ servers: [names.address] });
});
afterAll(() => names[Symbol.asyncDispose]());

describe("a host name", () => {
  test("has the addresses of both kinds", async () => {
    names.names.set("both.example", ["8.8.8.8", "8.8.4.4", "2a00::1"]);
    names.names.set("four.example", ["8.8.8.8"]);
    names.names.set("six.example", ["2a00::1"]);
    expect(await resolveHost("both.example")).toEqual(["8.8.8.8", "8.8.4.4", "2a00::1"]);
    expect(await resolveHost("four.example")).toEqual(["8.8.8.8"]);
    expect(await resolveHost("six.example")).toEqual(["2a00::1"]);
  });

  test("that does not exist or has no address is an error", async () => {
    names.names.set("empty.example", []);
    await expect(resolveHost("gone.example")).rejects.toMatchObject({ code: "ENOTFOUND" });
    await expect(resolveHost("empty.example")).rejects.toMatchObject({ code: "ENODATA" });
  });

  test("of this machine is looked up by the system", async () => {
    expect(await resolveHost("localhost")).toContain("127.0.0.1");
  });

  test("whose server is silent holds up no other name", async () => {
    names.names.set("fast.example", ["8.8.8.8"]);
    const slow = Array.from({ length: 16 }, (_item, index) => `slow${index}.example`);
    for (const name of slow) names.names.set(name, "silent");
    let settled = 0;
    const waiting = slow.map((name) => resolveHost(name).catch(() => settled++));
    expect(await resolveHost("fast.example")).toEqual(["8.8.8.8"]);
    expect(await resolveHost("localhost")).toContain("127.0.0.1");
    expect(settled).toBe(0);
    for (const name of slow) names.names.set(name, []);
    await Promise.all(waiting);
  });

  test.each([
    ["does not exist", "gone.example", "dns"],
    ["is not answered in time", "silent.example", "timeout"],
  ])("that %s fails the call", async (_what, name, reason) => {
    names.names.set("silent.example", "silent");
    const agent = createGuardedAgent(createEgressPolicy({ allowNetworks: [] }), { resolveHost });
    const post = postSigned(agent, {
      url: `https://${name}/`,
      headers: {},
      body: "{}",
      timeoutMs: 200,
      maxResponseBytes: 100,
    });
    await expect(post).rejects.toMatchObject({ name: "EgressError", reason });
    await agent.destroy();
  });
});

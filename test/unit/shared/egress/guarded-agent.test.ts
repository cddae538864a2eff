import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Agent } from "undici";
import { createEgressPolicy } from "../../../../shared/egress/egress-policy.ts";
import { createGuardedAgent } from "../../../../shared/egress/guarded-agent.ts";
import { postSigned } from "../../../../shared/egress/post-signed.ts";
import { createResolveHost, type ResolveHost } from "../../../../shared/egress/resolve-host.ts";
import { eventually } from "../../../support/eventually.ts";
import { internalForms, internalNames, loopbackForms } from "./address-forms.ts";
import { startForbiddenListener, type ForbiddenListener } from "./forbidden-listener.ts";
import { startNameServer, type NameServer } from "./name-server.ts";
import { startReceiver, type Receiver } from "./receiver.ts";

const PUBLIC = "8.8.8.8";

let receiver: Receiver;
let names: NameServer;
let resolveHost: ResolveHost;
let listeners: ForbiddenListener[];
const agents: Agent[] = [];

beforeAll(async () => {
  receiver = await startReceiver();
  names = await startNameServer();
  resolveHost = createResolveHost({ servers: [names.address] });
});
beforeEach(async () => {
  listeners = await Promise.all([
    startForbiddenListener("127.0.0.1"),
    startForbiddenListener("::1"),
  ]);
  receiver.requests.length = 0;
  names.names.clear();
});
afterEach(async () => {
  await Promise.all(agents.splice(0).map((agent) => agent.destroy()));
  await Promise.all(listeners.map((listener) => listener[Symbol.asyncDispose]()));
});
afterAll(async () => {
  await receiver[Symbol.asyncDispose]();
  await names[Symbol.asyncDispose]();
});

function agentFor(...allowNetworks: string[]): Agent {
  const policy = createEgressPolicy({ allowNetworks, resolveHost });
  const agent = createGuardedAgent(policy, { resolveHost });
  agents.push(agent);
  return agent;
}

const post = (agent: Agent, url: string) =>
  postSigned(agent, {
    url,
    headers: { "content-type": "application/json" },
    body: "{}",
    timeoutMs: 10_000,
    maxResponseBytes: 16_384,
  });

const hits = () => listeners.map((listener) => listener.hits);

describe("a forbidden listener on this machine", () => {
  test.each(loopbackForms)("is never reached as %s", async (host) => {
    const agent = agentFor();
    for (const { port } of listeners)
      for (const scheme of ["http", "https"])
        await expect(post(agent, `${scheme}://${host}:${port}/`)).rejects.toMatchObject({
          name: "EgressError",
          reason: "refused_address",
        });
    expect(hits()).toEqual([0, 0]);
  });

  test("is never reached by a name, whatever the DNS says", async () => {
    const agent = agentFor();
    const found = ["127.0.0.1", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "169.254.169.254"];
    for (const address of found) {
      names.names.set("hooks.example", [address]);
      for (const { port } of listeners)
        await expect(post(agent, `https://hooks.example:${port}/`)).rejects.toMatchObject({
          reason: "refused_address",
          message: expect.not.stringContaining(address),
        });
    }
    expect(hits()).toEqual([0, 0]);
  });

  test("is never reached by a name that is another name's", async () => {
    names.names.set("inner.example", ["127.0.0.1", "::1"]);
    names.names.set("hooks.example", { alias: "inner.example" });
    expect(await resolveHost("hooks.example")).toEqual(["127.0.0.1", "::1"]);
    for (const { port } of listeners)
      await expect(post(agentFor(), `https://hooks.example:${port}/`)).rejects.toMatchObject({
        reason: "refused_address",
      });
    expect(hits()).toEqual([0, 0]);
  });

  test("is never reached by localhost, which the system knows", async () => {
    for (const { port } of listeners)
      await expect(post(agentFor(), `https://localhost:${port}/`)).rejects.toMatchObject({
        reason: "refused_address",
      });
    expect(hits()).toEqual([0, 0]);
  });

  test("is not reached because a public address stands beside it", async () => {
    const agent = agentFor();
    for (const found of [
      [PUBLIC, "127.0.0.1"],
      ["127.0.0.1", PUBLIC],
      [PUBLIC, "::1"],
      ["2a00::1", "127.0.0.1"],
    ]) {
      names.names.set("mixed.example", found);
      for (const { port } of listeners)
        await expect(post(agent, `https://mixed.example:${port}/`)).rejects.toMatchObject({
          reason: "refused_address",
        });
    }
    expect(hits()).toEqual([0, 0]);
  });

  test("is not reached by a name that was public when it was registered", async () => {
    names.names.set("rebound.example", [PUBLIC]);
    const policy = createEgressPolicy({ allowNetworks: [], resolveHost });
    const agent = agentFor();
    for (const { port } of listeners) {
      const url = policy.checkUrl(`https://rebound.example:${port}/`);
      names.names.set("rebound.example", [PUBLIC]);
      await policy.checkResolved(url);
      names.names.set("rebound.example", ["127.0.0.1", "::1"]);
      await expect(post(agent, url.href)).rejects.toMatchObject({ reason: "refused_address" });
      await expect(policy.checkResolved(url)).rejects.toThrow("internal address");
    }
    expect(hits()).toEqual([0, 0]);
  });

  test.each([301, 302, 303, 307, 308])("is not reached by a redirect: %i", async (status) => {
    const [listener] = listeners;
    receiver.answer = (socket) =>
      socket.end(
        `HTTP/1.1 ${status} Moved\r\nLocation: http://127.0.0.1:${listener?.port}/\r\nContent-Length: 0\r\n\r\n`,
      );
    const answer = await post(agentFor("127.0.0.0/8"), `http://127.0.0.1:${receiver.port}/`);
    expect(answer.status).toBe(status);
    expect(hits()).toEqual([0, 0]);
  });
});

test.each([...internalForms, ...internalNames])("no connection is tried to %s", async (host) => {
  for (const name of internalNames) names.names.set(name.toLowerCase(), ["10.0.0.1"]);
  await expect(post(agentFor(), `https://${host}:9/`)).rejects.toMatchObject({
    name: "EgressError",
    reason: expect.stringMatching(/^(refused_address|dns)$/),
  });
});

describe("an allowed network", () => {
  beforeAll(() => {
    receiver.answer = (socket) => void socket.end("HTTP/1.1 204 No Content\r\n\r\n");
  });

  test.each(["127.0.0.1", "2130706433", "0x7f.1", "①②⑦.⓪.⓪.①"])(
    "is reached with http as %s",
    async (host) => {
      const agent = agentFor("127.0.0.0/8");
      expect((await post(agent, `http://${host}:${receiver.port}/x`)).status).toBe(204);
      expect(receiver.requests).toHaveLength(1);
    },
  );

  test("is reached by a name of which every address lies in it", async () => {
    const agent = agentFor("127.0.0.0/8");
    names.names.set("n8n.example", ["127.0.0.1"]);
    const url = `http://n8n.example:${receiver.port}/x`;
    expect((await post(agent, url)).status).toBe(204);
    names.names.set("n8n.example", ["127.0.0.1", PUBLIC]);
    await expect(post(agent, url)).rejects.toMatchObject({ reason: "refused_address" });
    names.names.set("n8n.example", ["127.0.0.1", "10.0.0.1"]);
    await expect(post(agent, url)).rejects.toMatchObject({ reason: "refused_address" });
    expect(receiver.requests).toHaveLength(1);
  });

  test("opens nothing else: not the same machine under IPv6", async () => {
    const agent = agentFor("127.0.0.0/8");
    for (const host of ["[::1]", "[::ffff:127.0.0.1]", "[::]", "0.0.0.0"])
      for (const { port } of listeners)
        await expect(post(agent, `http://${host}:${port}/`)).rejects.toMatchObject({
          reason: "refused_address",
        });
    expect(hits()).toEqual([0, 0]);
  });

  test("does not open http to the Internet", async () => {
    await expect(post(agentFor("127.0.0.0/8"), `http://${PUBLIC}/`)).rejects.toMatchObject({
      reason: "refused_address",
    });
  });
});

describe("every call", () => {
  test("is checked again, also when the first connection could be kept", async () => {
    receiver.answer = (socket) => void socket.write("HTTP/1.1 204 No Content\r\n\r\n");
    const agent = agentFor("127.0.0.2/32");
    names.names.set("kept.example", ["127.0.0.2"]);
    await using other = await startReceiver("127.0.0.2");
    const url = `http://kept.example:${other.port}/`;
    await post(agent, url);
    await eventually(() => expect(other.open).toBe(0));
    await post(agent, url);
    expect(other.requests).toHaveLength(2);
    names.names.set("kept.example", ["127.0.0.1"]);
    await expect(post(agent, url)).rejects.toMatchObject({ reason: "refused_address" });
    expect(other.requests).toHaveLength(2);
  });

  test("leaves nothing behind in the agent", async () => {
    receiver.answer = (socket) => void socket.write("HTTP/1.1 204 No Content\r\n\r\n");
    const agent = agentFor("127.0.0.0/8");
    const url = `http://127.0.0.1:${receiver.port}/`;
    await Promise.all([post(agent, url), post(agent, url), post(agent, url)]);
    await post(agent, "https://10.0.0.1/").catch(() => undefined);
    await eventually(() => expect(Object.keys(agent.stats)).toEqual([]));
    expect(receiver.requests).toHaveLength(3);
  });

  test("dies with a connection whose far end is not what was checked", async () => {
    const policy = createEgressPolicy({ allowNetworks: ["127.0.0.0/8"] });
    let asked = 0;
    const agent = createGuardedAgent({
      ...policy,
      mayConnect: (...args) => ++asked === 1 && policy.mayConnect(...args),
    });
    agents.push(agent);
    await expect(post(agent, `http://127.0.0.1:${receiver.port}/`)).rejects.toMatchObject({
      reason: "refused_address",
    });
    await eventually(() => expect(receiver.open).toBe(0));
    expect(receiver.requests.join("")).toBe("");
  });
});

import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import type { Agent } from "undici";
import { createEgressPolicy } from "../../../shared/egress/egress-policy.ts";
import {
  createGuardedAgent,
  type GuardedAgentOptions,
} from "../../../shared/egress/guarded-agent.ts";
import { postSigned } from "../../../shared/egress/post-signed.ts";
import { makeTestCertificate } from "../../support/test-certificate.ts";
import { startReceiver, type Receiver } from "../../unit/shared/egress/receiver.ts";

let directory: string;
let server: Server;
let silent: Receiver;
let ca: string;
let port: number;
let requests = 0;
const agents: Agent[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "spillway-egress-"));
  const { certFile, keyFile } = await makeTestCertificate(directory);
  ca = await readFile(certFile, "utf8");
  server = createServer({ cert: ca, key: await readFile(keyFile) }, (_request, response) => {
    requests++;
    response.end("thanks");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  ({ port } = server.address() as AddressInfo);
  silent = await startReceiver();
  silent.answer = () => undefined;
});
afterAll(async () => {
  await Promise.all(agents.map((agent) => agent.destroy()));
  await silent[Symbol.asyncDispose]();
  server.close();
  await once(server, "close");
  await rm(directory, { recursive: true });
});

const loopback = () => Promise.resolve(["127.0.0.1"]);

function post(url: string, options: GuardedAgentOptions = {}) {
  const policy = createEgressPolicy({ allowNetworks: ["127.0.0.0/8"] });
  const agent = createGuardedAgent(policy, { resolveHost: loopback, ...options });
  agents.push(agent);
  const headers = { "content-type": "application/json" };
  return postSigned(agent, { url, headers, body: "{}", timeoutMs: 5_000, maxResponseBytes: 100 });
}

afterEach(() => vi.unstubAllEnvs());

describe("https", () => {
  test("reaches a receiver whose certificate is good, by address and by name", async () => {
    for (const host of ["127.0.0.1", "localhost"])
      expect(await post(`https://${host}:${port}/`, { ca })).toMatchObject({
        status: 200,
        bodyStart: "thanks",
      });
  });

  test("refuses a certificate that nobody vouches for, whatever the environment says", async () => {
    const before = requests;
    for (const verify of ["1", "0"]) {
      vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", verify);
      await expect(post(`https://127.0.0.1:${port}/`)).rejects.toMatchObject({
        reason: "tls",
        message: "no TLS connection: DEPTH_ZERO_SELF_SIGNED_CERT",
      });
    }
    expect(requests).toBe(before);
  });

  test("refuses a certificate for another name", async () => {
    const before = requests;
    await expect(post(`https://hooks.example:${port}/`, { ca })).rejects.toMatchObject({
      reason: "tls",
      message: "no TLS connection: ERR_TLS_CERT_ALTNAME_INVALID",
    });
    expect(requests).toBe(before);
  });

  test("fails with a receiver that speaks no TLS", async () => {
    await using plain = await startReceiver();
    await expect(post(`https://127.0.0.1:${plain.port}/`, { ca })).rejects.toMatchObject({
      reason: "tls",
    });
    plain.answer = (socket) => void socket.resetAndDestroy();
    await expect(post(`https://127.0.0.1:${plain.port}/`, { ca })).rejects.toMatchObject({
      reason: "tls",
    });
  });

  test("fails with nobody there as a connection, and with a silent one as a timeout", async () => {
    const gone = await startReceiver();
    await gone[Symbol.asyncDispose]();
    for (const host of ["127.0.0.1", "hooks.example"])
      await expect(post(`https://${host}:${gone.port}/`)).rejects.toMatchObject({
        reason: "connect",
      });
    await expect(
      post(`https://127.0.0.1:${silent.port}/`, { connectMs: 100 }),
    ).rejects.toMatchObject({ reason: "timeout" });
  });
});

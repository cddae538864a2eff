import { expect, test } from "vitest";
import { startCountingServer } from "../../support/counting-server.ts";
import { startTestBroker } from "../../support/broker.ts";
import { eventually } from "../../support/eventually.ts";
import { ask } from "./ask.ts";

test("a job that may leave does reach the listener in the cloud's place", async () => {
  const cloud = await startCountingServer();
  const broker = await startTestBroker({
    providers: {
      gpu: { slots: 4 },
      cloud: { location: "cloud", baseUrl: cloud.url, brokerSlots: 8 },
    },
    models: [
      "  chat:",
      "    serve: [{ provider: gpu, model: m }]",
      "    overflow: [{ provider: cloud, model: c }]",
    ].join("\n"),
  });
  try {
    broker.upstreams["gpu"]?.setFault({ type: "status", status: 500 });
    const leave = new AbortController();
    const { key } = await broker.key();
    const asked = ask(broker, { key, signal: leave.signal }).catch(() => undefined);
    await eventually(() => expect(cloud.bytesReceived()).toBeGreaterThan(0));
    leave.abort();
    await asked;
  } finally {
    await broker.stop();
    await cloud.close();
  }
});

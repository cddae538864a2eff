import Fastify from "fastify";
import { addAdmin } from "../../../api/routes/admin/index.ts";
import { addMetrics } from "../../../api/routes/metrics.ts";
import { BrokerError } from "../../../shared/errors/broker-error.ts";
import { createMetrics } from "../../../shared/metrics/metrics.ts";
import { ProviderStates } from "../../../shared/providers/provider-states.ts";
import { LocalReplyHub } from "../../../shared/replies/local-replies.ts";
import { type BrokerDatabase, openBrokerDatabase } from "../keys/broker-database.ts";

export const ADMIN_KEY = "admin-key-of-the-test";

interface Call {
  readonly body?: unknown;
  readonly authorization?: string | undefined;
}

// The tests look into bodies of many shapes.
interface Answer {
  readonly status: number;
  readonly body: Body;
}
interface Body {
  readonly [field: string]: unknown;
  readonly id: string;
  readonly key: string;
  readonly data: Record<string, unknown>[];
  readonly has_more: boolean;
  readonly error: {
    readonly code: string;
    readonly param: string | null;
    readonly message: string;
  };
}

export interface AdminServer extends AsyncDisposable, BrokerDatabase {
  readonly address: string;
  readonly providerStates: ProviderStates;
  readonly hub: LocalReplyHub;
  call(method: string, path: string, call?: Call): Promise<Answer>;
}

/** Serves the admin routes and `/metrics` on a real port, over a database of its own. */
export async function startAdminServer(): Promise<AdminServer> {
  const broker = await openBrokerDatabase();
  const providerStates = new ProviderStates([
    { name: "gpu", location: "local", slots: 4 },
    { name: "cloud", location: "cloud", slots: 8 },
  ]);
  const hub = new LocalReplyHub();
  const app = Fastify();
  app.setErrorHandler((error, _request, response) => {
    if (error instanceof BrokerError) return response.code(error.status).send(error.toJSON());
    return response.send(error);
  });
  app.get("/open", () => "open");
  const { database } = broker;
  addAdmin(app, { database, adminKey: ADMIN_KEY, providerStates, reply: hub });
  addMetrics(app, { metrics: createMetrics({ pool: database.pool, providerStates }) });
  const address = await app.listen({ host: "127.0.0.1", port: 0 });
  return {
    ...broker,
    address,
    providerStates,
    hub,
    async call(method, path, { body, authorization = `Bearer ${ADMIN_KEY}` } = {}) {
      const response = await fetch(address + path, {
        method,
        headers: {
          ...(authorization !== "" && { authorization }),
          ...(body !== undefined && { "content-type": "application/json" }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      return { status: response.status, body: (await response.json()) as Body };
    },
    async [Symbol.asyncDispose]() {
      await app.close();
      await broker[Symbol.asyncDispose]();
    },
  };
}

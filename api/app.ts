import fastify, { LogController, type FastifyInstance } from "fastify";
import type { Config } from "../config/config.ts";
import { createEgressPolicy } from "../shared/egress/egress-policy.ts";
import type { Metrics } from "../shared/metrics/metrics.ts";
import type { ReplySender } from "../shared/replies/reply-path.ts";
import type { Activity } from "../shared/timing/activity.ts";
import type { KeyAuth } from "./auth/key-auth.ts";
import { authenticateCaller } from "./http/authenticate-caller.ts";
import { answerClientError } from "./http/client-error.ts";
import { allowOrigins } from "./http/cors.ts";
import { addErrorHandling, answerFrameworkError } from "./http/error-handling.ts";
import { takeForms } from "./http/form-body.ts";
import { takeRawJson } from "./http/json-body.ts";
import { normalUrl } from "./http/normal-url.ts";
import { limitReceiving } from "./http/receive-timeout.ts";
import { addLogFields, newRequestId } from "./http/log-fields.ts";
import { addRequestLog } from "./http/request-log.ts";
import { addShutdown } from "./http/shutdown.ts";
import { defaultTimings, type CallTimings } from "./calls/call-timings.ts";
import type { CallDeps } from "./calls/call-deps.ts";
import { compileRoutes } from "../shared/routing/compiled-route.ts";
import { addAbout } from "./routes/about.ts";
import { addAdmin } from "./routes/admin/index.ts";
import { addBatches } from "./routes/batches.ts";
import { addChatCompletions } from "./routes/chat/completions.ts";
import { addConversations } from "./routes/conversations.ts";
import { addCompletions } from "./routes/completions.ts";
import { addEmbeddings } from "./routes/embeddings.ts";
import { addFiles } from "./routes/files.ts";
import { addHealth } from "./routes/health.ts";
import { addJobs } from "./routes/jobs.ts";
import { addMetrics } from "./routes/metrics.ts";
import { addModels } from "./routes/models.ts";
import { addResponses } from "./routes/responses.ts";
import { addUploads } from "./routes/uploads/index.ts";
import { addUploadParts } from "./routes/uploads/parts.ts";
import { addWebhookEndpoints } from "./routes/webhook-endpoints/index.ts";
import { addWebhookEventTypes } from "./routes/webhook-event-types.ts";

/** `buildApi` makes the others from the configuration. */
type GivenDeps = Omit<
  CallDeps,
  "server" | "bodyLimitBytes" | "routes" | "egress" | "random" | "timings"
>;

export interface ApiDeps extends GivenDeps {
  readonly config: Config;
  readonly keyAuth: KeyAuth;
  /** Signalled at each request that may have changed something. */
  readonly activity: Pick<Activity, "signal">;
  readonly adminKey: string;
  readonly metrics: Metrics;
  /** Reaches the owners, in the fleet, of jobs that the admin API ends. */
  readonly reply: ReplySender;
  /** The timings that differ from the defaults. */
  readonly timings?: Partial<CallTimings>;
}

/**
 * Builds the HTTP API; the caller listens. Everything that answers a URL lies in `routes/`, in the
 * file that the URL's own parts name: `/v1` and parameters are left out, and `_` is written `-`.
 * Where several files fit, the deepest one has the URL. So `/v1/chat/completions/:id/messages` is
 * in `chat/completions.ts`, `/admin/keys/:id` in `admin/keys.ts`, `/v1/uploads/:id/parts` in
 * `uploads/parts.ts`, and `/v1/uploads/:id/cancel` in `uploads/index.ts`. The pages that say what
 * this server is, `/`, `/v1`, `/docs` and `/openapi.json`, are in `about.ts`. Each file has one
 * function, `addX(app, deps)`, that registers its routes in a scope that has read the key and knows
 * its bodies. `close()` takes no more requests and resolves when the running ones are answered. For
 * a grace time, call `jobs.shutDown()` at its end.
 */
export async function buildApi(deps: ApiDeps): Promise<FastifyInstance> {
  const { config, log } = deps;
  const app = fastify({
    loggerInstance: log,
    logController: new LogController({
      disableRequestLogging: true,
      requestIdLogLabel: "request_id",
    }),
    bodyLimit: config.server.bodyLimitBytes,
    // This limit would cut long uploads, so `limitReceiving` replaces it.
    requestTimeout: 0,
    // This limit also counts silence while a long answer is awaited, so it is off.
    connectionTimeout: 0,
    return503OnClosing: false,
    genReqId: newRequestId,
    frameworkErrors: answerFrameworkError,
    clientErrorHandler: answerClientError,
    routerOptions: { maxParamLength: 500 },
    rewriteUrl: ({ url }) => normalUrl(url ?? "/"),
  });
  addLogFields(app);
  addRequestLog(app, (request) => {
    deps.metrics.requestEnded(request);
    if (request.method !== "GET") deps.activity.signal();
  });
  allowOrigins(app, config.server.corsOrigins);
  limitReceiving(app);
  addErrorHandling(app);
  addShutdown(app);

  const routes = compileRoutes(config);
  const [provider = ""] = config.providers.keys();
  addAbout(app);
  addHealth(app, { database: deps.database, queues: deps.queues, provider });
  addMetrics(app, deps);
  addAdmin(app, deps);
  await app.register((scope, _options, done) => {
    authenticateCaller(scope, deps.keyAuth);
    takeRawJson(scope);
    const calls: CallDeps = {
      ...deps,
      server: config.server,
      bodyLimitBytes: config.server.bodyLimitBytes,
      routes,
      timings: { ...defaultTimings, ...deps.timings },
      egress: createEgressPolicy(config.webhooks),
      random: Math.random,
    };
    addChatCompletions(scope, calls);
    addCompletions(scope, calls);
    addEmbeddings(scope, calls);
    addResponses(scope, calls);
    addConversations(scope, { pool: deps.database.pool });
    addJobs(scope, calls);
    addWebhookEndpoints(scope, { pool: deps.database.pool, egress: calls.egress });
    addWebhookEventTypes(scope);
    addBatches(scope, { pool: deps.database.pool });
    addUploads(scope, { pool: deps.database.pool, shutdown: deps.jobs.shutdown });
    addModels(scope, {
      models: config.models.values(),
      providerStates: deps.providerStates,
      startedAt: new Date(),
    });
    done();
  });
  await app.register((scope, _options, done) => {
    authenticateCaller(scope, deps.keyAuth);
    takeForms(scope);
    addFiles(scope, { pool: deps.database.pool, shutdown: deps.jobs.shutdown });
    addUploadParts(scope, { pool: deps.database.pool, shutdown: deps.jobs.shutdown });
    done();
  });
  await app.ready();
  return app;
}

import { fastify } from "fastify";
import { Pool } from "undici";

const [origin = ""] = process.argv.slice(2);
const pool = new Pool(origin, { connections: 512 });
const app = fastify({ bodyLimit: 10 * 1024 * 1024 });
app.addContentTypeParser("application/json", { parseAs: "buffer" }, (_request, body, done) => {
  done(null, body);
});
app.post<{ Body: Buffer }>("/v1/chat/completions", async (request, reply) => {
  const answer = await pool.request({
    method: "POST",
    path: "/v1/chat/completions",
    headers: { "content-type": "application/json" },
    body: request.body,
  });
  void reply.code(answer.statusCode).header("content-type", answer.headers["content-type"]);
  return reply.send(answer.body);
});

const url = await app.listen({ host: "127.0.0.1", port: 0 });
process.stdout.write(`forwarder runs at ${url}\n`);
process.once("SIGTERM", () => {
  void app.close().then(() => pool.destroy());
});

import { createServer } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import packageJson from "../../../package.json" with { type: "json" };
import { readEnvironment } from "../../../config/environment.ts";
import { runFromSource } from "../process/broker-process.ts";
import { checkHealth } from "./check-health.ts";
import { readComposeFile } from "./compose-file.ts";

const secrets = {
  POSTGRES_PASSWORD: "postgres-secret",
  REDIS_PASSWORD: "redis-secret",
  SPILLWAY_ADMIN_KEY: "admin-secret",
};
const compose = readComposeFile(secrets);
const broker = ["migrate", "api", "worker"];

test("only the API can be reached from outside, and only from the host itself", () => {
  const published = Object.entries(compose.services).flatMap(([name, { ports }]) =>
    ports.map((port) => [name, port]),
  );
  expect(published).toEqual([["api", "127.0.0.1:4600:4600"]]);
  for (const { network_mode: mode } of Object.values(compose.services))
    expect(mode).toBeUndefined();
  expect(compose.networks["data"]).toEqual({ internal: true });
  expect(compose.service("postgres").networks).toEqual(["data"]);
  expect(compose.service("redis").networks).toEqual(["data"]);
});

test("it asks for every secret and has a default for the rest", () => {
  const required = compose.variables.filter(({ rest }) => /^:\?./.test(rest));
  const defaulted = compose.variables.filter(({ rest }) => /^:-./.test(rest));
  expect([...new Set(required.map(({ name }) => name))].toSorted()).toEqual(
    Object.keys(secrets).toSorted(),
  );
  expect(defaulted.map(({ name }) => name)).not.toEqual(
    expect.arrayContaining([expect.stringMatching(/PASSWORD|KEY/)]),
  );
  expect(required.length + defaulted.length).toBe(compose.variables.length);
  // Names without a value are passed on from the host: they are the providers' keys.
  for (const service of Object.values(compose.services))
    for (const [name, value] of Object.entries(service.environment))
      if (/PASSWORD|KEY|AUTH/.test(name) && value !== null)
        expect(Object.values(secrets)).toContain(value);
});

test("Redis keeps a file of what it took, drops nothing and asks for the password", () => {
  const [program, ...words] = compose.service("redis").command;
  const settings = Object.fromEntries(
    words.flatMap((word, index) => (index % 2 === 0 ? [[word, words[index + 1]]] : [])),
  );
  expect(program).toBe("redis-server");
  expect(settings).toMatchObject({
    "--appendonly": "yes",
    "--maxmemory": "1gb",
    "--maxmemory-policy": "noeviction",
    "--requirepass": secrets.REDIS_PASSWORD,
  });
});

test("API and worker start after the migration, and that after a healthy database", () => {
  const gates = {
    migrate: { condition: "service_completed_successfully" },
    postgres: { condition: "service_healthy" },
    redis: { condition: "service_healthy" },
  };
  expect(compose.service("api").depends_on).toEqual(gates);
  expect(compose.service("worker").depends_on).toEqual(gates);
  expect(compose.service("migrate").depends_on).toEqual({ postgres: gates.postgres });
  expect(compose.service("migrate").restart).toBe("no");
  for (const name of ["postgres", "redis"])
    expect(compose.service(name).healthcheck?.test?.[0]).toBe("CMD");
});

test.each(broker)("%s is a command of the broker", async (name) => {
  const { command } = compose.service(name);
  expect(command).toEqual([name]);
  const { code, stdout } = await runFromSource([...command, "--help"]);
  expect({ code, stdout }).toEqual({
    code: 0,
    stdout: expect.stringContaining(`spillway ${name}`),
  });
});

test.each(broker)("%s is given settings that the broker reads, and can read", (name) => {
  const { environment, networks } = compose.service(name);
  const known = new Set<string>();
  readEnvironment(
    new Proxy(
      {},
      { get: (_, property) => void (typeof property === "string" && known.add(property)) },
    ),
  );
  const given = Object.entries(environment).filter(
    (entry): entry is [string, string] => entry[1] !== null,
  );
  for (const [setting] of given) expect(known).toContain(setting);

  const { databaseUrl, redisUrl } = readEnvironment(Object.fromEntries(given));
  for (const url of [databaseUrl, redisUrl].filter((value) => value !== undefined)) {
    const { hostname, password } = new URL(url);
    expect(Object.values(secrets)).toContain(password);
    const shared = compose
      .service(hostname)
      .networks.filter((network) => networks.includes(network));
    expect(shared).not.toEqual([]);
  }
  const { POSTGRES_USER, POSTGRES_DB } = compose.service("postgres").environment;
  expect(databaseUrl).toBe(
    `postgres://${POSTGRES_USER}:${secrets.POSTGRES_PASSWORD}@postgres:5432/${POSTGRES_DB}`,
  );
});

test.each(["api", "worker"])("%s reads the file that is mounted, and cannot change it", (name) => {
  const { environment, volumes } = compose.service(name);
  expect(volumes).toEqual([
    {
      type: "bind",
      source: "./spillway.yaml",
      target: environment["SPILLWAY_CONFIG"],
      read_only: true,
      bind: { create_host_path: false },
    },
  ]);
});

test("the admin key is given to the API only", () => {
  const knowing = Object.entries(compose.services)
    .filter(([, { environment }]) =>
      Object.values(environment).includes(secrets.SPILLWAY_ADMIN_KEY),
    )
    .map(([name]) => name);
  expect(knowing).toEqual(["api"]);
});

test("workers can be many: none has a name or a port of its own", () => {
  const { container_name: name, ports, environment } = compose.service("worker");
  expect({ name, ports }).toEqual({ name: undefined, ports: [] });
  expect(environment["SPILLWAY_PORT"]).toBe("4600");
});

test.each(broker)("%s may do no more than it needs", (name) => {
  expect(compose.service(name)).toMatchObject({
    init: true,
    read_only: true,
    cap_drop: ["ALL"],
    security_opt: ["no-new-privileges:true"],
    build: { context: ".", dockerfile: "config/Dockerfile" },
  });
});

test.each(["api", "worker"])("%s has more time to end than its requests", (name) => {
  const [, seconds] = /^(\d+)s$/.exec(compose.service(name).stop_grace_period ?? "") ?? [];
  expect(Number(seconds)).toBeGreaterThanOrEqual(20);
});

test("data outlives its containers", () => {
  expect(Object.keys(compose.volumes)).toEqual(["postgres", "redis"]);
  expect(compose.service("redis").volumes).toEqual(["redis:/data"]);
  // Up to version 17 the image kept its data one directory further down.
  expect(compose.service("postgres").volumes).toEqual(["postgres:/var/lib/postgresql"]);
});

test("PostgreSQL is of the major version that the embedded one has", () => {
  const [, image] = /^postgres:(\d+)\./.exec(compose.service("postgres").image) ?? [];
  for (const version of Object.values(packageJson.optionalDependencies))
    expect(version.split(".")[0]).toBe(image);
});

test.each([
  [200, 0],
  [503, 1],
  [undefined, 1],
])("the health check of an API that answers %s ends with %i", async (status, code) => {
  const server = createServer(({ url }, response) => {
    response.statusCode = url === "/health/ready" ? (status ?? 500) : 404;
    response.end();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  if (status === undefined) server.close();
  else onTestFinished(() => void server.close());
  expect(await checkHealth("api", `http://127.0.0.1:${port}`)).toBe(code);
});

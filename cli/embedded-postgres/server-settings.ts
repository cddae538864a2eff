/** Settings for the broker's load: many short transactions, each durable before it is answered. */
const DEFAULTS: Readonly<Record<string, string>> = {
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  cluster_name: "spillway",
  max_connections: "200",
  shared_buffers: "128MB",
  huge_pages: "off",
  fsync: "on",
  synchronous_commit: "on",
  wal_compression: "on",
  max_wal_size: "1GB",
  checkpoint_timeout: "10min",
  log_checkpoints: "off",
  autovacuum_naptime: "10s",
  jit: "off",
  // Small tables are in memory, so an index costs as little as the table, even before the first
  // ANALYZE.
  random_page_cost: "1.1",
  timezone: "UTC",
  log_timezone: "UTC",
};

/**
 * Builds the server's command line options. They pass through a shell, so a name or value with a
 * character that a shell would interpret is refused with an `Error`.
 */
export function serverOptions(port: number, overrides: Readonly<Record<string, string>>): string {
  return Object.entries({ ...DEFAULTS, ...overrides, port: String(port) })
    .map(([name, value]) => {
      if (!/^[a-z_.]+$/.test(name) || !/^[\w .,:/-]*$/.test(value))
        throw new Error(
          `PostgreSQL setting ${name} has a value that cannot be passed on: ${value}`,
        );
      return `-c "${name}=${value}"`;
    })
    .join(" ");
}

/**
 * Says what to do when the broker cannot listen on the address. Returns undefined for any other
 * error.
 */
export function listenProblem(error: unknown, host: string, port: number): Error | undefined {
  if (!(error instanceof Error) || !("code" in error) || !("syscall" in error)) return undefined;
  if (error.code === "EADDRINUSE")
    return new Error(
      `port ${port} of ${host} is taken by another program; set SPILLWAY_PORT to another port, or to 0 for any free one`,
      { cause: error },
    );
  if (error.syscall === "listen" || (error.syscall === "getaddrinfo" && isOf(error, host)))
    return new Error(
      `cannot listen on ${host}, port ${port} (${String(error.code)}); see SPILLWAY_HOST and SPILLWAY_PORT`,
      { cause: error },
    );
  return undefined;
}

function isOf(error: Error, host: string): boolean {
  return "hostname" in error && error.hostname === host;
}

/** Says what a user should know about the address that the broker listens on. */
export function exposure(host: string): string[] {
  return host === "127.0.0.1" || host === "::1" || host === "localhost"
    ? []
    : [`listens on ${host} without TLS: keys travel in clear text unless a proxy adds it`];
}

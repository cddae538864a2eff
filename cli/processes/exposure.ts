/** What a user should know of the address that is listened on. */
export function exposure(host: string): string[] {
  return host === "127.0.0.1" || host === "::1" || host === "localhost"
    ? []
    : [`listens on ${host} without TLS: keys travel in clear text unless a proxy adds it`];
}

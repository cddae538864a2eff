/** The hash tag keeps all keys of one queue in one slot of Redis Cluster. */
export function queueKeyPrefix(prefix: string, queue: string): string {
  return `{${prefix}:${queue}}`;
}

import { once } from "node:events";
import { connect } from "node:net";
import { inject } from "vitest";

/**
 * Waits until the machine has room for one more process that starts. The returned function says
 * that it has started, or never will.
 */
export async function admitStart(): Promise<() => void> {
  const socket = connect(inject("startsPort"), "127.0.0.1");
  await once(socket, "data");
  return () => void socket.destroy();
}

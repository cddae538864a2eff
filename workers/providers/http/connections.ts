import type { Socket } from "node:net";
import { buildConnector, Pool, type Dispatcher } from "undici";

/** The sockets of one provider. */
export interface Connections {
  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void;
  /** Resolves when every socket that undici has given up is really closed. */
  closed(): Promise<void>;
  /** Closes all sockets; calls that still run end as cut. Safe to call again. */
  close(): Promise<void>;
}

/**
 * Opens at most `slots` keep-alive sockets to `origin`, for one request at a time each. They speak
 * HTTP/1.1 only: a cancelled call must close a socket of its own, which every engine notices. undici's
 * own deadlines are off, since the calls keep theirs.
 */
export function createConnections(origin: string, slots: number, connectMs: number): Connections {
  /** Each socket has one listener for its close, however many calls wait for it. */
  const open = new Map<Socket, Promise<void>>();
  const connect = buildConnector({ timeout: connectMs, allowH2: false });
  const pool = new Pool(origin, {
    connections: slots,
    pipelining: 1,
    allowH2: false,
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: (options, callback) => {
      connect(options, (...result) => {
        if (result[0] === null) {
          const socket = result[1];
          open.set(
            socket,
            onClose(socket).then(() => void open.delete(socket)),
          );
        }
        callback(...result);
      });
    },
  });
  return {
    dispatch: (options, handler) => void pool.dispatch(options, handler),
    closed: async () => {
      const closing = [...open].filter(([socket]) => socket.destroyed);
      await Promise.all(closing.map(([, closed]) => closed));
    },
    close: () => pool.destroy(),
  };
}

/** `events.once` would reject on the error that a destroyed socket emits first. */
function onClose(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.once("close", () => resolve());
  });
}

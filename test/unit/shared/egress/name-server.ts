import { createSocket } from "node:dgram";
import { once } from "node:events";
import ipaddr from "ipaddr.js";

/** A name has addresses, is an alias of another name, or gets no answer at all. */
type NameEntry = readonly string[] | { readonly alias: string } | "silent";

export interface NameServer extends AsyncDisposable {
  /** The form is that of `Resolver.setServers`. */
  readonly address: string;
  /** The server answers with these names at once; a name without an entry does not exist. */
  readonly names: Map<string, NameEntry>;
}

const HEADER_BYTES = 12;
const NOT_FOUND = 3;
const CNAME = 5;
/** An answer points back to the name in its question. */
const pointer = Buffer.from([0xc0, HEADER_BYTES]);
const TYPES = { ipv4: 1, ipv6: 28 } as const;

/** Answers A and AAAA questions, with a time to live of 0. */
export async function startNameServer(): Promise<NameServer> {
  const names: NameServer["names"] = new Map();
  const socket = createSocket("udp4");
  socket.on("message", (query, { port, address }) => {
    const { name, type, end } = readQuestion(query);
    const found = names.get(name);
    if (found === "silent") return;
    const alias = found !== undefined && "alias" in found ? found.alias : undefined;
    const target = alias === undefined ? found : names.get(alias);
    const owner = alias === undefined ? pointer : encodeName(alias);
    const answers = (Array.isArray(target) ? (target as readonly string[]) : [])
      .map((text) => ipaddr.parse(text))
      .filter((ip) => TYPES[ip.kind()] === type)
      .map((ip) => record(owner, type, Buffer.from(ip.toByteArray())));
    if (alias !== undefined) answers.unshift(record(pointer, CNAME, encodeName(alias)));
    const header = Buffer.alloc(HEADER_BYTES);
    query.copy(header, 0, 0, 2);
    header.writeUInt16BE(0x8580 | (found === undefined ? NOT_FOUND : 0), 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(answers.length, 6);
    const question = query.subarray(HEADER_BYTES, end);
    socket.send(Buffer.concat([header, question, ...answers]), port, address);
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return {
    address: `127.0.0.1:${socket.address().port}`,
    names,
    async [Symbol.asyncDispose]() {
      socket.close();
      await once(socket, "close");
    },
  };
}

function record(owner: Buffer, type: number, data: Buffer): Buffer {
  const fixed = Buffer.alloc(10);
  fixed.writeUInt16BE(type, 0);
  fixed.writeUInt16BE(1, 2);
  fixed.writeUInt16BE(data.length, 8);
  return Buffer.concat([owner, fixed, data]);
}

function encodeName(name: string): Buffer {
  const labels = name.split(".").map((label) => Buffer.from(label));
  const parts = labels.flatMap((label) => [Buffer.from([label.length]), label]);
  return Buffer.concat([...parts, Buffer.from([0])]);
}

function readQuestion(query: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = [];
  let at = HEADER_BYTES;
  for (let length = query.readUInt8(at); length > 0; length = query.readUInt8(at)) {
    labels.push(query.toString("latin1", at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join(".").toLowerCase(), type: query.readUInt16BE(at + 1), end: at + 5 };
}

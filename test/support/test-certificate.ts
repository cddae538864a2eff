import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

export interface TestCertificate {
  readonly certFile: string;
  readonly keyFile: string;
}

/** Makes a self-signed certificate for 127.0.0.1 in a directory; `openssl` must be installed. */
export async function makeTestCertificate(directory: string): Promise<TestCertificate> {
  const certFile = join(directory, "cert.pem");
  const keyFile = join(directory, "key.pem");
  const args = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"];
  args.push("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost");
  args.push("-keyout", keyFile, "-out", certFile);
  await promisify(execFile)("openssl", args);
  return { certFile, keyFile };
}

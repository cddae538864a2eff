import { afterEach, describe, expect, test, vi } from "vitest";
import { createEgressPolicy } from "../../../../shared/egress/egress-policy.ts";
import { BrokerError } from "../../../../shared/errors/broker-error.ts";
import { internalForms, internalNames, loopbackForms, publicForms } from "./address-forms.ts";

const policy = createEgressPolicy({ allowNetworks: [] });

const allowing = (...allowNetworks: string[]) => createEgressPolicy({ allowNetworks });

/** The host of the URL resolves to the given addresses. */
async function checkFound(
  text: string,
  resolveHost: () => Promise<string[]>,
  allowNetworks: string[] = [],
): Promise<void> {
  await createEgressPolicy({ allowNetworks, resolveHost }).checkResolved(new URL(text));
}

const HOOKS = "https://hooks.example/";

function errorOf(run: () => unknown): BrokerError {
  try {
    run();
  } catch (error) {
    if (error instanceof BrokerError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("an address of a webhook", () => {
  test.each([...loopbackForms, ...internalForms, ...internalNames])("may not be %s", (host) => {
    for (const rest of ["/", ":8443/hook?x=1"]) {
      const error = errorOf(() => policy.checkUrl(`https://${host}${rest}`));
      expect(error).toMatchObject({ code: "invalid_request", param: "url" });
      expect(error.message).toBe("'url' must not point to an internal address.");
    }
  });

  test.each(publicForms)("may be %s", (host) => {
    expect(policy.checkUrl(`https://${host}/hook`).pathname).toBe("/hook");
  });

  test.each([
    ["no URL", "hooks.example/x", "must be a URL"],
    ["an empty text", "", "must be a URL"],
    ["no host", "https://", "must be a URL"],
    ["only a dot", "https://./", "must name a host"],
    ["an empty label", "https://a..example/", "must name a host"],
    ["two last dots", "https://localhost../", "must name a host"],
    ["a host that is no address", "https://1.2.3.4.5/", "must be a URL"],
    ["http", "http://hooks.example/", "https"],
    ["http to a public address", "http://8.8.8.8/", "https"],
    ["a file", "file:///etc/passwd", "https"],
    ["ftp", "ftp://hooks.example/", "https"],
    ["gopher", "gopher://hooks.example/", "https"],
    ["a user", "https://user@hooks.example/", "user name"],
    ["a password", "https://:secret@hooks.example/", "user name"],
    ["a blank", "https://hooks.example/a b", "blanks"],
    ["a blank before", " https://hooks.example/", "blanks"],
    ["a line end", "https://hooks.exam\nple/", "blanks"],
    ["a NUL", "https://hooks.example/\0", "blanks"],
    ["a backslash", "https://hooks.example\\@10.0.0.1/", "backslashes"],
    ["too many characters", `https://hooks.example/${"x".repeat(2_030)}`, "2048"],
    ["too many once encoded", `https://hooks.example/${"世".repeat(300)}`, "2048"],
  ])("is refused with %s", (_what, text, message) => {
    const error = errorOf(() => policy.checkUrl(text, "webhook_url"));
    expect(error).toMatchObject({ code: "invalid_request", status: 400, param: "webhook_url" });
    expect(error.message).toContain(message);
    expect(error.message).toMatch(/^'webhook_url' /);
  });

  test.each([
    "?signature=0a1b%2F%2f+~&&=&x=%&y[]=1;2,3:@/?$!*()",
    "?",
    "",
    "?a=https://hooks.example/?b=c",
  ])("keeps its query as written: %s", (query) => {
    const url = policy.checkUrl(`https://n8n.example/webhook-waiting/17${query}#part`);
    expect(url.href).toBe(`https://n8n.example/webhook-waiting/17${query}`);
  });

  test("loses the dot at a name's end, which certificates do not know", () => {
    expect(policy.checkUrl("https://Hooks.Example.:8443/").href).toBe(
      "https://hooks.example:8443/",
    );
  });
});

describe("allowed networks", () => {
  test("let their own addresses through, with http, too", () => {
    const loopback = allowing("127.0.0.0/8");
    for (const host of ["127.0.0.1", "2130706433", "127.255.255.254", "localhost", "a.localhost"])
      for (const scheme of ["http", "https"])
        expect(loopback.checkUrl(`${scheme}://${host}:8080/x`).port).toBe("8080");
    expect(loopback.mayConnect("127.0.0.1", "http:")).toBe(true);
    const six = allowing("fd00:1::/32");
    expect(six.checkUrl("http://[fd00:1::5]/x").hostname).toBe("[fd00:1::5]");
    expect(six.mayConnect("fd00:2::5", "https:")).toBe(false);
  });

  test.each([
    "10.0.0.1",
    "128.0.0.0",
    "169.254.169.254",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::7f00:1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "metadata.google.internal",
    "8.8.8.8",
  ])("let no other address through with http: %s", (host) => {
    expect(() => allowing("127.0.0.0/8").checkUrl(`http://${host}/x`)).toThrow(BrokerError);
  });

  test("leave names that may lie in them to the moment of connecting", () => {
    const office = allowing("10.1.0.0/16", "fd00::/8");
    for (const host of ["redis", "api.internal", "nas.lan", "hooks.example"])
      expect(office.checkUrl(`http://${host}/`).hostname).toBe(host);
    for (const host of ["localhost", "metadata.google.internal", "metadata.goog"])
      expect(() => office.checkUrl(`http://${host}/`)).toThrow("internal address");
    expect(office.mayConnect("10.1.255.255", "http:")).toBe(true);
    expect(office.mayConnect("10.2.0.0", "https:")).toBe(false);
    expect(office.mayConnect("8.8.8.8", "http:")).toBe(false);
  });

  test("that are no networks are refused at once", () => {
    expect(() => allowing("10.0.0.1")).toThrow("CIDR");
    expect(() => allowing("ten/8")).toThrow("CIDR");
  });
});

describe("a connection", () => {
  test.each(["", "hooks.example", "0177.0.0.1", "2130706433", "[2a00::1]", "127.1", "8.8.8"])(
    "is opened only to what is an address: %j",
    (text) => {
      expect(policy.mayConnect(text, "https:")).toBe(false);
    },
  );

  test("is not opened to a link's own address in a zone", () => {
    expect(policy.mayConnect("fe80::1%eth0", "https:")).toBe(false);
  });
});

describe("a name that is looked up", () => {
  afterEach(() => vi.useRealTimers());

  test.each([
    ["an internal address", ["10.0.0.1"]],
    ["a public and an internal address", ["8.8.8.8", "10.0.0.1"]],
    ["a public IPv4 and an internal IPv6 address", ["8.8.8.8", "fd00::1"]],
    ["an embedded address", ["::ffff:8.8.8.8"]],
  ])("is refused with %s, and nobody is told which", async (_what, addresses) => {
    const checked = checkFound(HOOKS, () => Promise.resolve(addresses));
    await expect(checked).rejects.toMatchObject({
      code: "invalid_request",
      param: "url",
      message: "'url' must not point to an internal address.",
    });
  });

  test("passes with public addresses only, and while it does not resolve", async () => {
    await checkFound(HOOKS, () => Promise.resolve(["8.8.8.8", "2a00::1"]));
    await checkFound(HOOKS, () => Promise.reject(new Error("ENOTFOUND")));
  });

  test("passes when the DNS does not answer in time", async () => {
    vi.useFakeTimers();
    const checked = checkFound(HOOKS, () => new Promise(() => undefined));
    await vi.advanceTimersByTimeAsync(3_000);
    await checked;
  });

  test("must lie in the allowed networks for http", async () => {
    const url = "http://api.internal/";
    await checkFound(url, () => Promise.resolve(["10.1.2.3"]), ["10.1.0.0/16"]);
    const outside = checkFound(url, () => Promise.resolve(["8.8.8.8"]), ["10.1.0.0/16"]);
    await expect(outside).rejects.toThrow("internal address");
  });

  test("is not asked for when the host is an address", async () => {
    const resolveHost = vi.fn<() => Promise<string[]>>();
    await checkFound("https://8.8.8.8/", resolveHost);
    await expect(checkFound("https://[::1]/", resolveHost)).rejects.toThrow("internal address");
    expect(resolveHost).not.toHaveBeenCalled();
  });
});

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createEgressPolicy } from "../../../../shared/egress/egress-policy.ts";

const policy = createEgressPolicy({ allowNetworks: [] });

/** No public host is in these blocks: RFC 6890 and its successors list them. */
const INTERNAL_BLOCKS = `
  0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16
  172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.31.196.0/24 192.52.193.0/24
  192.88.99.0/24 192.168.0.0/16 192.175.48.0/24 198.18.0.0/15
  198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4 168.63.129.16/32
`
  .trim()
  .split(/\s+/)
  .map((block) => {
    const [address = "", bits = ""] = block.split("/");
    const size = 2 ** (32 - Number(bits));
    const first = address.split(".").reduce((sum, octet) => sum * 256 + Number(octet), 0);
    return { first, last: first + size - 1 };
  });

const dotted = (value: number) =>
  [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join(".");

const anyIPv4 = fc.oneof(
  fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  fc
    .constantFrom(...INTERNAL_BLOCKS)
    .chain(({ first, last }) => fc.integer({ min: Math.max(0, first - 2), max: last + 2 }))
    .map((value) => Math.min(value, 2 ** 32 - 1)),
);

/** Parsers of URLs read each part of an address in all these spellings. */
const spelling = fc.constantFrom<(part: number) => string>(
  (part) => String(part),
  (part) => `0${part.toString(8)}`,
  (part) => `000${part.toString(8)}`,
  (part) => `0x${part.toString(16)}`,
  (part) => `0X00${part.toString(16).toUpperCase()}`,
  (part) => String(part).replaceAll(/\d/g, (digit) => String.fromCodePoint(0xff10 + Number(digit))),
  (part) => String(part).replaceAll(/\d/g, (digit) => `%3${digit}`),
);

const spelledIPv4 = fc
  .record({
    value: anyIPv4,
    parts: fc.integer({ min: 1, max: 4 }),
    spellings: fc.tuple(spelling, spelling, spelling, spelling),
    dot: fc.constantFrom(".", "。", "．", "%2e"),
    end: fc.constantFrom("", "."),
  })
  .map(({ value, parts, spellings, dot, end }) => {
    const numbers = [24, 16, 8]
      .slice(0, parts - 1)
      .map((shift) => Math.floor(value / 2 ** shift) % 256);
    numbers.push(value % 2 ** (8 * (5 - parts)));
    const text = numbers.map((part, index) => (spellings[index] ?? String)(part)).join(dot);
    return { value, host: text + end };
  });

describe("any IPv4 address", () => {
  test("is internal exactly when it lies in one of the blocks", () => {
    fc.assert(
      fc.property(anyIPv4, (value) => {
        const internal = INTERNAL_BLOCKS.some(({ first, last }) => value >= first && value <= last);
        expect(policy.mayConnect(dotted(value), "https:")).toBe(!internal);
      }),
      { numRuns: 2_000 },
    );
  });

  test("is judged alike however it is written", () => {
    fc.assert(
      fc.property(spelledIPv4, ({ value, host }) => {
        const url = new URL(`https://${host}/`);
        expect(url.hostname).toBe(dotted(value));
        const allowed = policy.mayConnect(dotted(value), "https:");
        expect(policy.isInternalHost(url.hostname)).toBe(!allowed);
        if (allowed) policy.checkUrl(url.href);
        else expect(() => policy.checkUrl(`https://${host}/`)).toThrow("internal address");
      }),
      { numRuns: 2_000 },
    );
  });

  test("is refused in every IPv6 form that carries it", () => {
    fc.assert(
      fc.property(anyIPv4, (value) => {
        const high = Math.floor(value / 65_536).toString(16);
        const low = (value % 65_536).toString(16);
        const prefixes = ["::", "::ffff:", "::ffff:0:", "64:ff9b::", "64:ff9b:1::"];
        const forms = prefixes.map((prefix) => `${prefix}${high}:${low}`);
        forms.push(
          `2002:${high}:${low}::1`,
          `2001:0:${high}:${low}::1`,
          `2a00::5efe:${high}:${low}`,
        );
        for (const form of forms)
          if (policy.mayConnect(form, "https:")) throw new Error(`${form} is let through`);
      }),
    );
  });
});

import { describe, expect, test } from "vitest";
import { checkMedia } from "../../../../shared/requests/check-media.ts";
import { createEgressPolicy } from "../../../../shared/egress/egress-policy.ts";
import { internalForms, internalNames, loopbackForms } from "./address-forms.ts";

const policy = createEgressPolicy({ allowNetworks: [] });

const withImage = (url: unknown) => ({
  model: "m",
  messages: [
    { role: "user", content: [{ type: "text", text: "http://10.0.0.1/ is what?" }, image(url)] },
  ],
});
const image = (url: unknown) => ({ type: "image_url", image_url: { url } });
const message = (part: unknown) => ({ messages: [{ role: "user", content: [part] }] });

function refusedParam(fields: Record<string, unknown>): string | undefined {
  try {
    checkMedia(fields, policy);
  } catch (error) {
    expect(error).toMatchObject({ code: "invalid_request", status: 400 });
    return (error as { param?: string }).param;
  }
  return undefined;
}

describe("an image of a chat message", () => {
  test.each([
    ...[...loopbackForms, ...internalForms, ...internalNames].map((host) => `http://${host}/a.png`),
    "https://127.0.0.1/a.png",
    "HTTP://127.0.0.1:6379",
    "http://10.0.0.1?x",
    "http://[::1]#x",
    "file:///etc/passwd",
    "FILE:/etc/passwd",
    "ftp://example.com/a.png",
    "gopher://a.example/",
    "/etc/passwd",
    "a.png",
    "",
    "s3://bucket/key",
    "unix:/var/run/docker.sock",
    "blob:x",
    // Parsers of URLs disagree about these.

    "http://a.example\\@127.0.0.1/",
    "http://a.example@127.0.0.1/",
    "http://127.0.0.1@a.example/",
    " http://127.0.0.1/",
    "http://127.0.0.1 .a.example/",
    "http://a.example/\r\nX: y",
    "\tdata:,x",
    "http:127.0.0.1",
    "http:/127.0.0.1",
    "http:///127.0.0.1/",
    "https:a.example",
    "//127.0.0.1/",
    "http://010.8.8.8/",
    "http://0x8.8.8.8/",
    "http://127.0.0.1../",
    "http://%31%32%37.1/",
  ])("may not be at %j", (url) => {
    expect(refusedParam(withImage(url))).toBe("messages[0].content[1].image_url.url");
  });

  test.each([
    "https://example.com/a.png",
    "http://example.com:8080/a.png?sig=%2F&x='y'#z",
    "http://8.8.8.8/",
    "HTTPS://EXAMPLE.COM",
    "https://[2606:4700::1111]/a",
    "https://bücher.example/ä.png",
    "data:image/png;base64,iVBORw0KGgo=",
    "DATA:,x",
    `data:image/png;base64,${"A".repeat(1e6)}`,
  ])("may be at %.40s", (url) => {
    expect(refusedParam(withImage(url))).toBeUndefined();
  });

  test("is left to the upstream when it is no text", () => {
    for (const url of [null, undefined, 7, {}, []]) checkMedia(withImage(url), policy);
  });

  test("may lie in an allowed network", () => {
    const allowing = createEgressPolicy({ allowNetworks: ["10.1.0.0/16"] });
    checkMedia(withImage("http://10.1.0.9/a.png"), allowing);
    checkMedia(withImage("http://minio:9000/a.png"), allowing);
    for (const url of ["http://10.2.0.9/a.png", "http://localhost/a.png", "file:///10.1.0.9"])
      expect(() => checkMedia(withImage(url), allowing)).toThrow("messages[0].content[1]");
  });
});

const BAD = "http://169.254.169.254/x";

describe("every other place of an address", () => {
  test.each<[string, Record<string, unknown>]>([
    ["messages[0].content[0].image_url", message({ type: "image_url", image_url: BAD })],
    ["messages[0].content[0].image_url.url", message({ image_url: { url: BAD } })],
    ["messages[0].content[0].video_url.url", message({ type: "v", video_url: { url: BAD } })],
    ["messages[0].content[0].audio_url.url", message({ type: "a", audio_url: { url: BAD } })],
    ["messages[0].content[0].input_audio.data", message({ input_audio: { data: BAD } })],
    ["messages[0].content[0].file.file_url", message({ type: "file", file: { file_url: BAD } })],
    ["messages[0].content[0].file.file_data", message({ type: "file", file: { file_data: BAD } })],
    ["messages[0].content[0].image", message({ type: "image", image: "file:///a.png" })],
    ["messages[0].content[0].image", message({ type: "image", image: "/srv/secret.png" })],
    ["messages[0].content[0].video[1]", message({ type: "video", video: ["AAAA", BAD] })],
    ["messages[0].content[0].image", message({ image: `file:///${"/".repeat(5_000)}a.png` })],
    ["messages[0].content.image_url.url", { messages: [{ content: image(BAD) }] }],
    [
      "messages[1].content[0].image_url.url",
      { messages: [{ content: "x" }, { role: "tool", content: [image(BAD)] }] },
    ],
    [
      "input[0].content[1].image_url",
      { input: [{ content: ["x", { type: "input_image", image_url: BAD }] }] },
    ],
    [
      "input[0].content[0].file_url",
      { input: [{ role: "user", content: [{ type: "input_file", file_url: BAD }] }] },
    ],
    ["input[0].image_url", { input: [{ type: "input_image", image_url: BAD }] }],
    [
      "input[0].output[0].image_url",
      { input: [{ type: "function_call_output", output: [{ image_url: BAD }] }] },
    ],
    [
      "input[0].output[0].file_url",
      { input: [{ type: "custom_tool_call_output", output: [{ file_url: BAD }] }] },
    ],
    [
      "input[0].output.image_url",
      { input: [{ type: "computer_call_output", output: { image_url: BAD } }] },
    ],
    ["tools[1].server_url", { tools: [{ type: "function" }, { type: "mcp", server_url: BAD }] }],
  ])("is checked: %s", (param, fields) => {
    expect(refusedParam(fields)).toBe(param);
  });

  test.each<[string, Record<string, unknown>]>([
    ["text", { messages: [{ role: "user", content: BAD }], input: BAD, prompt: BAD }],
    ["text parts", message({ type: "text", text: BAD })],
    ["tokens", { input: [[1, 2], [3]] }],
    ["what tools say", { input: [{ type: "function_call_output", output: BAD }] }],
    ["citations", { input: [{ content: [{ text: "x", annotations: [{ url: BAD }] }] }] }],
    ["a tool's schema", { tools: [{ type: "function", parameters: { url: BAD } }] }],
    ["sound", message({ type: "input_audio", input_audio: { data: "//uQxAA=", format: "mp3" } })],
    ["long sound", message({ input_audio: { data: "/9j/".repeat(2_000), format: "wav" } })],
    ["an answer's sound", { messages: [{ role: "assistant", audio: { id: "audio:1" } }] }],
    ["a file by its id", message({ type: "file", file: { file_id: "file-1", filename: "c:a" } })],
    ["odd shapes", { messages: "x", input: null, tools: [null, 7, "x", []] }],
  ])("is not looked for in %s", (_what, fields) => {
    expect(refusedParam(fields)).toBeUndefined();
  });
});

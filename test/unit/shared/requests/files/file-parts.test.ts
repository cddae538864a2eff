import { expect, test } from "vitest";
import {
  decodeText,
  fileContent,
  fileText,
} from "../../../../../shared/requests/files/file-content.ts";
import {
  mapFileParts,
  mayNameFiles,
  type FilePart,
} from "../../../../../shared/requests/files/file-parts.ts";

const PNG = Buffer.from("89504e470d0a1a0a0000", "hex");

test.each<[string, string | null, Buffer, string, boolean]>([
  ["a.md", "text/markdown", Buffer.from("# ä"), "text/markdown", true],
  ["a", null, Buffer.from("plain"), "application/octet-stream", true],
  ["a.txt", "image/png", PNG, "image/png", false],
  ["a.png", "text/plain", PNG, "image/png", false],
  ["a.jpg", null, Buffer.from("ffd8ff00", "hex"), "image/jpeg", false],
  ["a.webp", null, Buffer.from("RIFF\0\0\0\0WEBPVP8 "), "image/webp", false],
  ["a.svg", "text/plain", Buffer.from("<svg/>"), "image/svg+xml", true],
  ["a.bin", "Application/PDF; x=y", Buffer.from([0]), "application/pdf", false],
  ["a.txt", "text/plain", Buffer.from("%PDF-1.7 text"), "application/pdf", false],
  [
    "a.docx",
    "application/octet-stream",
    Buffer.from("PK\u0003\0"),
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    false,
  ],
  ["a.constructor", null, Buffer.from([0]), "application/octet-stream", false],
])("%s, uploaded as %s, is what its bytes say", (filename, mimeType, bytes, type, isText) => {
  const content = fileContent({ filename, mime_type: mimeType }, bytes);
  expect(content.mediaType).toBe(type);
  expect(content.text !== undefined).toBe(isText);
  expect(content.dataUrl).toBe(`data:${type};base64,${bytes.toString("base64")}`);
});

test("texts are read without their byte order mark, and what is none is not", () => {
  expect(decodeText(Buffer.from("\ufeffa,b"))).toBe("a,b");
  expect(decodeText(Buffer.from("\ufeffä;b\r\n", "utf16le"))).toBe("ä;b\r\n");
  expect(decodeText(Buffer.from("a\0b"))).toBeUndefined();
  expect(decodeText(Buffer.from([0xe4]))).toBeUndefined();
  expect(decodeText(Buffer.from([0xff, 0xfe, 0x41]))).toBeUndefined();
});

test("what is called a text may have an older encoding", () => {
  const bytes = Buffer.from("M\u00fcller;3,50 \u0080\n", "latin1");
  const read = (filename: string, type: string | null) =>
    fileContent({ filename, mime_type: type }, bytes).text;
  expect(read("a.csv", "application/octet-stream")).toBe("Müller;3,50 €\n");
  expect(read("a", "text/tab-separated-values")).toBe("Müller;3,50 €\n");
  expect(read("a.bin", null)).toBeUndefined();
});

test("a text is told from what its user says, whatever its name", () => {
  expect(fileText('a"><b.md', "x")).toBe('<file name="a___b.md">\nx\n</file>');
  expect(fileText("a", "x\n")).toBe('<file name="a">\nx\n</file>');
});

/** Returns the places in which a body names files. */
function placesOf(field: "messages" | "input", value: unknown): string[] {
  const found: FilePart[] = [];
  const same = mapFileParts(field, value, (part) => {
    found.push(part);
    return undefined;
  });
  expect(same).toEqual(value);
  if (found.length > 0) expect(mayNameFiles(value)).toBe(true);
  return found.map(({ param }) => param);
}

const input = { type: "input_file", file_id: "f" };
const image = { type: "input_image", file_id: "f" };
const file = { type: "file", file: { file_id: "f" } };

test.each<[string, "messages" | "input", unknown, string[]]>([
  [
    "a message",
    "input",
    [{ content: ["x", input, image] }],
    ["input[0].content[1].file_id", "input[0].content[2].file_id"],
  ],
  ["what a tool gave", "input", [{ output: [image] }], ["input[0].output[0].file_id"]],
  [
    "a screenshot",
    "input",
    [{ output: { type: "computer_screenshot", file_id: "f" } }],
    ["input[0].output.file_id"],
  ],
  ["an item", "input", [image], ["input[0].file_id"]],
  [
    "a chat",
    "messages",
    [{ content: "x" }, { content: [file] }],
    ["messages[1].content[0].file.file_id"],
  ],
  ["a chat with a response's part", "messages", [{ content: [input] }], []],
  ["a response with a chat's part", "input", [{ content: [file] }], []],
  ["null", "input", [{ content: [{ ...input, file_id: null }] }], []],
  ["text", "input", "x", []],
  [
    "odd shapes",
    "messages",
    [null, 7, { content: null }, { content: [null, [7]] }, { content: {} }],
    [],
  ],
])("files are found in %s", (_where, field, value, places) => {
  expect(placesOf(field, value)).toEqual(places);
});

test("most requests are known to name none", () => {
  const said = [{ role: "user", content: "x" }, { content: [{ type: "text", text: "x" }] }];
  expect(mayNameFiles(said)).toBe(false);
  for (const value of ["x", null, [null, 7, [[]]]]) expect(mayNameFiles(value)).toBe(false);
});

test("what else a part says stays", () => {
  const content = fileContent({ filename: "a.pdf", mime_type: null }, Buffer.from("%PDF-"));
  const text = fileContent({ filename: "a.txt", mime_type: null }, Buffer.from("x"));
  const picture = fileContent({ filename: "a.png", mime_type: null }, PNG);
  const map = (field: "messages" | "input", part: object, by = content) =>
    (mapFileParts(field, [{ content: [part] }], () => by) as { content: unknown[] }[])[0]
      ?.content[0];
  const named = { ...input, filename: "b.pdf", detail: "low" };
  expect(map("input", named)).toEqual({
    type: "input_file",
    filename: "b.pdf",
    detail: "low",
    file_data: content.dataUrl,
  });
  expect(map("input", named, text)).toEqual({
    type: "input_text",
    detail: "low",
    text: fileText("b.pdf", "x"),
  });
  expect(map("input", input, picture)).toEqual({ type: "input_image", image_url: picture.dataUrl });
  expect(map("input", { ...image, detail: "high" }, picture)).toEqual({
    type: "input_image",
    detail: "high",
    image_url: picture.dataUrl,
  });
  const cached = { ...file, cache_control: { type: "ephemeral" } };
  expect(map("messages", cached)).toEqual({
    ...cached,
    file: { filename: "a.pdf", file_data: content.dataUrl },
  });
  expect(map("messages", cached, text)).toEqual({
    type: "text",
    text: fileText("a.txt", "x"),
    cache_control: { type: "ephemeral" },
  });
  expect(map("messages", file, picture)).toEqual({
    type: "image_url",
    image_url: { url: picture.dataUrl },
  });
});

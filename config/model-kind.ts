/** The kind of a model whose entry in the file does not say. */
export function defaultKind(name: string): "chat" | "embedding" {
  return /embed/i.test(name) ? "embedding" : "chat";
}

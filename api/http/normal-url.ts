/**
 * The first parts of the paths below `/v1`. A path that is not served gets an error that says so.
 */
const TOPICS = new Set([
  "assistants",
  "audio",
  "batches",
  "chat",
  "completions",
  "containers",
  "conversations",
  "embeddings",
  "evals",
  "files",
  "fine_tuning",
  "images",
  "jobs",
  "messages",
  "models",
  "moderations",
  "realtime",
  "rerank",
  "responses",
  "threads",
  "uploads",
  "vector_stores",
  "videos",
  "webhook_endpoints",
  "webhook_event_types",
]);

const ORIGIN = /^https?:\/\/[^/?#]*/i;

/**
 * Finds the path that a caller means, and keeps its query. Doubled and trailing slashes are
 * removed, and `/v1` is added where it is missing or removed where it stands twice. Clients put
 * their paths behind a base URL, which people write with a slash at its end, without `/v1`, or with
 * a `/v1` that the client adds too.
 */
export function normalUrl(url: string): string {
  const target = url.replace(ORIGIN, "");
  const end = target.search(/[?#]/);
  const written = end === -1 ? target : target.slice(0, end);
  const path = `/${written
    .split("/")
    .filter((part) => part !== "")
    .join("/")}`.replace(/^(?:\/v1)+(?=\/v1(?:\/|$))/, "");
  const [, topic = ""] = path.split("/", 2);
  return `${TOPICS.has(topic) ? "/v1" : ""}${path}${end === -1 ? "" : target.slice(end)}`;
}

/** Domains of well-known inference APIs, which stand for all their subdomains too. */
const CLOUD_DOMAINS = [
  "ai.cloud.ovh.net",
  "ai21.com",
  "ai-gateway.vercel.sh",
  "anthropic.com",
  "anyscale.com",
  "baseten.co",
  "cerebras.ai",
  "cloudflare.com",
  "cohere.ai",
  "cohere.com",
  "cognitiveservices.azure.com",
  "dashscope-intl.aliyuncs.com",
  "dashscope.aliyuncs.com",
  "deepinfra.com",
  "deepseek.com",
  "fireworks.ai",
  "friendli.ai",
  "githubcopilot.com",
  "googleapis.com",
  "groq.com",
  "huggingface.cloud",
  "huggingface.co",
  "hyperbolic.xyz",
  "jina.ai",
  "lambda.ai",
  "lepton.run",
  "minimax.io",
  "mistral.ai",
  "ml.azure.com",
  "models.ai.azure.com",
  "models.github.ai",
  "modal.run",
  "moonshot.ai",
  "moonshot.cn",
  "nebius.com",
  "novita.ai",
  "nscale.com",
  "ollama.com",
  "openai.azure.com",
  "openai.com",
  "openrouter.ai",
  "perplexity.ai",
  "portkey.ai",
  "replicate.com",
  "sambanova.ai",
  "scaleway.ai",
  "services.ai.azure.com",
  "siliconflow.cn",
  "siliconflow.com",
  "together.ai",
  "together.xyz",
  "vertexai.goog",
  "voyageai.com",
  "api.nvidia.com",
  "api.runpod.ai",
  "x.ai",
  "z.ai",
] as const;

/** Only these services count: other hosts of the same domains may be somebody's own GPU machine. */
const AWS_INFERENCE =
  /(?:^|\.)(?:bedrock|sagemaker)[a-z0-9-]*\.(?:[a-z0-9-]+\.)*(?:amazonaws\.com(?:\.cn)?|api\.aws)$/;

/** Tells whether a host name belongs to a well-known cloud inference API. */
export function isCloudHost(hostname: string): boolean {
  const host = hostname.toLowerCase().replace(/\.+$/, "");
  return (
    AWS_INFERENCE.test(host) ||
    CLOUD_DOMAINS.some((domain) => host === domain || host.endsWith(`.${domain}`))
  );
}

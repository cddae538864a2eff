import { expect, test } from "vitest";
import { isCloudHost } from "../../../config/cloud-hosts.ts";

test.each([
  "api.openai.com",
  "API.OpenAI.com.",
  "eu.api.openai.com",
  "api.anthropic.com",
  "my-resource.openai.azure.com",
  "my-resource.services.ai.azure.com",
  "openrouter.ai",
  "api.groq.com",
  "api.mistral.ai",
  "api.together.xyz",
  "api.fireworks.ai",
  "api.deepseek.com",
  "api.x.ai",
  "api.cohere.com",
  "generativelanguage.googleapis.com",
  "us-central1-aiplatform.googleapis.com",
  "bedrock-runtime.us-east-1.amazonaws.com",
  "bedrock-runtime.cn-north-1.amazonaws.com.cn",
  "vpce-1.bedrock-runtime.us-east-1.vpce.amazonaws.com",
  "bedrock-mantle.us-east-1.api.aws",
  "runtime.sagemaker.us-east-1.amazonaws.com",
  "api.perplexity.ai",
  "api.cerebras.ai",
])("%s is a cloud API", (host) => {
  expect(isCloudHost(host)).toBe(true);
});

test.each([
  "localhost",
  "127.0.0.1",
  "[::1]",
  "gpu-a.internal",
  "notopenai.com",
  "openai.com.internal",
  "box.ai",
  "ec2-3-3-3-3.compute-1.amazonaws.com",
  "bedrock.internal",
])("%s may be a machine of one's own", (host) => {
  expect(isCloudHost(host)).toBe(false);
});

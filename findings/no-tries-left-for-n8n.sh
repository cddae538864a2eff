#!/usr/bin/env bash
# n8n never tries a chat model's call again, whatever its "Max Retries" says.
#
# One would guess: with `maxRetries: 2`, n8n's default, a 429 or 503 is asked for twice more.
# Seen, n8n 2.41.1 with its @n8n/ai-utilities 0.34.1 and @langchain/core 1.2.8: one call. n8n's
# handler ends the call unless `error.retriesLeft` is above 0, and LangChain, since it has a p-retry
# of its own, hands over the error without that. No status and no header of a server helps.
# So what n8n's agents are refused is over, until "Retry On Fail" of the node starts it anew.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund --ignore-scripts @langchain/core@1.2.8 n8n-workflow@2.41.0 > /dev/null
# The handler alone: all that this package asks for would be hundreds of megabytes.
npm pack --silent @n8n/ai-utilities@0.34.1 > /dev/null
tar xzf n8n-ai-utilities-0.34.1.tgz package/dist/cjs/utils/failed-attempt-handler

cat > check.cjs <<'EOJ'
const assert = require("node:assert/strict");
const { AsyncCaller } = require("@langchain/core/utils/async_caller");
const folder = "./package/dist/cjs/utils/failed-attempt-handler";
const { makeN8nLlmFailedAttemptHandler } = require(`${folder}/n8nLlmFailedAttemptHandler.js`);
const node = { id: "1", name: "Model", type: "model", typeVersion: 1, position: [0, 0], parameters: {} };
const handlers = {
  "LangChain's own": undefined,
  "n8n's": makeN8nLlmFailedAttemptHandler({ getNode: () => node }),
};
async function calls(onFailedAttempt) {
  let count = 0;
  const caller = new AsyncCaller({ maxRetries: 2, onFailedAttempt });
  const busy = async () => {
    count += 1;
    throw Object.assign(new Error("busy"), { status: 503 });
  };
  await assert.rejects(caller.call(busy));
  return count;
}
(async () => {
  const [own, n8n] = [await calls(handlers["LangChain's own"]), await calls(handlers["n8n's"])];
  console.log(`a 503 with maxRetries 2: ${own} calls with LangChain's own handler, ${n8n} with n8n's`);
  assert.equal(own, 3);
  assert.equal(n8n, 1);
})();
EOJ
node check.cjs

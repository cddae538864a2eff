"""Writes a small llama model with random weights for llama.cpp and Ollama: make-gguf.py OUT CONTEXT

Its vocabulary is the 256 bytes and three marks. Only the 26 letters and the blank have output
weights, so that greedy decoding never ends by itself and always gives plain text.
"""
import sys

import gguf
import numpy

WIDTH, LAYERS, HIDDEN, HEADS = 512, 8, 1024, 8
out, context = sys.argv[1], int(sys.argv[2])
random = numpy.random.default_rng(7)


def printable_bytes():
    """The letters that byte-level BPE writes for the 256 bytes, as GPT-2 chose them."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    names = {byte: chr(byte) for byte in plain}
    names.update({byte: chr(256 + place) for place, byte in enumerate(others)})
    return [names[byte] for byte in range(256)]


letters = printable_bytes()
marks = ["<|end|>", "<|im_start|>", "<|im_end|>"]
tokens = [*letters, letters[ord("t")] + letters[ord("h")], *marks]
kinds = [gguf.TokenType.NORMAL] * 257 + [gguf.TokenType.CONTROL] * len(marks)

writer = gguf.GGUFWriter(out, "llama")
writer.add_name("tiny-random")
writer.add_context_length(context)
writer.add_embedding_length(WIDTH)
writer.add_block_count(LAYERS)
writer.add_feed_forward_length(HIDDEN)
writer.add_head_count(HEADS)
writer.add_head_count_kv(HEADS)
writer.add_layer_norm_rms_eps(1e-5)
writer.add_rope_dimension_count(WIDTH // HEADS)
writer.add_rope_freq_base(10_000.0)
writer.add_vocab_size(len(tokens))
writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
writer.add_tokenizer_model("gpt2")
writer.add_tokenizer_pre("gpt-2")
writer.add_token_list(tokens)
writer.add_token_types(kinds)
writer.add_token_merges([f"{letters[ord('t')]} {letters[ord('h')]}"])
writer.add_bos_token_id(tokens.index("<|end|>"))
writer.add_eos_token_id(tokens.index("<|im_end|>"))
writer.add_add_bos_token(False)
writer.add_chat_template(
    "{% for tool in tools or [] %}{{ tool | tojson }}\n{% endfor %}"
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def weights(*shape, scale):
    return (random.standard_normal(shape, dtype=numpy.float32) * scale).astype(numpy.float16)


def ones():
    return numpy.ones(WIDTH, numpy.float32)


unit = WIDTH**-0.5
writer.add_tensor("token_embd.weight", weights(len(tokens), WIDTH, scale=1.0))
for layer in range(LAYERS):
    name = f"blk.{layer}."
    writer.add_tensor(name + "attn_norm.weight", ones())
    for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
        writer.add_tensor(f"{name}{part}.weight", weights(WIDTH, WIDTH, scale=unit))
    writer.add_tensor(name + "ffn_norm.weight", ones())
    writer.add_tensor(name + "ffn_gate.weight", weights(HIDDEN, WIDTH, scale=unit))
    writer.add_tensor(name + "ffn_up.weight", weights(HIDDEN, WIDTH, scale=unit))
    writer.add_tensor(name + "ffn_down.weight", weights(WIDTH, HIDDEN, scale=HIDDEN**-0.5))
writer.add_tensor("output_norm.weight", ones())
output = weights(len(tokens), WIDTH, scale=4 * unit)
spoken = {ord(" "), *range(ord("a"), ord("z") + 1)}
output[[row for row in range(len(tokens)) if row not in spoken]] = 0
writer.add_tensor("output.weight", output)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()

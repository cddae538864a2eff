"""Serves a tiny model with random weights by llama.cpp's own server, from its package xllamacpp.

`with llamacpp(slots=2) as url:` in a script of this folder; needs `xllamacpp` and `gguf`. The
vocabulary is the 256 bytes, greedy decoding says letters for ever.
"""
import contextlib, os, tempfile
import gguf, numpy, xllamacpp

WIDTH, HEADS, HIDDEN, CONTEXT = 64, 2, 128, 512


def write_model(path):
    random = numpy.random.default_rng(3)
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    names = {byte: chr(byte) for byte in plain}
    names |= {byte: chr(256 + place) for place, byte in enumerate(sorted(set(range(256)) - set(plain)))}
    tokens = [names[byte] for byte in range(256)] + ["ab", "<|end|>"]
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.NORMAL] * 257 + [gguf.TokenType.CONTROL])
    writer.add_token_merges(["a b"])
    writer.add_bos_token_id(257)
    writer.add_eos_token_id(257)
    writer.add_add_bos_token(False)
    writer.add_chat_template("{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}assistant: ")

    def weights(*shape):
        return (random.standard_normal(shape) * shape[-1] ** -0.5).astype(numpy.float32)

    ones = numpy.ones(WIDTH, numpy.float32)
    writer.add_tensor("token_embd.weight", weights(len(tokens), WIDTH) * 8)
    writer.add_tensor("blk.0.attn_norm.weight", ones)
    writer.add_tensor("blk.0.ffn_norm.weight", ones)
    for part in ["attn_q", "attn_k", "attn_v", "attn_output"]:
        writer.add_tensor(f"blk.0.{part}.weight", weights(WIDTH, WIDTH))
    for part in ["ffn_gate", "ffn_up"]:
        writer.add_tensor(f"blk.0.{part}.weight", weights(HIDDEN, WIDTH))
    writer.add_tensor("blk.0.ffn_down.weight", weights(WIDTH, HIDDEN))
    writer.add_tensor("output_norm.weight", ones)
    output = weights(len(tokens), WIDTH) * 4
    output[[row for row in range(len(tokens)) if not ord("a") <= row <= ord("z")]] = 0
    writer.add_tensor("output.weight", output)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@contextlib.contextmanager
def llamacpp(slots):
    """The server's URL. Its log goes to nowhere; it ends with the process."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "tiny.gguf")
        write_model(path)
        options = xllamacpp.CommonParams()
        options.model.path = path
        options.n_parallel = slots
        options.n_ctx = CONTEXT * slots
        options.cpuparams.n_threads = 1
        options.endpoint_metrics = True
        options.warmup = False
        options.port = 0
        server = xllamacpp.Server(options)
        yield server.listening_address

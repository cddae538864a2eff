"""Writes a two-layer Llama with random weights and a tokenizer: make-vllm-model.py OUT TEXT-FILE...

Nothing is downloaded: the tokenizer learns from the given files. The chat template renders tools
as Hermes does, for vLLM's parser of that name.
"""
import sys

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

out, texts = sys.argv[1], sys.argv[2:]
marks = ["<|pad|>", "<|begin|>", "<|im_start|>", "<|im_end|>", "<tool_call>", "</tool_call>"]
trained = Tokenizer(models.BPE())
trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
trained.decoder = decoders.ByteLevel()
trained.train(
    texts,
    trainers.BpeTrainer(
        vocab_size=800,
        special_tokens=marks,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    ),
)
tokenizer = PreTrainedTokenizerFast(
    tokenizer_object=trained, pad_token=marks[0], bos_token=marks[1], eos_token=marks[3]
)
tokenizer.chat_template = (
    "{%- for tool in tools or [] %}{{ tool | tojson }}\n{% endfor %}"
    "{%- for message in messages %}<|im_start|>{{ message.role }}\n"
    "{%- if message.content is string %}{{ message.content }}"
    "{%- else %}{%- for part in message.content or [] %}{{ part.text or '' }}{%- endfor %}{%- endif %}"
    "{%- for call in message.tool_calls or [] %}<tool_call>{{ call.function | tojson }}</tool_call>"
    "{%- endfor %}<|im_end|>\n{%- endfor %}"
    "{%- if add_generation_prompt %}<|im_start|>assistant\n{%- endif %}"
)
tokenizer.save_pretrained(out)
torch.manual_seed(7)
config = LlamaConfig(
    vocab_size=trained.get_vocab_size(),
    hidden_size=128,
    intermediate_size=256,
    num_hidden_layers=2,
    num_attention_heads=2,
    num_key_value_heads=2,
    head_dim=64,
    max_position_embeddings=8192,
    pad_token_id=0,
    bos_token_id=1,
    eos_token_id=3,
    tie_word_embeddings=False,
)
LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(out)

"""Runs in an environment with gguf and xllamacpp: a BERT reranker as GGUF, and llama.cpp's own server over it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

PARTS = {
    "bert.embeddings.word_embeddings.weight": "token_embd.weight",
    "bert.embeddings.position_embeddings.weight": "position_embd.weight",
    "bert.embeddings.token_type_embeddings.weight": "token_types.weight",
    "bert.embeddings.LayerNorm": "token_embd_norm",
    "bert.pooler.dense": "cls",
    "classifier": "cls.output",
}
OF_LAYER = {
    "attention.self.query": "attn_q",
    "attention.self.key": "attn_k",
    "attention.self.value": "attn_v",
    "attention.output.dense": "attn_output",
    "attention.output.LayerNorm": "attn_output_norm",
    "intermediate.dense": "ffn_up",
    "output.dense": "ffn_down",
    "output.LayerNorm": "layer_output_norm",
}


def name_of(tensor: str) -> str:
    """Of a tensor of transformers in GGUF."""
    if tensor in PARTS:
        return PARTS[tensor]
    part, _, kind = tensor.rpartition(".")
    if part in PARTS:
        return f"{PARTS[part]}.{kind}"
    number, _, inner = part.removeprefix("bert.encoder.layer.").partition(".")
    return f"blk.{number}.{OF_LAYER[inner]}.{kind}"


def write(folder: Path, file: Path) -> None:
    """The checkpoint of transformers as GGUF, in float32."""
    import gguf
    from safetensors.numpy import load_file

    config = json.loads((folder / "config.json").read_text())
    vocabulary = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
    writer: Any = gguf.GGUFWriter(file, "bert")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_layer_norm_eps(config["layer_norm_eps"])
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType.RANK)
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("default")
    writer.add_token_type_count(config["type_vocab_size"])
    # What begins a word has a mark there, in place of the ## of what goes on with one.
    tokens = [
        word[2:]
        if word.startswith("##")
        else word
        if word.startswith("[") and word.endswith("]") and len(word) > 2
        else f"▁{word}"
        for word, _ in sorted(vocabulary.items(), key=lambda item: item[1])
    ]
    writer.add_token_list(tokens)
    special = [token.startswith("[") and token.endswith("]") for token in tokens]
    writer.add_token_types([gguf.TokenType.CONTROL if each else gguf.TokenType.NORMAL for each in special])
    for name in ("pad", "unk", "sep", "mask"):
        getattr(writer, f"add_{name}_token_id")(vocabulary[f"[{name.upper()}]"])
    writer.add_bos_token_id(vocabulary["[CLS]"])
    writer.add_eos_token_id(vocabulary["[SEP]"])
    # [CLS] query [SEP] passage [SEP], as it was trained.
    for name, added in {"bos": True, "eos": True, "sep": False}.items():
        getattr(writer, f"add_add_{name}_token")(added)
    for name, tensor in load_file(folder / "model.safetensors").items():
        writer.add_tensor(name_of(name), tensor.astype("float32"))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def serve(file: Path) -> tuple[Any, str]:
    """The server, and where it listens."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(file)
    params.embedding = True
    params.n_ctx = params.n_batch = params.n_ubatch = 512
    params.n_parallel = 1
    params.hostnames, params.port, params.warmup = ["127.0.0.1"], 0, False
    params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_RANK
    server = xllamacpp.Server(params)
    return server, server.listening_address

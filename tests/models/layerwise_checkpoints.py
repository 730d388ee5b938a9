"""Tiny random checkpoints of the two classes that score after several of their layers."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import (
    Gemma2Config,
    Gemma2Model,
    GraniteConfig,
    GraniteModel,
    LlamaTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from playground.models.prompts import BGE_LAYERWISE
from tests.checkpoints import CHINESE, ENGLISH, SIZES, edit_json, gemma_tokenizer, write_json

N_LAYERS, START = 6, 2
# Python that must never run.
REMOTE_CODE = "raise SystemExit('the code of the repository was run')\n"


def llama_tokenizer() -> LlamaTokenizer:
    """A BPE tokenizer as MiniCPM's: every text begins with `▁`, unknown characters become bytes."""
    special = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    backend = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.BpeTrainer(vocab_size=600, special_tokens=special, show_progress=False)
    backend.train_from_iterator([*ENGLISH, *CHINESE, BGE_LAYERWISE.instruction], trainer)
    trained = json.loads(backend.to_str())["model"]
    merges = [tuple(pair) for pair in trained["merges"]]
    return LlamaTokenizer(vocab=trained["vocab"], merges=merges, pad_token="</s>", model_max_length=2048)


def tiny_minicpm(path: Path) -> Path:
    """A decoder of the class of bge-reranker-v2-minicpm-layerwise. Returns the folder."""
    tokenizer = llama_tokenizer()
    own = {"scale_emb": 3, "scale_depth": 1.4, "dim_model_base": 16, "rope_theta": 10000.0, "rms_norm_eps": 1e-5}
    config = GraniteConfig(vocab_size=len(tokenizer), **_shape(), num_key_value_heads=4)
    path = _save(path, tokenizer, GraniteModel(config), "LayerWiseMiniCPMForCausalLM", "minicpm", own)
    # As the files of that time: what transformers 5 writes is another way to say the same.
    prepend = {"type": "Prepend", "prepend": "▁"}
    replace = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
    whole = json.loads((path / "tokenizer.json").read_text(encoding="utf-8"))
    whole |= {"normalizer": {"type": "Sequence", "normalizers": [prepend, replace]}, "pre_tokenizer": None}
    write_json(path / "tokenizer.json", whole)
    return path


def tiny_cost_wise(path: Path, *, sliding_window: int = 48) -> Path:
    """A decoder of the class of bge-reranker-v2.5-gemma2-lightweight. Returns the folder."""
    tokenizer = gemma_tokenizer()
    own = {"layer_sep": 1, "layer_wise": True, "head_dim": 8, "sliding_window": sliding_window, "pad_token_id": 0}
    own |= {"attn_logit_softcapping": 5.0, "final_logit_softcapping": 3.0, "query_pre_attn_scalar": 16}
    own |= {"hidden_activation": "gelu_pytorch_tanh", "rope_theta": 10000.0, "rms_norm_eps": 1e-6}
    config = Gemma2Config(vocab_size=len(tokenizer), **_shape(), head_dim=8, num_key_value_heads=2, pad_token_id=0)
    return _save(path, tokenizer, Gemma2Model(config), "CostWiseGemmaForCausalLM", "cost_wise_gemma", own)


def _shape() -> dict[str, object]:
    return {**SIZES, "num_hidden_layers": N_LAYERS, "max_position_embeddings": 2048, "initializer_range": 0.3}


def _save(
    path: Path,
    tokenizer: PreTrainedTokenizerBase,
    model: PreTrainedModel,
    architecture: str,
    model_type: str,
    own: dict[str, object],
) -> Path:
    """The layout of such a repository: a config that asks for Python, the Python, and a head for each upper layer."""
    torch.manual_seed(0)
    model.init_weights()
    tensors = {f"model.{name}": tensor.contiguous() for name, tensor in model.state_dict().items()}
    tensors = {name: torch.randn_like(each) * 0.3 if each.dim() > 1 else each for name, each in tensors.items()}
    for place in range(N_LAYERS + 1 - START):
        tensors[f"lm_head.{place}.linear_head.weight"] = torch.randn(1, SIZES["hidden_size"]) * 0.3
    path.mkdir(parents=True)
    save_file(tensors, path / "model.safetensors", metadata={"format": "pt"})
    tokenizer.save_pretrained(path)
    # transformers 4 cannot read the empty list that transformers 5 writes.
    edit_json(path / "tokenizer_config.json", extra_special_tokens=None)
    (path / "remote.py").write_text(REMOTE_CODE, encoding="utf-8")
    config = {
        "architectures": [architecture],
        "auto_map": {"AutoConfig": "remote.Config", "AutoModelForCausalLM": f"remote.{architecture}"},
        "model_type": model_type,
        "vocab_size": len(tokenizer),
        "start_layer": START,
        "num_key_value_heads": model.config.num_key_value_heads,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        **_shape(),
        **own,
    }
    write_json(path / "config.json", config)
    return path

"""Tiny random embedders in the folder layouts of the families that have prompts of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import processors
from transformers import (
    BertConfig,
    BertModel,
    Gemma3TextConfig,
    Gemma3TextModel,
    ModernBertConfig,
    ModernBertModel,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2Model,
    Qwen3Config,
    Qwen3Model,
    XLMRobertaConfig,
    XLMRobertaModel,
)

from tests.checkpoints import (
    SIZES,
    SPREAD,
    Pooling,
    bert_tokenizer,
    edit_json,
    gemma_tokenizer,
    qwen_tokenizer,
    write_json,
    xlmr_tokenizer,
)

QWEN_PROMPTS = {
    "query": "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery:",
    "document": "",
}
GEMMA_PROMPTS = {
    "query": "task: search result | query: ",
    "document": "title: none | text: ",
    "STS": "task: sentence similarity | query: ",
}
_DECODER = {**SIZES, "num_key_value_heads": 2, "max_position_embeddings": 2048, "initializer_range": 0.3}


def tiny_bert_embedder(path: Path, pooling: Pooling = "cls", prompts: Mapping[str, str] | None = None) -> Path:
    """Of the class of llm-embedder (CLS) and of e5-base-v2 (mean), which say nothing of prompts. Returns the folder."""
    tokenizer = bert_tokenizer()
    config = BertConfig(vocab_size=len(tokenizer), max_position_embeddings=512, pad_token_id=0, **SIZES, **SPREAD)
    return _save(path, tokenizer, config, BertModel, pooling, prompts=prompts)


def tiny_multilingual_e5(path: Path) -> Path:
    """Of the class of multilingual-e5-base. Returns the folder."""
    tokenizer = xlmr_tokenizer()
    config = XLMRobertaConfig(
        vocab_size=len(tokenizer), max_position_embeddings=514, pad_token_id=1, type_vocab_size=1, **SIZES, **SPREAD
    )
    return _save(path, tokenizer, config, XLMRobertaModel, "mean")


def tiny_modernbert_embedder(path: Path) -> Path:
    """Of the class of gte-modernbert-base, whose vectors are not normalised. Returns the folder."""
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bert_tokenizer().backend_tokenizer,
        model_max_length=8192,
        model_input_names=["input_ids", "attention_mask"],
        **{f"{name.lower()}_token": f"[{name}]" for name in ("PAD", "UNK", "CLS", "SEP", "MASK")},
    )
    config = ModernBertConfig(
        vocab_size=len(tokenizer),
        max_position_embeddings=8192,
        initializer_range=0.3,
        local_attention=32,
        pad_token_id=0,
        cls_token_id=2,
        sep_token_id=3,
        **SIZES,
    )
    return _save(path, tokenizer, config, ModernBertModel, "cls", normalize=False)


def tiny_qwen_embedder(path: Path, *, version: int = 3, padding_side: str = "left") -> Path:
    """Of the class of Qwen3-Embedding: its tokenizer ends every text, and the files name a language model."""
    tokenizer = qwen_tokenizer()
    tokenizer.padding_side = padding_side
    end = ("<|endoftext|>", tokenizer.convert_tokens_to_ids("<|endoftext|>"))
    pair = "$A:0 <|endoftext|>:0 $B:1 <|endoftext|>:1"
    template = processors.TemplateProcessing(single="$A:0 <|endoftext|>:0", pair=pair, special_tokens=[end])
    tokenizer.backend_tokenizer.post_processor = processors.Sequence([processors.ByteLevel(), template])
    common = {**_DECODER, "vocab_size": len(tokenizer), "eos_token_id": end[1]}
    if version == 3:
        _save(path, tokenizer, Qwen3Config(head_dim=8, **common), Qwen3Model, "lasttoken", prompts=QWEN_PROMPTS)
    else:
        _save(path, tokenizer, Qwen2Config(**common), Qwen2Model, "lasttoken", prompts=QWEN_PROMPTS)
    edit_json(path / "config.json", architectures=[f"Qwen{version}ForCausalLM"])
    return path


def tiny_embeddinggemma(path: Path) -> Path:
    """Of the class of embeddinggemma-300m: attention both ways, in windows, then two linear steps."""
    tokenizer = gemma_tokenizer()
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="<bos> $A <eos>",
        pair="<bos> $A <eos> <bos>:1 $B:1 <eos>:1",
        special_tokens=[(name, tokenizer.convert_tokens_to_ids(name)) for name in ("<bos>", "<eos>")],
    )
    config = Gemma3TextConfig(
        vocab_size=len(tokenizer),
        head_dim=8,
        use_bidirectional_attention=True,
        sliding_window=16,
        layer_types=["sliding_attention", "full_attention"],
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        **_DECODER,
    )
    wide = 3 * SIZES["hidden_size"]
    dense = [(SIZES["hidden_size"], wide, "linear.Identity"), (wide, SIZES["hidden_size"], "linear.Identity")]
    return _save(path, tokenizer, config, Gemma3TextModel, "mean", dense=dense, prompts=GEMMA_PROMPTS)


def add_dense(path: Path, place: int, sizes: tuple[int, int], activation: str, *, bias: bool = False) -> None:
    """Writes the folder of a linear step; `modules.json` has to name it."""
    folder = path / f"{place}_Dense"
    folder.mkdir()
    n_in, n_out = sizes
    tensors = {"linear.weight": torch.randn(n_out, n_in) / n_in**0.5}
    tensors |= {"linear.bias": torch.randn(n_out)} if bias else {}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    name = f"torch.nn.modules.{activation}"
    config = {"in_features": n_in, "out_features": n_out, "bias": bias, "activation_function": name}
    write_json(folder / "config.json", config)


def write_modules(path: Path, names: Sequence[str]) -> None:
    """Writes `modules.json`: the transformer, then these steps, each in a folder with its number."""
    steps = [("", "Transformer"), *((f"{place}_{name}", name) for place, name in enumerate(names, start=1))]
    modules = [
        {"idx": place, "name": str(place), "path": folder, "type": f"sentence_transformers.models.{name}"}
        for place, (folder, name) in enumerate(steps)
    ]
    write_json(path / "modules.json", modules)


def _save(
    path: Path,
    tokenizer: PreTrainedTokenizerBase,
    config: PreTrainedConfig,
    architecture: type[PreTrainedModel],
    pooling: Pooling,
    *,
    normalize: bool = True,
    dense: Sequence[tuple[int, int, str]] = (),
    prompts: Mapping[str, str] | None = None,
) -> Path:
    torch.manual_seed(0)
    architecture(config).save_pretrained(path)
    tokenizer.save_pretrained(path)
    write_modules(path, ["Pooling", *["Dense"] * len(dense), *["Normalize"] * normalize])
    for place, (n_in, n_out, activation) in enumerate(dense, start=2):
        add_dense(path, place, (n_in, n_out), activation)
    write_json(path / "sentence_bert_config.json", {"max_seq_length": 512, "do_lower_case": False})
    (path / "1_Pooling").mkdir(exist_ok=True)
    modes = {"cls": "cls_token", "mean": "mean_tokens", "lasttoken": "lasttoken"}
    pooled: dict[str, object] = {f"pooling_mode_{name}": name == modes[pooling] for name in modes.values()}
    pooled |= {"word_embedding_dimension": config.hidden_size, "include_prompt": True}
    write_json(path / "1_Pooling" / "config.json", pooled)
    if prompts is not None:
        declared = {"prompts": dict(prompts), "default_prompt_name": None, "similarity_fn_name": "cosine"}
        write_json(path / "config_sentence_transformers.json", declared)
    return path

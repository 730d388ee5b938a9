"""Tiny random checkpoints that read query and passage apart, in the layouts in which the real ones come."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertModel,
    DistilBertConfig,
    DistilBertForMaskedLM,
    ModernBertConfig,
    ModernBertModel,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    XLMRobertaConfig,
    XLMRobertaForMaskedLM,
    XLMRobertaModel,
)

from tests.checkpoints import SIZES, SPREAD, bert_tokenizer, edit_json, write_json, xlmr_tokenizer

DIM = 16


def tiny_m3(path: Path) -> Path:
    """An encoder with the two heads of bge-m3. Returns the folder."""
    tokenizer = xlmr_tokenizer()
    torch.manual_seed(0)
    config = _xlmr_config(len(tokenizer))
    XLMRobertaModel(config).save_pretrained(path)
    tokenizer.save_pretrained(path)
    dim = config.hidden_size
    # As their makers save them.
    torch.save(torch.nn.Linear(dim, 1).state_dict(), path / "sparse_linear.pt")
    torch.save(torch.nn.Linear(dim, dim).state_dict(), path / "colbert_linear.pt")
    steps = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    _save_steps(path, [(folder, f"sentence_transformers.models.{name}") for folder, name in steps])
    write_json(path / "1_Pooling" / "config.json", {"word_embedding_dimension": dim, "pooling_mode_cls_token": True})
    write_json(path / "sentence_bert_config.json", {"max_seq_length": 8192, "do_lower_case": False})
    return path


def tiny_splade(
    path: Path, *, of: type[PreTrainedModel] = BertForMaskedLM, pooling: str = "max", activation: str = "relu"
) -> Path:
    """A SparseEncoder of sentence-transformers, as naver/splade-v3 comes. Returns the folder."""
    tokenizer = xlmr_tokenizer() if of is XLMRobertaForMaskedLM else bert_tokenizer()
    torch.manual_seed(1)
    config = {
        BertForMaskedLM: lambda: BertConfig(
            vocab_size=len(tokenizer), max_position_embeddings=512, pad_token_id=0, **SIZES, **SPREAD
        ),
        DistilBertForMaskedLM: lambda: DistilBertConfig(
            vocab_size=len(tokenizer), dim=32, hidden_dim=64, n_layers=2, n_heads=4, initializer_range=0.3
        ),
        XLMRobertaForMaskedLM: lambda: _xlmr_config(len(tokenizer)),
    }[of]()
    of(config).save_pretrained(path)
    tokenizer.save_pretrained(path)
    transformer, splade = "MLMTransformer", "SpladePooling"
    where = "sentence_transformers.sparse_encoder.models"
    _save_steps(path, [("", f"{where}.{transformer}"), (f"1_{splade}", f"{where}.{splade}")])
    settings = {"pooling_strategy": pooling, "activation_function": activation, "word_embedding_dimension": None}
    write_json(path / f"1_{splade}" / "config.json", settings)
    write_json(path / "sentence_bert_config.json", {"max_seq_length": 256, "do_lower_case": False})
    said = {"prompts": {"query": "", "document": ""}, "default_prompt_name": None, "similarity_fn_name": "dot"}
    write_json(path / "config_sentence_transformers.json", {"model_type": "SparseEncoder", **said})
    return path


def tiny_pylate(path: Path, *, modern: bool = False, n_layers: int = 1, **said: object) -> Path:
    """A ColBERT as PyLate saves it, as lightonai/GTE-ModernColBERT-v1 comes. Returns the folder.

    Args:
        modern: on ModernBERT, else on BERT.
        n_layers: of the projection; from the second on with a residual.
        said: of config_sentence_transformers.json.
    """
    tokenizer = bert_tokenizer()
    if modern:
        tokenizer = PreTrainedTokenizerFast(
            tokenizer_object=tokenizer.backend_tokenizer,
            model_max_length=8192,
            model_input_names=["input_ids", "attention_mask"],
            **{f"{name.lower()}_token": f"[{name}]" for name in ("PAD", "UNK", "CLS", "SEP", "MASK")},
        )
    tokenizer.add_tokens(["[Q] ", "[D] "])
    torch.manual_seed(2)
    if modern:
        ids = {"pad_token_id": 0, "cls_token_id": 2, "sep_token_id": 3, "max_position_embeddings": 8192}
        sizes = {"initializer_range": 0.3, "local_attention": 32, **SIZES}
        ModernBertModel(ModernBertConfig(vocab_size=len(tokenizer), **ids, **sizes)).save_pretrained(path)
    else:
        BertModel(BertConfig(vocab_size=len(tokenizer), pad_token_id=0, **SIZES, **SPREAD)).save_pretrained(path)
    tokenizer.save_pretrained(path)
    steps = [("", "sentence_transformers.models.Transformer")]
    steps += [(f"{place}_Dense", "pylate.models.Dense.Dense") for place in range(1, n_layers + 1)]
    _save_steps(path, steps)
    write_json(path / "sentence_bert_config.json", {"max_seq_length": 179, "do_lower_case": False})
    for place, (folder, _) in enumerate(steps[1:]):
        n_in = DIM if place else SIZES["hidden_size"]
        residual = place > 0
        dense = {"in_features": n_in, "out_features": DIM, "bias": residual, "use_residual": residual}
        write_json(path / folder / "config.json", {"activation_function": "torch.nn.modules.linear.Identity", **dense})
        layer = torch.nn.Linear(n_in, DIM, bias=residual)
        weights = {f"linear.{name}": tensor.contiguous() for name, tensor in layer.state_dict().items()}
        save_file(weights, path / folder / "model.safetensors", metadata={"format": "pt"})
    marks = {"query_prefix": "[Q] ", "document_prefix": "[D] ", "query_length": 32, "document_length": 180}
    more = {"attend_to_expansion_tokens": False, "do_query_expansion": True, "skiplist_words": list(".,?")}
    about = {"prompts": {}, "default_prompt_name": None, "similarity_fn_name": "MaxSim", "model_type": "ColBERT"}
    write_json(path / "config_sentence_transformers.json", about | marks | more | said)
    return path


def tiny_stanford(path: Path, **said: object) -> Path:
    """A ColBERT as Stanford's code saves it, as colbert-ir/colbertv2.0 comes. Returns the folder.

    Args:
        said: of artifact.metadata.
    """
    tokenizer = bert_tokenizer()
    known = tokenizer.get_vocab()
    vocabulary = [*sorted(known, key=known.__getitem__), "[unused0]", "[unused1]"]
    tokenizer = type(tokenizer)(vocab={token: id for id, token in enumerate(vocabulary)}, model_max_length=512)
    torch.manual_seed(3)
    model = BertModel(BertConfig(vocab_size=len(vocabulary), pad_token_id=0, **SIZES, **SPREAD))
    model.save_pretrained(path)
    tokenizer.save_pretrained(path)
    tensors = {f"bert.{name}": tensor.contiguous() for name, tensor in model.state_dict().items()}
    tensors["linear.weight"] = torch.nn.Linear(SIZES["hidden_size"], DIM, bias=False).weight.detach()
    save_file(tensors, path / "model.safetensors", metadata={"format": "pt"})
    edit_json(path / "config.json", architectures=["HF_ColBERT"])
    marks = {"query_token_id": "[unused0]", "doc_token_id": "[unused1]", "query_maxlen": 32, "doc_maxlen": 180}
    more = {"mask_punctuation": True, "attend_to_mask_tokens": False, "similarity": "cosine", "dim": DIM}
    write_json(path / "artifact.metadata", marks | more | said)
    return path


def _xlmr_config(n_vocabulary: int) -> XLMRobertaConfig:
    ids = {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2, "type_vocab_size": 1}
    return XLMRobertaConfig(vocab_size=n_vocabulary, max_position_embeddings=514, **ids, **SIZES, **SPREAD)


def _save_steps(path: Path, steps: list[tuple[str, str]]) -> None:
    for folder, _ in steps:
        (path / folder).mkdir(exist_ok=True)
    modules = [{"idx": i, "name": str(i), "path": folder, "type": type} for i, (folder, type) in enumerate(steps)]
    write_json(path / "modules.json", modules)

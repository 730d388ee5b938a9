"""Tiny random checkpoints that read query and passage apart, in the layouts in which the real ones come."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import XLMRobertaConfig, XLMRobertaModel

from tests.checkpoints import SIZES, SPREAD, write_json, xlmr_tokenizer


def tiny_m3(path: Path) -> Path:
    """An encoder with the two heads of bge-m3. Returns the folder."""
    tokenizer = xlmr_tokenizer()
    torch.manual_seed(0)
    ids = {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2, "type_vocab_size": 1}
    config = XLMRobertaConfig(vocab_size=len(tokenizer), max_position_embeddings=514, **ids, **SIZES, **SPREAD)
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


def _save_steps(path: Path, steps: list[tuple[str, str]]) -> None:
    for folder, _ in steps:
        (path / folder).mkdir(exist_ok=True)
    modules = [{"idx": i, "name": str(i), "path": folder, "type": type} for i, (folder, type) in enumerate(steps)]
    write_json(path / "modules.json", modules)

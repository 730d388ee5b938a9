"""Drops the word pieces that English text does not need, so that a small model is smaller still."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModel, AutoTokenizer, PreTrainedModel
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from playground.core.errors import InvalidInput
from playground.training.base import quiet
from playground.training.output import describe_pooling, save_tokenizer

FOREIGN_USES = 20  # how often a piece that is not ASCII must be met to be kept


def prune(base: Path, texts: Iterable[str], size: int, out: Path, *, embedder: bool = False) -> int:
    """Writes `base` with the `size` most used word pieces of `texts`; returns how many were kept.

    Special tokens and every single ASCII character stay, so that no English word becomes unknown: a dropped word is
    spelled with the pieces that stay.

    Args:
        embedder: write a finished embedder (fp16, mean pooling) instead of a base to train on.

    Raises:
        InvalidInput: the tokenizer is not WordPiece.
    """
    tokenizer = AutoTokenizer.from_pretrained(base)
    described = json.loads(tokenizer.backend_tokenizer.to_str())
    if described["model"]["type"] != "WordPiece":
        raise InvalidInput(
            "Only WordPiece vocabularies can be pruned; this base has {kind}.", kind=described["model"]["type"]
        )
    old: dict[str, int] = described["model"]["vocab"]
    kept = choose(old, count_pieces(tokenizer, texts), set(tokenizer.all_special_tokens), size)
    with quiet():
        model = AutoModel.from_pretrained(base)
    shrink(model, [old[piece] for piece in kept])
    described["model"]["vocab"] = {piece: number for number, piece in enumerate(kept)}
    for token in described["added_tokens"]:
        token["id"] = described["model"]["vocab"][token["content"]]
    described["truncation"] = described["padding"] = None
    processor = described.get("post_processor") or {}
    for token, entry in (processor.get("special_tokens") or {}).items():
        entry["ids"] = [described["model"]["vocab"][token]]
    for side in ("sep", "cls"):
        if side in processor:
            processor[side][1] = described["model"]["vocab"][processor[side][0]]
    model.config.pad_token_id = described["model"]["vocab"][tokenizer.pad_token]
    out.mkdir(parents=True, exist_ok=True)
    save_tokenizer(tokenizer, out, model.config.max_position_embeddings)
    (out / "tokenizer.json").write_text(json.dumps(described, ensure_ascii=False), encoding="utf-8")
    (out / "vocab.txt").unlink(missing_ok=True)
    if embedder:
        describe_pooling(out, model.config.hidden_size, 256)
        model.half()
    with quiet():
        model.save_pretrained(out)
    return len(kept)


def count_pieces(tokenizer: PreTrainedTokenizerBase, texts: Iterable[str]) -> Counter[int]:
    counts: Counter[int] = Counter()
    backend = tokenizer.backend_tokenizer
    backend.no_truncation()
    for encoding in backend.encode_batch(list(texts), add_special_tokens=False):
        counts.update(encoding.ids)
    return counts


def choose(vocabulary: dict[str, int], counts: Counter[int], special: set[str], size: int) -> list[str]:
    """The pieces to keep, in the order of the old vocabulary."""

    def bare(piece: str) -> str:
        return piece.removeprefix("##")

    must = {piece for piece in vocabulary if piece in special or (len(bare(piece)) == 1 and piece.isascii())}
    # Curly quotes, dashes and the like are met often enough to stay; other scripts are not.
    rest = sorted(
        (
            piece
            for piece, number in vocabulary.items()
            if piece not in must
            and not piece.startswith("[unused")
            and (piece.isascii() or counts[number] >= FOREIGN_USES)
        ),
        # Among pieces never met, the old vocabulary's order is by frequency in its own corpus.
        key=lambda piece: (-counts[vocabulary[piece]], vocabulary[piece]),
    )
    keep = must | set(rest[: max(0, size - len(must))])
    return sorted(keep, key=vocabulary.__getitem__)


def shrink(model: PreTrainedModel, rows: list[int]) -> None:
    """Keeps the given rows of the input embeddings, in that order."""
    old: Any = model.get_input_embeddings()
    new = torch.nn.Embedding(len(rows), old.embedding_dim, padding_idx=0)
    with torch.no_grad():
        new.weight.copy_(old.weight[rows])
    model.set_input_embeddings(new)
    model.config.vocab_size = len(rows)

"""A model of a real shape with random weights, as a folder that the playground loads like any other."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from playground import paths
from playground.bench.shapes import Shape
from playground.models.apart_files import STANFORD
from playground.models.layers import layers_of
from playground.models.prompts import PROMPTS
from playground.paths import ASSETS

SEED = 0
# Tensors are made and written so much at a time, so that writing needs little memory.
SHARD_BYTES = 1 << 30
# Of the tokenizer only: the table of embeddings has the real model's size.
N_WORDS = 8000
_PROJECTION = 128
_AROUND = {
    "bert": ("[CLS]", "[SEP]", "[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1"),
    "xlmr": ("<s>", "</s>", "<s> $A </s>", "<s> $A </s> </s> $B </s>"),
    "t5": ("<s>", "</s>", "$A </s>", "$A $B </s>"),
}


def texts() -> list[str]:
    """Words of the project's own example scenarios, in English and Chinese; the same on every machine."""
    files = sorted((ASSETS / "scenarios").glob("*.json"))
    return [file.read_text(encoding="utf-8") for file in files]


def empty(shape: Shape) -> Any:
    """The model without memory for its weights: their names and sizes."""
    model_class, config_class = (getattr(transformers, name) for name in shape.classes)
    config = config_class(**shape.config)
    if shape.family == "cross_encoder":
        config.num_labels = 1
    with torch.device("meta"):
        return model_class(config)


def kept(shape: Shape, dtype: torch.dtype = torch.bfloat16) -> Path:
    """The folder of random weights in this shape, made once; half a folder is never taken for a whole one."""
    name = f"{shape.model.rpartition('/')[2]}-{str(dtype).removeprefix('torch.')}"
    folder = paths.cache_folder() / "bench" / name
    if not folder.is_dir():
        made = folder.with_name(f"{name}.tmp")
        shutil.rmtree(made, ignore_errors=True)
        write(shape, made, dtype)
        made.rename(folder)
    return folder


def write(shape: Shape, folder: Path, dtype: torch.dtype = torch.bfloat16) -> None:
    """Weights, config, tokenizer, and what else the family reads."""
    folder.mkdir(parents=True)
    model = empty(shape)
    model.config.save_pretrained(folder)
    _save(folder, _tensors(shape, model, dtype))
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    architectures = {"architectures": [shape.classes[0]]}
    _write(folder / "config.json", config | architectures | shape.said)
    _tokenizer(shape).save_pretrained(folder)
    # The name that transformers 4 knows, and 5 as well.
    marks = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    _write(folder / "tokenizer_config.json", marks | {"tokenizer_class": "PreTrainedTokenizerFast"})
    _beside(shape, folder, int(getattr(model.config, "hidden_size", 0)))


def _tensors(shape: Shape, model: Any, dtype: torch.dtype) -> Iterator[tuple[str, torch.Tensor]]:
    """Names and random values, in an order of their own; seeded."""
    torch.manual_seed(SEED)
    tied = bool(getattr(model.config, "tie_word_embeddings", False)) or shape.family == "seq2seq"
    prefix = {"layerwise": "model.", "colbert": "bert."}.get(shape.family, "")
    known: set[str] = set()
    for name, tensor in model.state_dict().items():
        twin = re.search(r"lm_head\.weight|embed_tokens\.weight|cls\.predictions\.decoder\.(weight|bias)", name)
        if not tensor.is_floating_point() or (tied and twin and known & {"shared.weight", "model.embed_tokens.weight"}):
            continue
        if shape.family == "splade" and twin:
            continue
        known.add(name)
        yield prefix + name, _random(name, tuple(tensor.shape), dtype)
    hidden = int(getattr(model.config, "hidden_size", 0))
    if shape.family == "layerwise":
        layers = layers_of(shape.said["architectures"][0], shape.config | shape.said)
        for place in range(len(layers)):
            yield f"lm_head.{place}.linear_head.weight", _random("head.weight", (1, hidden), dtype)
    if shape.family == "colbert":
        yield "linear.weight", _random("linear.weight", (_PROJECTION, hidden), dtype)


def _random(name: str, size: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    if len(size) < 2:
        return torch.full(size, 1.0 if name.endswith("weight") else 0.0, dtype=dtype)
    return torch.empty(size, dtype=dtype).normal_(std=0.02)


def _save(folder: Path, tensors: Iterator[tuple[str, torch.Tensor]]) -> None:
    shard: dict[str, torch.Tensor] = {}
    names: dict[str, str] = {}

    def flush() -> None:
        if shard:
            file = f"model-{len(set(names.values())):05}.safetensors"
            save_file(shard, folder / file, metadata={"format": "pt"})
            names.update(dict.fromkeys(shard, file))
            shard.clear()

    for name, tensor in tensors:
        shard[name] = tensor
        if sum(each.nbytes for each in shard.values()) >= SHARD_BYTES:
            flush()
    flush()
    _write(folder / "model.safetensors.index.json", {"metadata": {}, "weight_map": names})


@cache
def _trained() -> str:
    special = ["<pad>", "<unk>", "<bos>", "<s>", "</s>", "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    special += ["[unused0]", "[unused1]", "<|im_start|>", "<|im_end|>"]
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=N_WORDS, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    backend.train_from_iterator(texts(), trainer)
    answers = {word for prompt in PROMPTS.values() for word in (prompt.yes, prompt.no) if word is not None}
    backend.add_tokens([AddedToken(word, single_word=True, normalized=False) for word in sorted(answers)])
    trained: str = backend.to_str()
    return trained


def _tokenizer(shape: Shape) -> Any:
    backend = Tokenizer.from_str(_trained())
    names: dict[str, str] = {"pad_token": "<pad>", "unk_token": "<unk>", "mask_token": "[MASK]"}
    if shape.style in _AROUND:
        first, last, single, pair = _AROUND[shape.style]
        marks = [(token, backend.token_to_id(token)) for token in (first, last)]
        backend.post_processor = processors.TemplateProcessing(single=single, pair=pair, special_tokens=marks)
        names |= {"cls_token": first, "sep_token": last, "bos_token": first, "eos_token": last}
    limit = int(shape.config.get("max_position_embeddings", 512)) - (2 if shape.style == "xlmr" else 0)
    made: Any = transformers.PreTrainedTokenizerFast
    return made(tokenizer_object=backend, model_max_length=limit, **names)


def _beside(shape: Shape, folder: Path, hidden: int) -> None:
    """The small files that say what the model is, and heads that are no part of it."""
    pooling = {"word_embedding_dimension": hidden, "pooling_mode_cls_token": True}
    if shape.family == "bi_encoder":
        if shape.style == "decoder":
            pooling = {"word_embedding_dimension": hidden, "pooling_mode_lasttoken": True}
        _steps(folder, "models.Transformer", "models.Pooling")
        _write(folder / "1_Pooling" / "config.json", pooling)
    elif shape.family == "splade":
        made = "sparse_encoder.models."
        _steps(folder, f"{made}MLMTransformer", f"{made}SpladePooling")
        _write(folder / "1_SpladePooling" / "config.json", {"pooling_strategy": "max"})
    elif shape.family == "colbert":
        assert shape.said["architectures"] == [STANFORD]
        _write(folder / "artifact.metadata", {"query_maxlen": 32, "doc_maxlen": 300, "dim": _PROJECTION})
    elif shape.family == "m3":
        torch.save(torch.nn.Linear(hidden, 1).state_dict(), folder / "sparse_linear.pt")
        torch.save(torch.nn.Linear(hidden, hidden).state_dict(), folder / "colbert_linear.pt")


def _steps(folder: Path, *kinds: str) -> None:
    names = ["", *(f"{place}_{kind.rpartition('.')[2]}" for place, kind in enumerate(kinds[1:], 1))]
    for name in names[1:]:
        (folder / name).mkdir()
    steps = [
        {"idx": place, "name": str(place), "path": name, "type": f"sentence_transformers.{kind}"}
        for place, (name, kind) in enumerate(zip(names, kinds, strict=True))
    ]
    _write(folder / "modules.json", steps)


def _write(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")

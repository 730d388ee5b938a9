"""The encoder that a run starts from, and its forward passes over texts of any length."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoTokenizer, PreTrainedConfig, PreTrainedModel
from transformers.tokenization_utils_base import PreTrainedTokenizerBase
from transformers.utils import logging

from playground.core.errors import InvalidInput
from playground.models import pretrained
from playground.models.batching import plan

# oneDNN compiles a kernel for every shape it meets: few lengths make a run three times as fast on a CPU.
PAD_TO = 16
TOKENS_PER_BATCH = {"cpu": 2048, "cuda": 65_536}


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without transformers' load reports: a new head is expected to be missing from a base."""
    level = logging.get_verbosity()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        logging.set_verbosity(level)
        logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def keep_layers(model: PreTrainedModel, layers: tuple[int, ...] | None) -> None:
    """Keeps the named layers of a BERT-like encoder, in place.

    Raises:
        InvalidInput: a layer that the base does not have, or a base without `encoder.layer`.
    """
    if layers is None:
        return
    encoder: Any = getattr(model.base_model, "encoder", None)
    stack = getattr(encoder, "layer", ())
    if not all(0 <= layer < len(stack) for layer in layers) or not layers:
        raise InvalidInput("Layers {layers} cannot be kept of this base.", layers=layers)
    encoder.layer = nn.ModuleList(stack[layer] for layer in layers)
    model.config.num_hidden_layers = len(layers)


def load(
    factory: Any, base: str, layers: tuple[int, ...] | None, **options: object
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """The base in fp32 with the named layers, and its tokenizer.

    Raises:
        InvalidInput: it cannot be loaded, or has no such layers.
    """
    with _loading(base):
        tokenizer = AutoTokenizer.from_pretrained(base)
        # eager: measured on an AMD EPYC, 1.5 times as fast as sdpa at 128 tokens
        attention = {} if torch.cuda.is_available() else {"attn_implementation": "eager"}
        model = factory.from_pretrained(base, dtype=torch.float32, **attention, **options)
    keep_layers(model, layers)
    return model, tokenizer


def load_config(base: str, **options: object) -> PreTrainedConfig:
    """The base's config, with `options` in place of its own.

    Raises:
        InvalidInput: it cannot be loaded.
    """
    with _loading(base):
        config: PreTrainedConfig = AutoConfig.from_pretrained(base, **options)
    return config


@contextlib.contextmanager
def _loading(base: str) -> Iterator[None]:
    try:
        with quiet():
            yield
    except (OSError, ValueError) as error:
        raise InvalidInput("{base} is not a model that can be loaded: {reason}", base=base, reason=error) from error


def batches(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, encoded: list[dict[str, list[int]]]
) -> Iterator[tuple[list[int], dict[str, Tensor]]]:
    """Places in `encoded` with their padded inputs on the model's device, longest first; the model is set to eval."""
    device = next(model.parameters()).device
    model.train(False)
    for part in plan([len(one["input_ids"]) for one in encoded], TOKENS_PER_BATCH[device.type]):
        inputs = padded(tokenizer, [encoded[place] for place in part])
        yield part, {key: value.to(device) for key, value in inputs.items()}


def padded(tokenizer: PreTrainedTokenizerBase, encoded: Sequence[dict[str, list[int]]]) -> dict[str, Tensor]:
    """Model inputs, each (len(encoded), longest up to a multiple of `PAD_TO`)."""
    types = [one["token_type_ids"] for one in encoded] if "token_type_ids" in encoded[0] else None
    return pretrained.padded([one["input_ids"] for one in encoded], types, tokenizer.pad_token_id or 0, PAD_TO)

"""Opening a checkpoint with transformers: quietly, from disk, weights in safetensors, no code but ours."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, Final

import numpy as np
import torch
import transformers
from tokenizers import Tokenizer
from transformers.utils import logging as transformers_logging

from playground.core.errors import InvalidInput, ModelBroken, OutOfMemory
from playground.core.types import EncodedPair, ModelChoice, PrecisionName
from playground.models.encoding import Encoder
from playground.models.linears import packed_bytes
from playground.models.prompted import PromptEncoder
from playground.models.prompts import PROMPTS
from playground.models.resolve import Resolved

DTYPES: Final[dict[PrecisionName, torch.dtype]] = {
    "fp32": torch.float32,
    "fp16": torch.float16,
    "bf16": torch.bfloat16,
    # As read from disk; `linears.pack` goes on from there.
    "int8": torch.float32,
}
_MIB = 1024 * 1024
# transformers keeps its verbosity and progress bars per process.
_quiet = threading.Lock()


def load_weights(
    auto_class: Any, resolved: Resolved, dtype: torch.dtype = torch.float32, config: Any = None
) -> torch.nn.Module:
    """The model on the CPU in eval mode, each tensor widened or narrowed to `dtype` as it is read.

    Args:
        config: in place of the one in the folder.

    Raises:
        ModelBroken: weights that the architecture needs are missing or of another shape.
        OutOfMemory: the weights do not fit.
    """
    try:
        with quiet():
            model, report = auto_class.from_pretrained(
                resolved.folder,
                config=config or config_of(resolved),
                dtype=dtype,
                use_safetensors=True,
                trust_remote_code=False,
                local_files_only=True,
                output_loading_info=True,
            )
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise OutOfMemory("{model} does not fit in memory. Try a smaller model.", model=resolved.model_id) from error
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        raise ModelBroken(
            "{model} cannot be loaded: {reason}. Download it again, or try another.",
            model=resolved.model_id,
            reason=str(error).splitlines()[0][:200] if str(error) else type(error).__name__,
        ) from error
    _require_complete(resolved, report)
    return model.eval()  # type: ignore[no-any-return]


def load_encoder(resolved: Resolved, choice: ModelChoice) -> Encoder:
    """The tokenizer with the limit that applies to this choice. Needs no weights.

    Raises:
        ModelBroken: the tokenizer cannot be read, or has no fast form.
        InvalidInput: the maximum length asked for is more than the model allows, or too little.
    """
    backend, input_names = _tokenizer(resolved)
    token_types = "token_type_ids" in input_names and int(resolved.config.get("type_vocab_size") or 0) > 1
    return Encoder(backend, max_length(resolved, choice.max_length), choice.truncation, token_types=token_types)


def load_prompt_encoder(resolved: Resolved, choice: ModelChoice) -> PromptEncoder:
    """The tokenizer with the prompt of the model. Needs no weights.

    Raises:
        ModelBroken: the tokenizer cannot be read, or lacks a token that the prompt or the answer is made of.
        InvalidInput: the maximum length asked for is more than the model allows, or too little.
    """
    backend, _ = _tokenizer(resolved)
    length = max_length(resolved, choice.max_length)
    prompt = PROMPTS[resolved.prompt]
    return PromptEncoder(prompt, backend, length, choice.truncation, limit=resolved.limit, model_id=resolved.model_id)


def open_tokenizer(resolved: Resolved) -> Any:
    """The tokenizer as transformers has it.

    Raises:
        ModelBroken: it cannot be read.
    """
    try:
        with quiet():
            return transformers.AutoTokenizer.from_pretrained(
                resolved.folder, trust_remote_code=False, local_files_only=True
            )
    except Exception as error:  # the tokenizers library raises bare Exception on a damaged file
        raise ModelBroken(
            "The tokenizer of {model} cannot be read. Download it again, or try another.", model=resolved.model_id
        ) from error


def special_ids(resolved: Resolved, *names: str) -> set[int]:
    """Ids of the special tokens of these names ("cls_token"); those that the tokenizer lacks are left out."""
    tokenizer = open_tokenizer(resolved)
    tokens = [token for name in names if (token := getattr(tokenizer, name)) is not None]
    return set(tokenizer.convert_tokens_to_ids(tokens))


def max_length(resolved: Resolved, asked: int | None) -> int:
    """Tokens per input: what was asked for, else the catalogue's or the model's default.

    Raises:
        InvalidInput: more was asked for than the model allows.
    """
    if asked is None:
        return resolved.default_max_length
    if asked > resolved.limit:
        raise InvalidInput(
            "{model} reads at most {limit} tokens; {n} were asked for.",
            model=resolved.model_id,
            limit=resolved.limit,
            n=asked,
        )
    return asked


def pad(pairs: Sequence[EncodedPair], pad_id: int, device: torch.device) -> dict[str, torch.Tensor]:
    """Model inputs, each (len(pairs), longest), padded on the right; token types where the pairs have them."""
    typed = pairs[0].token_type_ids is not None
    types = [pair.token_type_ids or () for pair in pairs] if typed else None
    inputs = padded([pair.input_ids for pair in pairs], types, pad_id)
    return {name: tensor.to(device) for name, tensor in inputs.items()}


def padded(
    ids: Sequence[Sequence[int]], types: Sequence[Sequence[int]] | None, pad_id: int, multiple: int = 1
) -> dict[str, torch.Tensor]:
    """Ids, token types where there are any, and mask, each (len(ids), longest up to a `multiple`), padded on the right.

    `tokenizer.pad` does the same and takes several times as long: as long as a GPU for all the rest.
    """
    lengths = np.fromiter(map(len, ids), np.int64, len(ids))
    mask = np.arange(-(-int(lengths.max()) // multiple) * multiple) < lengths[:, None]

    def laid(rows: Sequence[Sequence[int]], filler: int) -> torch.Tensor:
        array = np.full(mask.shape, filler, np.int64)
        array[mask] = np.fromiter(chain.from_iterable(rows), np.int64, lengths.sum())
        return torch.from_numpy(array)

    inputs = {"input_ids": laid(ids, pad_id), "attention_mask": torch.from_numpy(mask.astype(np.int64))}
    return inputs if types is None else inputs | {"token_type_ids": laid(types, 0)}


@contextlib.contextmanager
def out_of_memory_named(n_texts: int) -> Iterator[None]:
    """Turns a failed allocation, on a GPU or a CPU, into OutOfMemory; anything else passes.

    Raises:
        OutOfMemory: this batch did not fit.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        raise OutOfMemory("{n} passages do not fit in memory together. Use smaller batches.", n=n_texts) from error


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an allocation failed. torch has a class for GPUs; on a CPU it is a RuntimeError with this text."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    text = str(error).lower()
    return "can't allocate memory" in text or "not enough memory" in text or "out of memory" in text


def memory_mib(model: torch.nn.Module) -> float:
    """What the weights and buffers take."""
    tensors = [*model.parameters(), *model.buffers()]
    n_bytes = sum(tensor.numel() * tensor.element_size() for tensor in tensors) + packed_bytes(model)
    return n_bytes / _MIB


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keeps transformers' progress bars and load reports off the console."""
    with _quiet:
        verbosity = transformers_logging.get_verbosity()
        bars = transformers_logging.is_progress_bar_enabled()
        transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
        transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        try:
            yield
        finally:
            transformers_logging.set_verbosity(verbosity)
            if bars:
                transformers_logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def _tokenizer(resolved: Resolved) -> tuple[Tokenizer, list[str]]:
    """(a copy of its own, the names of the model inputs it makes)."""
    tokenizer = open_tokenizer(resolved)
    try:
        return Tokenizer.from_str(tokenizer.backend_tokenizer.to_str()), tokenizer.model_input_names
    except Exception as error:  # the tokenizers library raises bare Exception on a damaged file
        raise ModelBroken(
            "The tokenizer of {model} cannot be read. Download it again, or try another.", model=resolved.model_id
        ) from error


def config_of(resolved: Resolved) -> Any:
    """The config as transformers reads it."""
    return transformers.AutoConfig.from_pretrained(resolved.folder, trust_remote_code=False, local_files_only=True)


def _require_complete(resolved: Resolved, report: dict[str, Any]) -> None:
    # Position ids are counted, not learned; a pooler that the pooling does not use may be missing.
    needed = [name for name in report["missing_keys"] if "position_ids" not in name]
    if resolved.family != "cross_encoder":
        needed = [name for name in needed if not name.startswith("pooler.")]
    if needed or report.get("mismatched_keys"):
        raise ModelBroken(
            "{model} lacks weights that its architecture needs ({names}); its output would be random.",
            model=resolved.model_id,
            names=", ".join(sorted(needed)[:3]) or "of another shape",
        )

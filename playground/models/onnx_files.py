"""The ONNX file of a cross-encoder: its repository's own, or exported once. Neither is used before it gave the scores
of PyTorch in fp32."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import shutil
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
import transformers

from playground.core.errors import ModelBroken, ModelUnsuitable, PlaygroundError
from playground.core.types import EncodedPair, PrecisionName
from playground.models import backends, measured, onnx_cache, pretrained, room
from playground.models.checks import CANARY, COMPANION
from playground.models.cross_encoder import log_odds
from playground.models.devices import cpu_has_int8
from playground.models.encoding import Encoder
from playground.models.fingerprint import fingerprint
from playground.models.onnx_session import Session
from playground.models.resolve import OnProgress, Resolved

# How far an output may lie from that of PyTorch in fp32, as a share of the largest (at least `SMALLEST`). ONNX Runtime
# adds in another order; int8 rounds every weight and every hidden state to 256 steps.
LIMITS: dict[PrecisionName, float] = {"fp32": 1e-3, "int8": 0.1}
SMALLEST = 0.1
# Raise it where another export of the same weights is another file.
FORMAT = 1
OPSET = 17
# Weights in memory while they are exported: those of torch, those of the graph, and the file as it is put together.
COPIES = 3
# A file of the protobuf format ends at 2 GiB: weights beyond stand beside it.
LARGE_BYTES = 1_800_000_000
# Left in fp32 by int8: a head rounded so ties the best passages.
HEAD = ("/pooler/", "/pre_classifier/", "/classifier/", "/score/", "/head/")
# The exporter keeps the state of its work per process.
_exporting = threading.Lock()


def file_of(
    resolved: Resolved, encoder: Encoder, precision: PrecisionName, on_progress: OnProgress | None, free: room.Free
) -> Path:
    """The file to run, made or checked if this has not been done on this machine.

    Args:
        on_progress: told the phase "export" with (steps done, steps), if anything has to be made.

    Raises:
        ModelUnsuitable: an architecture that cannot be exported.
        ModelBroken: the file gives other scores than its weights.
        DiskFull, NoRoom: no room for what has to be made.
    """
    told = on_progress or (lambda phase, done, total: None)
    asked = _canary(encoder.limited(resolved.default_max_length, "only_second"))

    def weights() -> Any:
        # Those that are loaded now, and again as they are traced and written.
        room.require_memory(resolved.model_id, resolved.kind, COPIES * resolved.n_parameters, "cpu", "fp32", free)
        return pretrained.load_weights(transformers.AutoModelForSequenceClassification, resolved)

    def export(folder: Path) -> None:
        told("export", 0, 2)
        model = weights()
        _export(resolved, model, asked[0], folder / onnx_cache.GRAPH)
        told("export", 1, 2)
        _refuse_drift(resolved, model, folder / onnx_cache.GRAPH, asked, "fp32")

    def round_off(folder: Path) -> None:
        told("export", 0, 2)
        _quantize(source, folder / onnx_cache.GRAPH)
        told("export", 1, 2)
        _refuse_drift(resolved, weights(), folder / onnx_cache.GRAPH, asked, "int8")

    n_bytes = resolved.n_parameters * room.BYTES["fp32"]
    if resolved.heads:
        source = resolved.folder / resolved.heads[0]
        _check_shipped(resolved, source, weights, asked, told)
    else:
        source = onnx_cache.kept(_key(resolved, "fp32"), resolved.model_id, n_bytes, export)
    return (
        source
        if precision == "fp32"
        else onnx_cache.kept(_key(resolved, "int8"), resolved.model_id, n_bytes, round_off)
    )


def _key(resolved: Resolved, precision: PrecisionName) -> str:
    """Of all that shapes the file: the model's files, and what makes another file of them."""
    made_by = [torch.__version__, transformers.__version__, backends.runtime().__version__, FORMAT, precision]
    if precision == "int8":
        made_by.append(cpu_has_int8())
    files = fingerprint(resolved.folder, (*resolved.weights, *resolved.heads))
    return hashlib.sha256("\0".join(map(str, (files, *made_by))).encode()).hexdigest()[:32]


def _canary(encoder: Encoder) -> list[list[EncodedPair]]:
    """Batches with padding and without, short and as long as most texts are."""
    batches = [encoder.pairs(query, [query, other, COMPANION]) for query, other in CANARY.values()]
    query, other = CANARY["en"]
    return [*batches, encoder.pairs(query, [query]), encoder.pairs(query, [other, COMPANION * 3])]


def _export(resolved: Resolved, model: Any, traced: Sequence[EncodedPair], file: Path) -> None:
    inputs = _padded(model, traced)
    axes = {name: {0: "batch", 1: "tokens"} for name in inputs} | {"logits": {0: "batch"}}
    try:
        with _exporting, warnings.catch_warnings():
            # It warns of every shape that it reads, and that it is not the exporter through torch.export, which takes
            # ten times as long and another package for the same graph.
            warnings.simplefilter("ignore")
            torch.onnx.export(
                # It gives back the mode that it finds, and dropout would come back with it.
                _ByPlace(model, tuple(inputs)).eval(),
                tuple(inputs.values()),
                str(file),
                input_names=list(inputs),
                output_names=["logits"],
                dynamic_axes=axes,
                opset_version=OPSET,
                dynamo=False,
            )
    except (OSError, PlaygroundError):
        raise
    except Exception as error:  # whatever the forward pass and the exporter's operators raise
        if pretrained.is_out_of_memory(error):
            raise
        raise ModelUnsuitable(
            "{model} ({type}) cannot be exported to ONNX ({reason}). Leave out #backend=onnx.",
            model=resolved.model_id,
            type=resolved.architecture,
            reason=_first_line(error),
        ) from error


class _ByPlace(torch.nn.Module):
    """A model with its inputs by place and its outputs alone, as the exporter wants it."""

    def __init__(self, model: torch.nn.Module, names: Sequence[str]) -> None:
        super().__init__()
        self.model = model
        self.names = names

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.model(**dict(zip(self.names, inputs, strict=True))).logits
        return logits


def _quantize(source: Path, file: Path) -> None:
    """Weights of linear layers in int8, one scale per column; hidden states are rounded as they come."""
    # Not before it is needed: it imports much.
    from onnxruntime.quantization import QuantType, quantize_dynamic

    # It writes beside the file that it reads.
    read = file.with_name("read") / source.name
    shutil.copytree(source.parent, read.parent, copy_function=_linked)
    with _exporting, _unadvised():
        quantize_dynamic(
            read,
            file,
            op_types_to_quantize=["MatMul", "Gemm"],
            weight_type=QuantType.QInt8,
            per_channel=True,
            # Without the instructions for it, a sum of two products overflows 16 bits.
            reduce_range=not cpu_has_int8(),
            nodes_to_exclude=[name for name in _nodes(source) if any(head in f"{name}/" for head in HEAD)],
            use_external_data_format=onnx_cache.bytes_of(source) > LARGE_BYTES,
        )
    shutil.rmtree(read.parent)


def _linked(source: str, target: str) -> None:
    """A file under another name, without its bytes where the disk allows that."""
    try:
        os.link(Path(source).resolve(), target)
    except OSError:
        shutil.copyfile(source, target)


@contextlib.contextmanager
def _unadvised() -> Iterator[None]:
    """Keeps off the log that a graph might be prepared better, which the root logger is told."""
    root = logging.getLogger()

    def is_serious(record: logging.LogRecord) -> bool:
        return record.levelno >= logging.ERROR

    root.addFilter(is_serious)
    try:
        yield
    finally:
        root.removeFilter(is_serious)


def _nodes(file: Path) -> list[str]:
    import onnx

    return [node.name for node in onnx.load(str(file), load_external_data=False).graph.node]


def _check_shipped(
    resolved: Resolved,
    file: Path,
    weights: Callable[[], Any],
    asked: Sequence[Sequence[EncodedPair]],
    told: OnProgress,
) -> None:
    """Once per file and version: what agreed with its weights does so again.

    Raises:
        ModelBroken: it does not agree.
    """
    key = _key(resolved, "fp32")
    if measured.get("onnx", key) is None:
        model = weights()
        told("check", 0, 0)
        measured.put("onnx", key, _refuse_drift(resolved, model, file, asked, "fp32"))


def _refuse_drift(
    resolved: Resolved, model: Any, file: Path, asked: Sequence[Sequence[EncodedPair]], precision: PrecisionName
) -> float:
    """How far the outputs of a file lie from those of the weights, as a share of the largest.

    Raises:
        ModelBroken: farther than `LIMITS` allows, or it cannot be run.
    """
    try:
        session = Session(file, "cpu", model.config)
        found = [_outputs(session, batch) for batch in asked]
    except PlaygroundError:
        raise
    except Exception as error:  # onnxruntime has an exception of its own for each way in which a file is wrong
        raise ModelBroken(
            "The ONNX file of {model} ({file}) cannot be run ({reason}). Leave out #backend=onnx.",
            model=resolved.model_id,
            file=file.name,
            reason=_first_line(error),
        ) from error
    wanted = [_outputs(model, batch) for batch in asked]
    size = max(SMALLEST, *(float(output.abs().max()) for output in wanted))
    drift = _drift(found, wanted) / size
    if not drift <= LIMITS[precision]:
        raise ModelBroken(
            "The ONNX file of {model} ({file}, {precision}) gives other scores than its weights: off by {drift:.2g} of "
            "the largest, allowed {limit:g}. Leave out #backend=onnx, or choose another precision.",
            model=resolved.model_id,
            file=file.name,
            precision=precision,
            drift=drift,
            limit=LIMITS[precision],
        )
    if precision == "int8" and _reordered(resolved, found, wanted, size * LIMITS["int8"] / 2):
        raise ModelBroken(
            "In int8 the ONNX file of {model} ranks the passages of the check at load in another order. Choose fp32.",
            model=resolved.model_id,
        )
    return drift


def _reordered(resolved: Resolved, found: Sequence[torch.Tensor], wanted: Sequence[torch.Tensor], apart: float) -> bool:
    """Whether two passages of one query change places whose scores lie so far apart."""
    place = resolved.label.place if resolved.label is not None else 0
    for one, other in zip(found, wanted, strict=True):
        here, there = log_odds(one, place), log_odds(other, place)
        gaps = there[:, None] - there[None, :]
        if bool(((gaps > apart) & (here[:, None] <= here[None, :])).any()):
            return True
    return False


def _drift(found: Sequence[torch.Tensor], wanted: Sequence[torch.Tensor]) -> float:
    """How far two outputs lie apart at most: infinite where the shapes differ, NaN where an output is."""
    if any(one.shape != other.shape for one, other in zip(found, wanted, strict=True)):
        return float("inf")
    return float(torch.cat([(one - other).flatten() for one, other in zip(found, wanted, strict=True)]).abs().max())


@torch.inference_mode()
def _outputs(model: Any, batch: Sequence[EncodedPair]) -> torch.Tensor:
    """(len(batch), labels) on the CPU."""
    output: torch.Tensor = model(**_padded(model, batch)).logits
    return output.float()


def _padded(model: Any, batch: Sequence[EncodedPair]) -> dict[str, torch.Tensor]:
    pad_id = model.config.pad_token_id
    return pretrained.pad(batch, 0 if pad_id is None else pad_id, torch.device("cpu"))


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__

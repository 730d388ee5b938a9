"""Cross-encoders whose forward pass is that of ONNX Runtime (`#backend=onnx`)."""

from __future__ import annotations

from typing import Any, Self

from playground.core.types import ModelChoice, ModelSpec, PrecisionName
from playground.models import memory, pretrained, room
from playground.models.cross_encoder import CrossEncoder
from playground.models.encoding import Encoder
from playground.models.onnx_files import file_of
from playground.models.onnx_session import Session
from playground.models.resolve import OnProgress, Resolved
from playground.models.spec import as_run


class OnnxCrossEncoder(CrossEncoder):
    """Reads, scores and is checked as the same model of PyTorch; the weights are those of its ONNX file."""

    def __init__(self, model: Any, encoder: Encoder, spec: ModelSpec, resolved: Resolved) -> None:
        super().__init__(model, encoder, spec, resolved)
        self.memory_mib = model.memory_mib

    @classmethod
    def load(
        cls,
        resolved: Resolved,
        choice: ModelChoice,
        device: str,
        precision: PrecisionName,
        replaced: tuple[str, ...] = (),
        on_progress: OnProgress | None = None,
        free: room.Free = memory.free_mib,
    ) -> Self:
        """As `LocalModel.load`; a file that is not there yet is made first, which `on_progress` is told.

        Raises:
            PlaygroundError: as `file_of`, and as `LocalModel.load`.
        """
        encoder = pretrained.load_encoder(resolved, choice)
        file = file_of(resolved, encoder, precision, on_progress, free)
        with pretrained.out_of_memory_named(0):
            session = Session(file, device, pretrained.config_of(resolved))
        return cls(
            session, encoder, as_run(resolved, choice, device, precision, encoder.max_length, replaced), resolved
        )

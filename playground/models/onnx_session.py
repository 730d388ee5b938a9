"""An ONNX file that is called as a model of transformers is."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from playground.models import onnx_cache
from playground.models.backends import CUDA, runtime
from playground.models.memory import MIB

onnxruntime = runtime()
# Its warnings are on what the graph could be optimised to, for whoever made the file.
_ERRORS_ONLY = 3


class Session(torch.nn.Module):
    """One session of ONNX Runtime; any thread may call it.

    Args:
        device: "cpu" or "cuda".
        config: as transformers reads it.

    Attributes:
        memory_mib: of its weights.
    """

    def __init__(self, file: Path, device: str, config: Any) -> None:
        super().__init__()
        options = onnxruntime.SessionOptions()
        options.log_severity_level = _ERRORS_ONLY
        options.intra_op_num_threads = torch.get_num_threads()
        options.inter_op_num_threads = 1
        # Threads that wait in a loop take the cores from PyTorch and the page.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # A plan of memory is kept for each shape, and hardly two batches have the same.
        options.enable_mem_pattern = False
        providers: list[Any] = ["CPUExecutionProvider"]
        if device == "cuda":
            onnxruntime.preload_dlls()
            # It rounds fp32 to 10 bits where it may.
            providers = [(CUDA, {"use_tf32": "0"}), *providers]
        self._session = onnxruntime.InferenceSession(str(file), options, providers=providers)
        self._names = [each.name for each in self._session.get_inputs()]
        self.config = config
        self.memory_mib = onnx_cache.bytes_of(file) / MIB

    def forward(self, **inputs: torch.Tensor) -> Any:
        """An object whose `logits` are the file's first output, on the CPU.

        Raises:
            torch.OutOfMemoryError: an allocation failed.
        """
        # An input that the tokenizer does not make is that of token types, which are then all of the first kind.
        fed = {name: inputs.get(name, torch.zeros_like(inputs["input_ids"])).cpu().numpy() for name in self._names}
        try:
            logits = self._session.run(None, fed)[0]
        except Exception as error:
            if "allocate" in str(error) or "bad_alloc" in str(error) or "out of memory" in str(error).lower():
                raise torch.OutOfMemoryError("out of memory") from error
            raise
        return SimpleNamespace(logits=torch.from_numpy(logits))

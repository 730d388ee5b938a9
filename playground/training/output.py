"""What a finished run leaves: a model folder that plain transformers loads, and `training.json`."""

from __future__ import annotations

import json
import platform
import shutil
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from playground.core.errors import InvalidInput
from playground.training.base import quiet
from playground.training.loop import State
from playground.training.rows import sha256_of
from playground.training.settings import TrainingSettings

WEIGHTS, RECORD = "model.safetensors", "training.json"
TEACHERS = "teacher.json"  # beside scored rows: whose the scores are
CALLED_WITH = frozenset(
    (
        "is_local",
        "local_files_only",
        "max_length",
        "pad_to_multiple_of",
        "stride",
        "truncation_side",
        "truncation_strategy",
    )
)
MODULES = (
    {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
    {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"},
)


def save_tokenizer(tokenizer: PreTrainedTokenizerBase, folder: Path, limit: int) -> None:
    """Writes the tokenizer without what it was last called with: a stored limit would cut texts silently."""
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.backend_tokenizer.no_padding()
    tokenizer.model_max_length = min(tokenizer.model_max_length, limit)
    tokenizer.save_pretrained(folder)
    path = folder / "tokenizer_config.json"
    kept = {key: value for key, value in json.loads(path.read_text(encoding="utf-8")).items() if key not in CALLED_WITH}
    path.write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def finish(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, settings: TrainingSettings, state: State
) -> None:
    """Writes fp16 safetensors, config, tokenizer and `training.json`, into a draft folder first."""
    draft = settings.out / "draft"
    shutil.rmtree(draft, ignore_errors=True)
    try:
        draft.mkdir(parents=True)
        save_tokenizer(tokenizer, draft, model.config.max_position_embeddings)
        with quiet():
            model.cpu().to(torch.float16).save_pretrained(draft)  # type: ignore[arg-type]
        (draft / RECORD).write_text(json.dumps(record(settings, state), indent=2) + "\n", encoding="utf-8")
        place(draft, settings.out)
    except OSError as error:
        raise InvalidInput(
            "The model could not be written to {folder}: {reason}. Free some space and start again: the run resumes "
            "from its last checkpoint.",
            folder=settings.out,
            reason=error,
        ) from error


def place(draft: Path, out: Path) -> None:
    """Moves a draft's files to `out`, the weights last: where they are, everything is."""
    for path in sorted(draft.iterdir(), key=lambda path: path.name == WEIGHTS):
        path.replace(out / path.name)
    draft.rmdir()


def weights_hash(model: str | Path) -> str | None:
    """sha256 of the weights in a model folder; None of a Hub id."""
    path = Path(model) / WEIGHTS
    return sha256_of(path) if path.is_file() else None


def hashes_of(settings: TrainingSettings) -> dict[str, str]:
    """sha256 of the weights of the base, if it is a folder."""
    return {"base": value} if (value := weights_hash(settings.base)) else {}


def is_made_by(settings: TrainingSettings) -> bool:
    """Whether `training.json` in `settings.out` tells of these settings, data and base.

    A hash of weights that an older record lacks is not compared.

    Raises:
        InvalidInput: there is no record, or data are missing.
    """
    try:
        recorded = json.loads((settings.out / RECORD).read_text(encoding="utf-8"))
        same = recorded["settings"] == json.loads(json.dumps(named(settings)))
    except FileNotFoundError as error:
        raise InvalidInput("There is no file {path}.", path=error.filename) from error
    except (ValueError, KeyError, TypeError):
        return False
    hashes = recorded.get("sha256", {})
    return same and all(hashes.get(role, value) == value for role, value in hashes_of(settings).items())


def named(settings: TrainingSettings) -> dict[str, Any]:
    """Settings with the hashes of data. Paths lose their folders: they say nothing elsewhere."""
    found = asdict(settings)
    found["train"] = [{"file": path.name, "sha256": sha256_of(path)} for path in settings.train]
    found["taught"] = [{"file": path.name, "sha256": sha256_of(path)} for path in settings.taught]
    found["dev"] = {"file": settings.dev.name, "sha256": sha256_of(settings.dev)}
    found["base"] = Path(settings.base).name
    found.pop("out")
    return found


def record(settings: TrainingSettings, state: State) -> dict[str, Any]:
    """Settings, hashes of data and weights, versions and the curve."""
    earlier, taught_by = Path(settings.base) / RECORD, settings.train[0].parent / TEACHERS
    return {
        "settings": named(settings),
        "sha256": hashes_of(settings),
        "versions": {"python": platform.python_version(), **{p: version(p) for p in ("torch", "transformers")}},
        "steps": state.step,
        "curve": state.curve,
        **({"teachers": json.loads(taught_by.read_text(encoding="utf-8"))["teachers"]} if taught_by.is_file() else {}),
        # A run that goes on from a trained model keeps that model's own record.
        **({"base_training": json.loads(earlier.read_text(encoding="utf-8"))} if earlier.is_file() else {}),
    }


def describe_pooling(folder: Path, dim: int, max_length: int) -> None:
    """The files by which sentence-transformers (and the playground) know how to pool."""
    pooling = folder / "1_Pooling"
    pooling.mkdir(parents=True, exist_ok=True)
    (folder / "modules.json").write_text(json.dumps(MODULES, indent=2) + "\n")
    settings = {"word_embedding_dimension": dim, "pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True}
    (pooling / "config.json").write_text(json.dumps(settings, indent=2) + "\n")
    limits = {"max_seq_length": max_length, "do_lower_case": False}
    (folder / "sentence_bert_config.json").write_text(json.dumps(limits, indent=2) + "\n")

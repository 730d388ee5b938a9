"""What an embedder's files say of pooling, of what follows it, and of the prompts before query and passages."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple

from playground.core.errors import InvalidInput, ModelBroken, ModelUnsuitable
from playground.models.catalog import CatalogEntry
from playground.models.small_files import modules, read_json, steps

Pooling = Literal["cls", "mean", "last"]

_POOLING_FLAGS: dict[str, Pooling] = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_lasttoken": "last",
}
_POOLING_NAMES: dict[str, Pooling] = {"cls": "cls", "mean": "mean", "lasttoken": "last"}
# Classes of torch.nn that a Dense step may put after its product.
ACTIVATIONS: Final = frozenset({"Identity", "Tanh", "ReLU", "GELU", "SiLU"})


class Prompts(NamedTuple):
    """What goes straight before a query and before every passage; empty where nothing."""

    query: str
    passage: str


NO_PROMPTS: Final = Prompts("", "")
# Source: "Retrieve Anything To Augment Large Language Models" (arXiv 2310.07554), table 10.
LLM_EMBEDDER_TASKS: Final = MappingProxyType(
    {
        "qa": Prompts(
            "Represent this query for retrieving relevant documents: ", "Represent this document for retrieval: "
        ),
        "icl": Prompts(
            "Convert this example into vector to look for useful examples: ",
            "Convert this example into vector for retrieval: ",
        ),
        "chat": Prompts(
            "Embed this dialogue to find useful historical dialogues: ",
            "Embed this historical dialogue for retrieval: ",
        ),
        "lrlm": Prompts(
            "Embed this text chunk for finding useful historical chunks: ",
            "Embed this historical text chunk for retrieval: ",
        ),
        "tool": Prompts(
            "Transform this user request for fetching helpful tool descriptions: ",
            "Transform this tool description for retrieval: ",
        ),
        "convsearch": Prompts(
            "Encode this query and context for searching relevant passages: ", "Encode this passage for retrieval: "
        ),
    }
)
# For copies and fine-tuned models, whose files say nothing of them.
TASKS: Final[Mapping[str, Prompts]] = {**LLM_EMBEDDER_TASKS, "e5": Prompts("query: ", "passage: ")}


class Dense(NamedTuple):
    """A linear step after pooling.

    Attributes:
        weights: name of its safetensors file, relative to the model's folder.
        activation: of `ACTIVATIONS`.
    """

    weights: str
    n_in: int
    n_out: int
    bias: bool
    activation: str


def pooling_of(model_id: str, folder: Path, entry: CatalogEntry | None) -> Pooling:
    """How one vector is made of many.

    Raises:
        ModelUnsuitable: in a way that does not run here, or the files do not say how.
    """
    path = next((step["path"] for step in modules(folder) if step["type"].endswith(".Pooling")), None)
    if path is None:
        if entry is not None and entry.pooling:
            return entry.pooling
        raise ModelUnsuitable("{model} does not say how its tokens are pooled. Try another embedder.", model=model_id)
    config = read_json(folder / path / "config.json")
    pooling = _declared_pooling(config)
    if pooling is None or config.get("include_prompt") is False:
        raise ModelUnsuitable(
            "{model} pools its tokens in a way that this version does not run. Try one with CLS, mean or last token.",
            model=model_id,
        )
    return pooling


def dense_of(model_id: str, folder: Path) -> tuple[Dense, ...]:
    """The linear steps after pooling, in order.

    Raises:
        ModelUnsuitable: there is a step that does not run here, or it stands in another place.
        ModelBroken: a step says nothing of its sizes.
    """
    names = steps(folder)
    unknown = set(names) - {"Transformer", "Pooling", "Dense", "Normalize"}
    after = names[names.index("Pooling") + 1 :] if "Pooling" in names else []
    if unknown or after != sorted(after, key=["Dense", "Normalize"].index):
        raise ModelUnsuitable(
            "{model} adds a step ({step}) after pooling that this version does not run. Try another embedder.",
            model=model_id,
            step=", ".join(sorted(unknown or set(after))),
        )
    return tuple(_dense(model_id, folder, step["path"]) for step in modules(folder) if step["type"].endswith(".Dense"))


def prompts_of(model_id: str, folder: Path | None, entry: CatalogEntry | None, task: str) -> Prompts:
    """What goes before query and passages: of the task, else as the catalogue says, else as the files say.

    A prompt that the files name for a task goes before both. Where they name one as the default, it goes before
    whichever of query and passage has none of its own.

    Source: sentence-transformers 6.2, `encode_query` and `encode_document`, for the names.

    Raises:
        InvalidInput: there is no such task.
    """
    config, declared = _declared(folder)
    if task:
        tasks = tasks_of(folder, entry)
        if task not in tasks:
            raise InvalidInput(
                "{model} has no task {task!r}. Tasks for it: {known}.",
                model=entry.id if entry is not None else model_id,
                task=task,
                known=", ".join(tasks) or "none",
            )
        return tasks[task]
    if entry is not None:
        return Prompts(entry.instruction, entry.passage_instruction)
    default = declared.get(str(config.get("default_prompt_name")), "")
    named = (declared[name] for name in ("document", "passage", "corpus") if name in declared)
    return Prompts(declared.get("query", default), next(named, default))


def tasks_of(folder: Path | None, entry: CatalogEntry | None) -> dict[str, Prompts]:
    """The prompts of each task that may be asked for; of the files' own, none while they are not on disk."""
    tasks = {name: Prompts(prompt, prompt) for name, prompt in _declared(folder)[1].items()}
    return tasks | {name: TASKS[name] for name in (TASKS if entry is None else entry.tasks)}


def _declared(folder: Path | None) -> tuple[dict[str, Any], dict[str, str]]:
    """(the config of sentence-transformers, its prompts by name)."""
    config = {} if folder is None else read_json(folder / "config_sentence_transformers.json")
    return config, {str(name): str(prompt or "") for name, prompt in (config.get("prompts") or {}).items()}


def _dense(model_id: str, folder: Path, path: str) -> Dense:
    config = read_json(folder / path / "config.json")
    # Without a name it is sentence-transformers' own default.
    activation = str(config.get("activation_function", "torch.nn.modules.activation.Tanh"))
    module, _, name = activation.rpartition(".")
    plain = config.get("module_input_name", "sentence_embedding") == "sentence_embedding"
    plain = plain and config.get("module_output_name") in (None, "sentence_embedding")
    if not module.startswith("torch.nn.") or name not in ACTIVATIONS or not plain or config.get("use_residual"):
        raise ModelUnsuitable(
            "{model} adds a step ({step}) after pooling that this version does not run. Try another embedder.",
            model=model_id,
            step=f"Dense, {name}",
        )
    try:
        n_in, n_out = int(config["in_features"]), int(config["out_features"])
    except (KeyError, TypeError, ValueError) as error:
        raise ModelBroken("{file} of the model cannot be read. Download the model again.", file=path) from error
    return Dense(f"{path}/model.safetensors", n_in, n_out, bool(config.get("bias", True)), name)


def _declared_pooling(config: dict[str, Any]) -> Pooling | None:
    # sentence-transformers 6 writes one name; earlier versions a flag per mode, of which several may be on.
    if isinstance(config.get("pooling_mode"), str):
        return _POOLING_NAMES.get(config["pooling_mode"])
    on = [name for name, value in config.items() if name.startswith("pooling_mode_") and value is True]
    return _POOLING_FLAGS.get(on[0]) if len(on) == 1 else None

"""An id or a folder becomes files on disk whose kind is known. Nothing here imports torch.

The small files are read first: what will be refused is refused before its weights are downloaded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from playground.core.errors import InvalidInput, ModelBroken, ModelNotFound, ModelUnsuitable
from playground.core.types import Kind, ModelChoice, Phase
from playground.models import backends, hub, modes, prompts
from playground.models.catalog import CatalogEntry, find
from playground.models.embedder_files import NO_PROMPTS, Dense, Pooling, Prompts, dense_of, pooling_of, prompts_of
from playground.models.heads import Label, label_names, relevant_label
from playground.models.kinds import Found, refuse_remote_code, wrong_kind
from playground.models.kinds import kind_of as found_of
from playground.models.layers import Depth, depths_of
from playground.models.named import Named, is_folder, split
from playground.models.room import parameters_of
from playground.models.small_files import read_json
from playground.models.weights import TensorInfo, read_header, weight_files
from playground.paths import BUILT_IN_MODELS

OnProgress = Callable[[Phase, int, int], None]
# Told (parameters of the model, bytes that would be downloaded).
BeforeDownload = Callable[[int, int], None]

# These count positions from the padding index on: a table of 514 rows holds 512 tokens.
OFFSET_POSITIONS = frozenset({"camembert", "mpnet", "roberta", "xlm-roberta", "xlm-roberta-xl"})
# What a tokenizer without a limit reports is about 1e30.
UNLIMITED = 1_000_000
DEFAULT_MAX_LENGTH = 512
TOKENIZER_FILES = ("tokenizer.json", "vocab.txt", "sentencepiece.bpe.model", "spiece.model", "vocab.json", "spm.model")


@dataclass(frozen=True, slots=True)
class Resolved:
    """A model on disk that may be loaded.

    Attributes:
        asked: what was typed; `model_id` says what it came to.
        revision: commit of the Hub snapshot; None for a folder.
        entry: what the catalogue knows of it, if anything.
        weights: names of its safetensors files, relative to `folder`.
        heads: names of further files of weights, which transformers does not read.
        label: the output of a classifier's head that means relevant; None for an embedder and for a language model.
        limit: tokens that its position table and tokenizer allow.
        prompt: key of `prompts.PROMPTS` for a language model; empty for all else.
        depth: where it stops, if it scores after several of its layers.
        pooling: how an embedder makes one vector of many; None for a reranker.
        dense: linear steps of an embedder after pooling.
        prompts: what goes before a query and before every passage of an embedder.
        activation: class path that the files declare for display, e.g. "torch.nn.modules.linear.Identity".
    """

    asked: str
    model_id: str
    folder: Path
    revision: str | None
    kind: Kind
    family: str
    entry: CatalogEntry | None
    config: MappingProxyType[str, Any]
    architecture: str
    weights: tuple[str, ...]
    heads: tuple[str, ...]
    n_parameters: int
    label: Label | None
    limit: int
    default_max_length: int
    prompt: str = ""
    depth: Depth | None = None
    pooling: Pooling | None = None
    dense: tuple[Dense, ...] = ()
    prompts: Prompts = NO_PROMPTS
    activation: str | None = None


def resolve(
    choice: ModelChoice,
    *,
    offline: bool = False,
    on_progress: OnProgress | None = None,
    before_download: BeforeDownload | None = None,
) -> Resolved:
    """The files of a model, all of them on disk, and what kind of model they are.

    Args:
        before_download: told what a download would bring; what it raises ends it before it begins.

    Raises:
        ModelNotFound: no such id, revision or folder; or not on this machine while offline.
        ModelUnsuitable: of another kind than was asked for, or not safe to load.
        ModelBroken: files that are damaged or half there.
    """
    name = split(choice.model_id).name
    entry = _entry(choice.model_id)
    if entry is not None and entry.kind != choice.kind:
        raise wrong_kind(entry.id, entry.kind)
    if entry is not None and entry.built_in:
        return inspect(choice, _built_in_folder(entry), None, entry)
    if is_folder(choice.model_id):
        return inspect(choice, _local_folder(name), None, None)
    revision = choice.revision or (entry.revision if entry is not None else None) or None
    snapshot = hub.small_files(name, revision, offline=offline, on_progress=on_progress)
    config, found = judge(choice, snapshot.folder, snapshot.names)
    n_bytes, n_missing = hub.missing_bytes(snapshot, found.heads)
    if before_download is not None and n_missing:
        before_download(parameters_of(n_bytes, config.get("dtype") or config.get("torch_dtype")), n_missing)
    hub.download_weights(snapshot, found.heads, on_progress=on_progress)
    return inspect(choice, snapshot.folder, snapshot.revision, entry)


def reread(resolved: Resolved, model_id: str) -> Resolved:
    """What the same files are when they are read as this id says. Nothing is downloaded.

    Raises:
        InvalidInput, ModelUnsuitable: they cannot be read so.
        ModelBroken: files that are damaged or gone.
    """
    entry = None if is_folder(model_id) else _entry(model_id)
    return inspect(ModelChoice(model_id, kind=resolved.kind), resolved.folder, resolved.revision, entry)


def kind_of(model_id: str, revision: str | None = None, *, offline: bool = False) -> Kind:
    """What a model is: from the catalogue, else from its own small files, which a Hub id may have to fetch.

    Raises:
        ModelNotFound: no such id, revision or folder; or not on this machine while offline.
        ModelUnsuitable: neither a reranker nor an embedder that can run here.
        ModelBroken: files that cannot be read.
    """
    name = split(model_id).name
    entry = _entry(model_id)
    if entry is not None:
        return entry.kind
    if split(model_id).mode:
        return "reranker"
    if is_folder(name):
        folder = _local_folder(name)
        names = frozenset(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    else:
        snapshot = hub.small_files(name, revision, offline=offline, on_progress=None)
        folder, names = snapshot.folder, snapshot.names
    return found_of(model_id, folder, _config(model_id, folder, names)).kind


def has_modes(model_id: str, revision: str | None = None) -> bool:
    """Whether an embedder is bge-m3, or reads texts as it does and has the heads of its other modes on this machine."""
    name = split(model_id).name
    if find(f"{name}#mode=dense") is not None:
        return True
    if is_folder(name):
        folder = Path(name).expanduser()
    else:
        try:
            folder = hub.small_files(name, revision, offline=True, on_progress=None).folder
        except ModelNotFound:
            return False
    # The dense mode is the first token: the vectors of another pooling are not its.
    return all((folder / head).is_file() for head in modes.HEADS) and pooling_of(name, folder, find(name)) == "cls"


def inspect(choice: ModelChoice, folder: Path, revision: str | None, entry: CatalogEntry | None) -> Resolved:
    """What the files in `folder` are. Reads configs and the headers of the weights, never the weights.

    Raises:
        ModelUnsuitable: of another kind than was asked for, or not safe to load.
        ModelBroken: files that are damaged or half there.
    """
    names = frozenset(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    config, found = judge(choice, folder, names)
    named = split(choice.model_id)
    embeds = choice.kind == "embedder"
    dense = dense_of(choice.model_id, folder) if embeds else ()
    weights = weight_files(folder, *(step.weights for step in dense))
    headers = [read_header(folder / name) for name in weights]
    tensors: dict[str, TensorInfo] = {name: tensor for header in headers for name, tensor in header.items()}
    label = None
    if found.family == "cross_encoder":
        label = relevant_label(named.name, config, named.label)
        _require_head(choice.model_id, tensors, "classifier.", "score.")
    for depth in depths_of(choice.model_id, config["architectures"][0], config, named):
        _require_head(choice.model_id, tensors, depth.head)
    limit = _token_limit(folder, config)
    return Resolved(
        asked=choice.model_id,
        model_id=with_option(
            split(entry.id).name if entry else named.name, named, found.depth, label, len(label_names(config))
        ),
        folder=folder,
        revision=revision,
        kind=choice.kind,
        family=found.family,
        entry=entry,
        config=MappingProxyType(config),
        architecture=config["architectures"][0],
        weights=weights,
        heads=found.heads,
        n_parameters=sum(tensor.size for header in headers for tensor in header.values() if tensor.is_float),
        label=label,
        limit=limit,
        default_max_length=_default_max_length(folder, found, limit, entry),
        prompt=found.prompt,
        depth=found.depth,
        pooling=pooling_of(choice.model_id, folder, entry) if embeds else None,
        dense=dense,
        prompts=prompts_of(named.name, folder, entry, named.task) if embeds else NO_PROMPTS,
        activation=_declared_activation(folder, config),
    )


def judge(choice: ModelChoice, folder: Path, names: frozenset[str]) -> tuple[dict[str, Any], Found]:
    """The config and what runs it, once the small files say that this model may be loaded as the kind asked for.

    Args:
        names: all files that the model has, downloaded or not.
    """
    model_id = choice.model_id
    config = _config(model_id, folder, names)
    refuse_remote_code(model_id, folder, config)
    found = found_of(model_id, folder, config)
    if found.kind != choice.kind:
        raise wrong_kind(model_id, found.kind)
    named = split(model_id)
    if found.kind == "reranker" and named.task:
        raise InvalidInput(
            "{model} is a reranker, and a task chooses the prompts of an embedder. Leave out #task={task}.",
            model=model_id,
            task=named.task,
        )
    if found.kind == "embedder":
        entry = find(named.name)
        pooling_of(named.name, folder, entry)
        dense_of(named.name, folder)
        prompts_of(named.name, folder, entry, named.task)
    if found.depth is None and (named.layer or named.ratio or named.at):
        raise InvalidInput("{model} scores after its last layer only: leave out what follows #.", model=model_id)
    if named.backend:
        backends.refuse_foreign(named, found.family)
        found = found._replace(heads=backends.shipped(names))
    _refuse_missing_files(model_id, names, found.heads)
    return config, found


def with_option(name: str, named: Named, depth: Depth | None, label: Label | None, n_labels: int) -> str:
    """The id that says how the model is read, where its files alone do not: two such models are two."""
    backend = f"backend={named.backend}" if named.backend else ""
    said = ",".join(filter(None, (_option(named, depth, label, n_labels), backend)))
    return f"{name}#{said}" if said else name


def _option(named: Named, depth: Depth | None, label: Label | None, n_labels: int) -> str:
    if named.mode:
        return f"mode={modes.named(modes.weights_of(named.mode))}"
    if depth is not None:
        return depth.option
    if named.prompt:
        return f"prompt={named.prompt}"
    if named.task:
        return f"task={named.task}"
    plain = label is None or n_labels == 1 or (n_labels == 2 and label.place == 1)
    return "" if label is None or plain else f"label={label.name}"


def _entry(model_id: str) -> CatalogEntry | None:
    """The catalogue's entry: a mode has one of its own, or none."""
    named = split(model_id)
    return find(with_option(named.name, named._replace(backend=""), None, None, 0) if named.mode else named.name)


def _config(model_id: str, folder: Path, names: frozenset[str]) -> dict[str, Any]:
    if "config.json" not in names:
        raise ModelUnsuitable(
            "{model} has no config.json, so it is no transformers model. Try another.", model=model_id
        )
    return read_json(folder / "config.json")


def _built_in_folder(entry: CatalogEntry) -> Path:
    folder = BUILT_IN_MODELS / entry.path
    if not folder.is_dir():
        raise ModelNotFound("{model} is missing from assets/models. Install the playground again.", model=entry.id)
    return folder


def _local_folder(text: str) -> Path:
    folder = Path(text).expanduser()
    if not folder.is_dir():
        raise ModelNotFound("There is no folder {folder}. Check the path, or type a Hub id.", folder=text)
    return folder


def _refuse_missing_files(model_id: str, names: frozenset[str], heads: tuple[str, ...]) -> None:
    top = {name for name in names if "/" not in name}
    if not any(name.endswith(".safetensors") for name in top):
        if any(name.endswith((".bin", ".pt", ".pth", ".ckpt")) for name in top):
            raise ModelUnsuitable(
                "{model} has its weights only as pickles, which can run code and are not loaded here. "
                "Try a revision that holds safetensors ({model}@revision).",
                model=model_id,
            )
        raise ModelBroken(
            "{model} holds no weights (model.safetensors). Download it again, or try another.", model=model_id
        )
    if top.isdisjoint(TOKENIZER_FILES):
        raise ModelBroken(
            "{model} holds no tokenizer (tokenizer.json). Download it again, or try another.", model=model_id
        )
    for head in heads:
        if head not in names:
            raise ModelUnsuitable(
                "{model} has no {file}, without which it cannot score in this way. Try another model.",
                model=split(model_id).name,
                file=head,
            )


def _require_head(model_id: str, tensors: dict[str, TensorInfo], *heads: str) -> None:
    if not any(name.startswith(heads) for name in tensors):
        raise ModelUnsuitable(
            "{model} lacks the weights of its scoring head; its scores would be random. Try a fine-tuned reranker.",
            model=model_id,
        )


def _token_limit(folder: Path, config: dict[str, Any]) -> int:
    positions = int(config.get("max_position_embeddings") or DEFAULT_MAX_LENGTH)
    if config.get("model_type") in OFFSET_POSITIONS:
        positions -= int(config.get("pad_token_id", 1)) + 1
    declared = read_json(folder / "tokenizer_config.json").get("model_max_length")
    return min(positions, int(declared)) if isinstance(declared, int | float) and declared < UNLIMITED else positions


def _default_max_length(folder: Path, found: Found, limit: int, entry: CatalogEntry | None) -> int:
    if entry is not None:
        return min(entry.default_max_length, limit)
    if found.prompt:
        return min(prompts.PROMPTS[found.prompt].max_length, limit)
    if found.max_length:
        return min(found.max_length, limit)
    own = found.kind == "embedder" or found.family == "splade"
    stored = read_json(folder / "sentence_bert_config.json").get("max_seq_length") if own else None
    return min(int(stored) if stored else DEFAULT_MAX_LENGTH, limit)


def _declared_activation(folder: Path, config: dict[str, Any]) -> str | None:
    """Source: sentence-transformers, `cross_encoder/model.py`; since 6.0 it is saved beside the config."""
    saved = read_json(folder / "config_sentence_transformers.json").get("activation_fn")
    nested = (config.get("sentence_transformers") or {}).get("activation_fn")
    return nested or saved or config.get("sbert_ce_default_activation_function")

"""What can be set of a model, how it is set, and how large it is. Nothing here imports torch or asks the network.

The id alone says how a model is read (see `named`): a control reads its value here, and writes by `changed`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from playground.core.errors import InvalidInput, ModelUnsuitable, PlaygroundError
from playground.models import backends, hub, modes, prompts
from playground.models.catalog import CatalogEntry, entries, find
from playground.models.embedder_files import prompts_of, tasks_of
from playground.models.heads import Label, label_names, relevant_label
from playground.models.layers import Depth, depth_of, layers_of
from playground.models.named import Named, is_folder, parse_choice, split
from playground.models.resolve import with_option
from playground.models.small_files import read_json, steps
from playground.models.weights import INDEX, SINGLE, read_header, weight_files
from playground.paths import BUILT_IN_MODELS
from playground.remote.address import is_remote

# How the query of an embedder begins that was taught to be told its task.
TOLD = "Instruct:"


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """The settings of one model; what it has not is empty.

    Attributes:
        name: the id or folder without its options.
        model: the same with revision and options, as it may be typed.
        layers: those after which it scores.
        depth: where it stops, and what is compressed on the way.
        weights: of bge-m3's dense, sparse and ColBERT modes; 0 for one that does not count.
        labels: of a head that has several; `label` is the one that means relevant, empty where it is not clear which.
        prompts: keys of `prompts.PROMPTS` for a language model whose files do not say how it is asked.
        tasks: of an embedder; `task` is empty where its files decide.
        backends: what may run it; `backend` is the one that does. Empty where there is nothing to choose.
        instruction: the makers' own.
        instructed: whether it is asked with one that says the task.
    """

    name: str
    model: str
    layers: tuple[int, ...] = ()
    depth: Depth | None = None
    weights: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()
    label: str = ""
    prompts: tuple[str, ...] = ()
    prompt: str = ""
    tasks: tuple[str, ...] = ()
    task: str = ""
    backends: tuple[str, ...] = ()
    backend: str = ""
    instruction: str = ""
    instructed: bool = False

    @property
    def places(self) -> range:
        """Layers after which the passage may be compressed; empty for a model that cannot."""
        return range(1, self.layers[-1] if self.depth is not None and self.depth.compresses else 1)


@dataclass(frozen=True, slots=True)
class _Known:
    """A model as far as it is known without its weights: from the catalogue, or its files on disk."""

    named: Named
    entry: CatalogEntry | None
    folder: Path | None
    config: dict[str, Any]
    architecture: str

    @property
    def pooled(self) -> bool:
        return self.folder is not None and "Pooling" in steps(self.folder)

    def asked_as(self, asked: str = "") -> str:
        return prompts.of(self.named.name, self.architecture, asked)


def settings_of(model: str, *, folders: bool = True) -> ModelSettings:
    """The settings of what was typed; for a Hub id that is neither in the catalogue nor on disk, none but a mode's.

    Args:
        folders: False leaves folders of this machine closed.

    Raises:
        InvalidInput: an option that this model does not allow; the sentence says what it allows.
        PlaygroundError: files that cannot be read.
    """
    model_id, revision = parse_choice(model)
    if is_remote(model_id):
        return ModelSettings(model_id, model_id)
    named = split(model_id)
    known = _known(named, revision, folders)
    _refuse_foreign(known)
    depth, prompt, label = None, "", None
    open_prompts: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    if known.architecture and not known.pooled:
        depth = depth_of(named.name, known.architecture, known.config, named)
        open_prompts = () if known.asked_as() else _fitting(known.architecture)
        prompt = known.asked_as(named.prompt)
        if known.architecture.endswith("ForSequenceClassification") and not (prompt or open_prompts):
            label, labels = _labels(known)
    instruction = _instruction(known, prompt)
    told = bool(prompt) and bool(prompts.PROMPTS[prompt].instruction or prompts.PROMPTS[prompt].instructed)
    offered = _backends(known, prompted=bool(prompt or open_prompts))
    name = known.entry.id if known.entry is not None else named.name
    as_read = with_option(name, named, depth, label, len(labels))
    return ModelSettings(
        name=named.name,
        model=f"{as_read}@{revision}" if revision else as_read,
        layers=() if depth is None else tuple(layers_of(known.architecture, known.config)),
        depth=depth,
        weights=_weights(named),
        labels=labels if len(labels) > 1 else (),
        label=label.name if label is not None and len(labels) > 1 else "",
        prompts=open_prompts,
        prompt=prompt if open_prompts else "",
        tasks=_tasks(known),
        task=named.task,
        backends=offered,
        backend=(named.backend or backends.PLAIN) if offered else "",
        instruction=instruction,
        instructed=told or instruction.startswith(TOLD),
    )


class ModelSize(NamedTuple):
    """How large a model is.

    Attributes:
        download_mib: 0 for what is on this machine.
    """

    n_parameters: int
    download_mib: int


def size_of(model: str, *, folders: bool = True) -> ModelSize | None:
    """The size of a model: from its files, else from the catalogue; None where neither says it."""
    try:
        model_id, revision = parse_choice(model)
        named = split(model_id)
        entry = find(named.name)
        folder = _folder(named, revision, entry, folders)
        here = folder is not None and any((folder / name).exists() for name in (SINGLE, INDEX))
        if entry is not None:
            return ModelSize(entry.n_parameters, 0 if here else entry.download_mib)
        if folder is None or not here:
            return None
        headers = [read_header(folder / name) for name in weight_files(folder)]
    except PlaygroundError:
        return None
    return ModelSize(sum(tensor.size for header in headers for tensor in header.values() if tensor.is_float), 0)


def own_instruction(model: str, *, folders: bool = True) -> str:
    """The instruction that the makers of a model gave; empty where nothing is known of one."""
    try:
        return settings_of(model, folders=folders).instruction
    except PlaygroundError:
        return ""


def changed(model: str, *, folders: bool = True, **options: str) -> str:
    """The canonical id of `model` with other options (those of `Named`); an empty text takes one away.

    Args:
        folders: as in `settings_of`.

    Raises:
        InvalidInput: as `settings_of`.
    """
    model_id, revision = parse_choice(model)
    named = split(model_id)._replace(**options)
    return settings_of(f"{named.text}@{revision}" if revision else named.text, folders=folders).model


def mode_text(weights: tuple[float, ...]) -> str:
    """The value of `#mode=` for these weights of the dense, sparse and ColBERT modes."""
    weighed = dict(zip(modes.MAKERS, weights, strict=True))
    return modes.named({mode: weight for mode, weight in weighed.items() if weight > 0} or weighed)


def _known(named: Named, revision: str | None, folders: bool) -> _Known:
    entry = find(named.name)
    if entry is not None and not entry.built_in:
        return _Known(named, entry, None, *_from_catalogue(entry))
    folder = _folder(named, revision, entry, folders)
    config = {} if folder is None else read_json(folder / "config.json")
    return _Known(named, entry, folder, config, next(iter(config.get("architectures") or ()), ""))


def _folder(named: Named, revision: str | None, entry: CatalogEntry | None, folders: bool) -> Path | None:
    """Where the small files of a model are, if they are on this machine."""
    if entry is not None and entry.built_in:
        return BUILT_IN_MODELS / entry.path
    if is_folder(named.name):
        return Path(named.name).expanduser() if folders else None
    if is_remote(named.name):
        return None
    return hub.folder_here(named.name, revision or (entry.revision if entry is not None else None))


def _from_catalogue(entry: CatalogEntry) -> tuple[dict[str, Any], str]:
    """(what of its config decides over settings, its architecture if it is asked with a prompt)."""
    kinds = (kind for kind in prompts.PROMPTS.values() if kind.family == entry.family)
    name = entry.id.lower()
    prompt = next((kind for kind in kinds if any(known and known in name for known in kind.names)), None)
    if prompt is None:
        return {}, ""
    if not entry.layers:
        return {}, prompt.architectures[0]
    first, last = entry.layers
    known = {"start_layer": first, "num_hidden_layers": last, "layer_sep": 1, "layer_wise": True}
    return known, prompt.architectures[0]


def _refuse_foreign(known: _Known) -> None:
    """Raises InvalidInput where a model of the catalogue is given options of another family."""
    entry, named = known.entry, known.named
    if entry is None:
        return
    if (named.layer or named.ratio or named.at) and not entry.layers:
        raise InvalidInput("{model} scores after its last layer only: leave out what follows #.", model=named.name)
    if named.mode and not any(each.id.startswith(f"{entry.id}#mode=") for each in entries()):
        raise ModelUnsuitable(
            "{model} ({type}) has no modes; bge-m3 and models trained from it have. Leave out #mode={mode}.",
            model=named.name,
            type=known.architecture or entry.family,
            mode=named.mode,
        )


def _fitting(architecture: str) -> tuple[str, ...]:
    return tuple(key for key, prompt in prompts.PROMPTS.items() if architecture in prompt.architectures)


def _labels(known: _Known) -> tuple[Label | None, tuple[str, ...]]:
    """(the output that means relevant, None where that is not clear; the names of all outputs)."""
    names = tuple(label_names(known.config))
    try:
        return relevant_label(known.named.name, known.config, known.named.label), names
    except ModelUnsuitable:
        return None, names


def _weights(named: Named) -> tuple[float, ...]:
    if not named.mode:
        return ()
    counted = modes.weights_of(named.mode)
    return tuple(counted.get(mode, 0.0) for mode in modes.MAKERS)


def _tasks(known: _Known) -> tuple[str, ...]:
    if known.named.mode:
        return ()
    if known.entry is not None:
        return known.entry.tasks
    return tuple(tasks_of(known.folder, None)) if known.pooled else ()


def _backends(known: _Known, *, prompted: bool) -> tuple[str, ...]:
    """What may run the model; nothing where PyTorch alone can.

    Raises:
        InvalidInput: the id names one that cannot.
    """
    named, entry = known.named, known.entry
    classifier = known.architecture.endswith("ForSequenceClassification") and not prompted
    runs = classifier if entry is None or known.folder is not None else entry.family == "cross_encoder"
    if named.backend and (entry is not None or known.architecture):
        backends.refuse_foreign(named, "cross_encoder" if runs else "")
    return tuple(backends.TITLES) if runs and (named.backend or backends.installed()) else ()


def _instruction(known: _Known, prompt: str) -> str:
    """The makers' own: of the prompt, of the catalogue, or of an embedder's files and task."""
    entry = known.entry
    if known.named.mode or prompt:
        return prompts.PROMPTS[prompt].instruction if prompt else ""
    if entry.kind == "embedder" if entry is not None else known.pooled:
        return prompts_of(known.named.name, known.folder, entry, known.named.task).query
    return entry.instruction if entry is not None else ""

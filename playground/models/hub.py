"""Files from the Hugging Face Hub, the small ones first, through `huggingface_hub` and its cache."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import quote

from huggingface_hub import HfApi, constants, snapshot_download, try_to_load_from_cache
from huggingface_hub.errors import (
    GatedRepoError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.errors import HTTPError as HubConnectionError  # type: ignore[attr-defined]
from huggingface_hub.file_download import repo_folder_name
from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]
from tqdm.auto import tqdm

from playground.core.errors import DiskFull, InvalidInput, ModelNotFound
from playground.core.types import Phase
from playground.models.fingerprint import decides
from playground.models.memory import MIB
from playground.models.room import free_disk, gib
from playground.models.weights import DENSE, INDEX, SINGLE, shard_names

log = logging.getLogger(__name__)

OnProgress = Callable[[Phase, int, int], None]

NO_MODEL_ID = "{model} is no model id. A Hub id looks like BAAI/bge-reranker-base."
NO_MODEL = "There is no public model {model} on the Hub. Check the spelling; a private one needs `hf auth login`."
NO_SET_ID = "{model} is neither here nor the id of a data set. An id looks like mteb/T2Reranking."
NO_SET = (
    "{model} is neither here nor a public data set of the Hub. Check the spelling; a private one needs `hf auth login`."
)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One commit of a model, with its small files on disk.

    Attributes:
        revision: the commit.
        sizes: bytes by name of every file of the commit, downloaded or not.
    """

    model_id: str
    revision: str
    folder: Path
    sizes: dict[str, int]
    online: bool

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self.sizes)


def small_files(model_id: str, revision: str | None, *, offline: bool, on_progress: OnProgress | None) -> Snapshot:
    """Config and tokenizer of a model, asked of the Hub, or from the cache where the Hub cannot be reached.

    Raises:
        ModelNotFound: no such id or revision, no access, or not on this machine while offline.
    """
    if on_progress:
        on_progress("resolve", 0, 0)
    if offline:
        return _cached(model_id, revision, offline=True)
    try:
        with _hub_errors(model_id, revision, NO_MODEL_ID, NO_MODEL):
            return _fetch_small(model_id, revision or "main")
    except (HubConnectionError, OSError):
        return _cached(model_id, revision, offline=False)


@contextmanager
def _hub_errors(model: str, revision: str | None, no_id: str, unknown: str) -> Iterator[None]:
    """What the Hub answers of an id, as a sentence; that it cannot be reached is left to whoever asks.

    Args:
        no_id, unknown: of a text that is no id, and of an id that the Hub does not have.
    Raises:
        ModelNotFound: the Hub does not give it.
    """
    gated = "{model} is gated: accept its terms on huggingface.co, then log in with `hf auth login`."
    try:
        yield
    except (HFValidationError, ValueError) as error:
        raise ModelNotFound(no_id, model=model) from error
    except GatedRepoError as error:
        raise ModelNotFound(gated, model=model) from error
    except RevisionNotFoundError as error:
        raise ModelNotFound(
            "{model} has no revision {revision}. Leave it out to take the newest.", model=model, revision=revision
        ) from error
    except RepositoryNotFoundError as error:
        raise ModelNotFound(unknown, model=model) from error


def missing_bytes(snapshot: Snapshot, heads: tuple[str, ...] = ()) -> tuple[int, int]:
    """(bytes of the safetensors that a model needs, bytes of all its weights that are still to be downloaded)."""
    names = _weight_names(snapshot)
    tensors = sum(snapshot.sizes.get(name, 0) for name in names)
    if not snapshot.online:
        return tensors, 0
    return tensors, sum(snapshot.sizes.get(name, 0) for name in _missing(snapshot, heads))


def data_set(
    name: str,
    revision: str | None,
    choose: Callable[[Collection[str]], Sequence[str]],
    *,
    offline: bool,
    on_progress: OnProgress | None,
    most_bytes: int | None = None,
) -> Path:
    """The folder of a data set with at least the files that `choose` takes of its names; from the cache, and then all
    of them too, where the Hub cannot be reached. Before anything is downloaded it is known to be of use.

    Args:
        on_progress: may raise, which ends the download.
        most_bytes: of one file, that can be read.
    Raises:
        InvalidInput: a file is larger.
        DiskFull: all together do not fit.
        ModelNotFound: no such id or revision, no access, or not all on this machine while offline.
        PlaygroundError: what `choose` raises.
    """
    if on_progress:
        on_progress("resolve", 0, 0)
    try:
        with _hub_errors(name, revision, NO_SET_ID, NO_SET):
            if offline:
                return _data_here(name, revision or "main", choose)
            info = HfApi(endpoint=_endpoint()).dataset_info(name, revision=revision, files_metadata=True)
            sizes = {file.rfilename: file.size or 0 for file in info.siblings or ()}
            wanted = list(choose(sizes))
            _check_sizes(name, {each: sizes[each] for each in wanted}, info.sha, most_bytes)
            counter = _byte_counter(sum(sizes[each] for each in wanted), on_progress)
            folder = _download(name, revision or "main", wanted, counter, "dataset")
            _remember(name, {revision or "main", folder.name}, folder.name, list(sizes))
            return folder
    except (HubConnectionError, OSError) as error:
        if not offline:
            return data_set(name, revision, choose, offline=True, on_progress=None)
        raise ModelNotFound(
            "{name} is not on this machine, and the Hub is not asked or cannot be reached.", name=name
        ) from error


def cache_folder() -> Path:
    """Where downloads are kept."""
    return Path(constants.HF_HUB_CACHE)


def download_weights(snapshot: Snapshot, heads: tuple[str, ...] = (), *, on_progress: OnProgress | None) -> None:
    """The safetensors files that a snapshot names, with progress in bytes. What is cached is not asked for again.

    Args:
        heads: names of further files that the model needs.

    Raises:
        ModelNotFound: the download stopped; what is there is kept.
    """
    missing = _missing(snapshot, heads)
    if not missing or not snapshot.online:
        return
    total = sum(snapshot.sizes.get(name, 0) for name in missing)
    try:
        _download(snapshot.model_id, snapshot.revision, missing, _byte_counter(total, on_progress))
    except (HubConnectionError, OSError) as error:
        raise ModelNotFound(
            "The download of {model} stopped ({reason}). Try again: what is there is kept.",
            model=snapshot.model_id,
            reason=str(error).splitlines()[0] if str(error) else type(error).__name__,
        ) from error


def folder_here(model_id: str, revision: str | None) -> Path | None:
    """The folder in the cache that has at least the small files of a model. Asks nobody."""
    try:
        return _snapshot_here(model_id, revision)
    except (HFValidationError, ValueError):
        return None


def _snapshot_here(model_id: str, revision: str | None) -> Path | None:
    config = try_to_load_from_cache(model_id, "config.json", revision=revision or "main")
    return Path(config).parent if isinstance(config, str) else None


def _check_sizes(name: str, sizes: dict[str, int], commit: str | None, most_bytes: int | None) -> None:
    for file, size in sizes.items():
        if most_bytes is not None and size > most_bytes:
            raise InvalidInput(
                "{file} is too big: the files of one set may have {limit:,} MiB unpacked.",
                file=file,
                limit=-(-most_bytes // 2**20),
            )
    missing = [
        size
        for file, size in sizes.items()
        if not isinstance(try_to_load_from_cache(name, file, revision=commit, repo_type="dataset"), str)
    ]
    if sum(missing) > (free := free_disk(cache_folder())):
        raise DiskFull(
            "{name} is a download of {need}, and the disk that holds {folder} has {free} free. Make room there.",
            name=name,
            need=gib(sum(missing) / MIB),
            folder=cache_folder(),
            free=gib(free / MIB),
        )


def _names_file(name: str, revision: str) -> Path:
    home = cache_folder() / repo_folder_name(repo_id=name, repo_type="dataset")
    return home / "playground" / f"{quote(revision, safe='')}.json"


def _remember(name: str, revisions: Collection[str], commit: str, names: Sequence[str]) -> None:
    """Which files the commit of a data set has: the cache knows only those that were downloaded."""
    try:
        for revision in revisions:
            file = _names_file(name, revision)
            file.parent.mkdir(exist_ok=True)
            half = file.with_suffix(".half")
            half.write_text(json.dumps({"commit": commit, "names": names}), encoding="utf-8")
            half.replace(file)
    except OSError:
        log.warning("%s can be read now, but not offline: the cache cannot be written.", name)


def _data_here(name: str, revision: str, choose: Callable[[Collection[str]], Sequence[str]]) -> Path:
    """As `data_set`, of what was downloaded by it. Asks nobody.

    Raises:
        OSError: never downloaded, or not all that is chosen now.
    """
    validate_repo_id(name)
    said = json.loads(_names_file(name, revision).read_text(encoding="utf-8"))
    folder = _names_file(name, revision).parents[1] / "snapshots" / str(said["commit"])
    if missing := [each for each in choose(said["names"]) if not (folder / each).is_file()]:
        raise FileNotFoundError(missing[0])
    return folder


def _fetch_small(model_id: str, revision: str) -> Snapshot:
    info = HfApi(endpoint=_endpoint()).model_info(model_id, revision=revision, files_metadata=True)
    sizes = {file.rfilename: file.size or 0 for file in info.siblings or ()}
    wanted = [name for name in sizes if decides(name) or name == INDEX]
    # By name and not by commit: only then does the cache learn what the name stands for, for the next offline run.
    folder = _download(model_id, revision, wanted, _byte_counter(0, None))
    return Snapshot(model_id, folder.name, folder, sizes, online=True)


def _cached(model_id: str, revision: str | None, *, offline: bool) -> Snapshot:
    try:
        folder = _snapshot_here(model_id, revision)
    except (HFValidationError, ValueError) as error:
        raise ModelNotFound(NO_MODEL_ID, model=model_id) from error
    names = [path for path in folder.rglob("*") if path.is_file()] if folder else []
    # Config without weights is a download that stopped after the small files.
    if folder is None or not any(path.suffix in {".safetensors", ".bin"} for path in names):
        raise _not_here(model_id, offline)
    sizes = {path.relative_to(folder).as_posix(): path.stat().st_size for path in names}
    return Snapshot(model_id, folder.name, folder, sizes, online=False)


def _not_here(model_id: str, offline: bool) -> ModelNotFound:
    if offline:
        return ModelNotFound(
            "{model} is not on this machine, or only half, and the playground runs offline. Use the built-in model.",
            model=model_id,
        )
    return ModelNotFound(
        "{model} is not on this machine, or only half, and the Hub cannot be reached. Use the built-in model.",
        model=model_id,
    )


def _missing(snapshot: Snapshot, heads: tuple[str, ...]) -> list[str]:
    names = dict.fromkeys((*_weight_names(snapshot), *heads))
    return [name for name in names if not (snapshot.folder / name).is_file()]


def _weight_names(snapshot: Snapshot) -> tuple[str, ...]:
    dense = tuple(name for name in snapshot.sizes if DENSE.fullmatch(name))
    if SINGLE in snapshot.sizes:
        return (SINGLE, *dense)
    index = snapshot.folder / INDEX
    return (*shard_names(index.read_bytes()), *dense) if index.is_file() else ()


def _download(model_id: str, revision: str, names: list[str], bar: type[tqdm[Any]], kind: str = "model") -> Path:
    try:
        return Path(
            snapshot_download(
                model_id,
                repo_type=kind,
                revision=revision,
                allow_patterns=names,
                endpoint=_endpoint(),
                tqdm_class=bar,
                max_workers=4,
            )
        )
    except LocalEntryNotFoundError as error:
        # huggingface_hub hides a refusal (401, 404) that it met on the way under "not in the cache".
        if isinstance(error.__cause__, HubConnectionError):
            raise error.__cause__ from None
        raise


def _endpoint() -> str | None:
    return os.environ.get("HF_ENDPOINT") or None


def _byte_counter(total: int, on_progress: OnProgress | None) -> type[tqdm[Any]]:
    """A progress bar that draws nothing and reports bytes. `snapshot_download` makes several at once: one per stage."""
    lock = Lock()
    furthest = 0

    class ByteCounter(tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            self._counts_bytes = kwargs.get("unit") == "B"
            self._seen = 0
            kwargs["disable"] = True
            kwargs.pop("name", None)
            super().__init__(*args, **kwargs)

        def update(self, n: float | None = 1) -> None:
            nonlocal furthest
            if not self._counts_bytes or on_progress is None:
                return
            self._seen += int(n or 0)
            with lock:
                furthest = max(furthest, min(self._seen, total))
                seen = furthest
            on_progress("download", seen, total)

    return ByteCounter

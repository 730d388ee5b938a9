"""The models that were trained here: a folder of folders, each a whole model with its card and its record.

What is under way lies in `work/<id>` and moves out as one folder once it is finished, so that no model is ever seen
half-written.
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
import unicodedata
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock, Timeout

from playground.core.errors import InvalidInput
from playground.core.thresholds import Threshold
from playground.core.training import Change, TrainingAsk, TrainingPoint, TrainingResult, TrainingRow
from playground.engine import threshold_files
from playground.engine.trained_card import card

T = TypeVar("T")

ASK, RESULT, ROWS, DEV, CARD = "ask.json", "trained.json", "train.jsonl", "dev.jsonl", "README.md"
# NDCG@10 before the first step lies in START as `training.labels` wrote it, beside the rows.
THRESHOLD, START = "threshold.json", "start.json"
# As `training.labels` names it in the folder of work; in the folder of all, that of the one training at a time.
LOCK = "lock"
WORK, GONE = "work", "gone-"
MAX_NAME_CHARS = 80


@dataclass(frozen=True, slots=True)
class Trained:
    """One finished model.

    Attributes:
        path: its folder, which is its id as a model.
        result: None where before and after were not measured.
    """

    ask: TrainingAsk
    path: Path
    points: tuple[TrainingPoint, ...]
    result: TrainingResult | None = None
    warning: str = ""


class TrainedModels:
    """The folder. Safe from any thread as long as one id is written by one of them.

    Args:
        root: perhaps not there yet.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        # Taken in one thread and left in another.
        self._place = FileLock(root / LOCK, thread_local=False)

    def begin(self, ask: TrainingAsk, train: Sequence[TrainingRow], dev: Sequence[TrainingRow]) -> Path:
        """The folder of work of a new training, with its rows.

        Raises:
            InvalidInput: it cannot be written.
        """
        work = self.work(ask.id)
        try:
            work.mkdir(parents=True)
            for name, rows in ((ROWS, train), (DEV, dev)):
                (work / name).write_text("".join(f"{_line(row)}\n" for row in rows), encoding="utf-8")
            _write(work / ASK, asdict(ask))
        except OSError as error:
            shutil.rmtree(work, ignore_errors=True)
            raise _unwritten(self.root, error) from error
        return work

    def work(self, id: str) -> Path:
        return self.root / WORK / id

    def rewrite(self, ask: TrainingAsk) -> None:
        """Keep what is known of a training by now.

        Raises:
            InvalidInput: it cannot be written.
        """
        try:
            _write(self.work(ask.id) / ASK, asdict(ask))
        except OSError as error:
            raise _unwritten(self.root, error) from error

    def unfinished(self) -> list[TrainingAsk]:
        """Trainings that were begun and are not finished, oldest first; a damaged one is left out."""
        found = [_read(TrainingAsk, path) for path in self.root.glob(f"{WORK}/*/{ASK}")]
        return sorted((ask for ask in found if ask is not None), key=lambda ask: ask.made)

    def drop(self, id: str) -> None:
        """Remove the work of a training.

        Raises:
            InvalidInput: it is under way, perhaps for another page.
        """
        with self.alone(id):
            shutil.rmtree(self.work(id), ignore_errors=True)

    @contextmanager
    def alone(self, id: str, seconds: float = 0.0) -> Iterator[None]:
        """Holds the work of a training, if there is any, as its process does.

        Args:
            seconds: to wait for it.

        Raises:
            InvalidInput: somebody holds it.
        """
        if not self.work(id).is_dir():
            yield
            return
        lock = FileLock(self.work(id) / LOCK, thread_local=False)
        try:
            lock.acquire(timeout=seconds)
        except Timeout as error:
            raise InvalidInput("This training is under way. Wait until it is over, or stop it first.") from error
        try:
            yield
        finally:
            lock.release()

    def take_place(self) -> bool:
        """Whether the place of the one training at a time was free, over all pages; it is ours now."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            self._place.acquire(timeout=0)
        except Timeout:
            return False
        except OSError as error:
            raise _unwritten(self.root, error) from error
        return True

    def leave_place(self) -> None:
        """Free the place."""
        self._place.release()

    def sweep(self) -> None:
        """Remove what a delete that was cut off has left."""
        for gone in self.root.glob(f"{WORK}/{GONE}*"):
            shutil.rmtree(gone, ignore_errors=True)

    def dev_rows(self, id: str) -> list[TrainingRow]:
        """The rows that before and after are measured on."""
        lines = (self.work(id) / DEV).read_text(encoding="utf-8").splitlines()
        rows = (json.loads(line) for line in lines)
        return [TrainingRow(row["query"], tuple(row["pos"]), tuple(row["neg"])) for row in rows]

    def place(self, ask: TrainingAsk, warning: str) -> Trained:
        """Move a finished model out of its folder of work: a rename, so that it is there whole or not at all.

        Raises:
            InvalidInput: it cannot be written.
        """
        made, path = self.work(ask.id) / "model", self.root / f"{slug(ask.name)}-{ask.id}"
        try:
            if not path.exists():
                shutil.rmtree(made / "checkpoints", ignore_errors=True)
                start = self.work(ask.id) / START
                if start.exists():
                    start.replace(made / START)
                self._put(Trained(ask, path, (), None, warning), made)
                made.rename(path)
        except OSError as error:
            raise _unwritten(self.root, error) from error
        return Trained(ask, path, _points(path), None, warning)

    def measured(self, trained: Trained, threshold: Threshold | None = None) -> None:
        """Keep before and after and the threshold beside the model, write its card anew, and remove its work.

        Raises:
            InvalidInput: it cannot be written.
        """
        try:
            if threshold is not None:
                (trained.path / THRESHOLD).write_text(threshold_files.to_json(threshold), encoding="utf-8")
            self._put(trained, trained.path)
        except OSError as error:
            raise _unwritten(self.root, error) from error
        shutil.rmtree(self.work(trained.ask.id), ignore_errors=True)

    def list(self, owner: str | None) -> list[Trained]:
        """Finished models, newest first; of everyone where `owner` is None. A damaged one is left out."""
        found = [self._open(path.parent) for path in self.root.glob(f"*/{RESULT}")]
        mine = [each for each in found if each is not None and owner in (None, each.ask.owner)]
        return sorted(mine, key=lambda each: each.ask.made, reverse=True)

    def get(self, owner: str, id: str) -> Trained:
        """Raises InvalidInput: `owner` has no such model."""
        found = next((each for each in self.list(owner) if each.ask.id == id), None)
        if found is None:
            raise InvalidInput("This trained model is gone. It may have been deleted in another window.")
        return found

    def threshold(self, owner: str, id: str) -> Threshold:
        """The suggested threshold, under the model's name of now.

        Raises:
            InvalidInput: no such model, or none was kept with it.
        """
        found = self.get(owner, id)
        try:
            text = (found.path / THRESHOLD).read_text(encoding="utf-8")
        except OSError as error:
            raise InvalidInput(
                "No threshold was kept with this model. Score a set with it, and choose one there."
            ) from error
        return replace(threshold_files.from_json(text), name=found.ask.name)

    def rename(self, owner: str, id: str, name: str) -> None:
        """Another name; the folder, and so the id as a model, stays.

        Raises:
            InvalidInput: no such model, or no name.
        """
        found = self.get(owner, id)
        try:
            self._put(replace(found, ask=replace(found.ask, name=checked_name(name))), found.path)
        except OSError as error:
            raise _unwritten(self.root, error) from error

    def delete(self, owner: str, id: str) -> None:
        """Remove a model for good.

        Raises:
            InvalidInput: no such model, or it is being measured.
        """
        path, gone = self.get(owner, id).path, self.work(f"{GONE}{secrets.token_hex(4)}")
        with self.alone(id):
            try:
                gone.parent.mkdir(parents=True, exist_ok=True)
                path.rename(gone)
            except OSError as error:
                raise _unwritten(self.root, error) from error
        shutil.rmtree(gone, ignore_errors=True)

    def n_bytes(self, owner: str) -> int:
        """What the models of a visitor take on the disk, unfinished ones with their checkpoints, too."""
        folders = [each.path for each in self.list(owner)]
        folders += [self.work(ask.id) for ask in self.unfinished() if ask.owner == owner]
        return sum(path.stat().st_size for folder in folders for path in folder.rglob("*") if path.is_file())

    def unnamed(self, text: str) -> str:
        """The text with the name of a model in place of its folder, wherever one stands."""
        roots = (self.root.absolute(), self.root)
        ways = ("[/\\\\]+".join(re.escape(part.strip("/\\")) for part in root.parts) for root in roots)
        return re.sub(rf"(?:{'|'.join(ways)})[/\\]+([a-z0-9-]+)-[0-9a-f]{{16}}", r"\1", text)

    def zipped(self, owner: str, id: str, folder: Path) -> Path:
        """The model as a file in `folder`, without the texts that it was trained on; not written anew if it is there.

        Raises:
            InvalidInput: no such model, or it cannot be written.
        """
        path = self.get(owner, id).path
        made, draft = folder / f"{path.name}.zip", folder / f"{secrets.token_hex(4)}.draft"
        try:
            if made.exists() and made.stat().st_mtime_ns >= (path / RESULT).stat().st_mtime_ns:
                return made
            folder.mkdir(parents=True, exist_ok=True)
            # Weights do not shrink.
            with zipfile.ZipFile(draft, "w", zipfile.ZIP_STORED) as file:
                for each in sorted(path.rglob("*")):
                    if each.is_file() and each.name not in (RESULT, THRESHOLD, START):
                        file.write(each, Path(path.name) / each.relative_to(path))
            draft.replace(made)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise _unwritten(folder, error) from error
        return made

    def _put(self, trained: Trained, folder: Path) -> None:
        (folder / CARD).write_text(card(trained.ask, trained.result, trained.warning), encoding="utf-8")
        result = None if trained.result is None else asdict(trained.result)
        _write(folder / RESULT, {"ask": asdict(trained.ask), "result": result, "warning": trained.warning})

    def _open(self, path: Path) -> Trained | None:
        try:
            held = json.loads((path / RESULT).read_text(encoding="utf-8"))
            ask, result = _made(TrainingAsk, held["ask"]), held["result"]
            if result is not None:
                changes = tuple(Change(**change) for change in result["changes"])
                result = replace(_made(TrainingResult, result), changes=changes)
            return Trained(ask, path, _points(path), result, str(held.get("warning") or ""))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None


def new_id() -> str:
    """Not to be guessed: on a public page it is the key to the model."""
    return secrets.token_hex(8)


def checked_name(name: str) -> str:
    """Raises InvalidInput: there is none."""
    name = " ".join(name.split())[:MAX_NAME_CHARS]
    if not name:
        raise InvalidInput("A model needs a name. Type one.")
    return name


def slug(name: str) -> str:
    """The name as the beginning of a folder's."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40] or "trained"


def _line(row: TrainingRow) -> str:
    return json.dumps({"query": row.query, "pos": row.pos, "neg": row.neg + row.mined}, ensure_ascii=False)


def _points(folder: Path) -> tuple[TrainingPoint, ...]:
    try:
        curve = json.loads((folder / "training.json").read_text(encoding="utf-8"))["curve"]
        learned = (TrainingPoint(int(each["step"]), each["loss"], each["ndcg@10"]) for each in curve)
        start = folder / START
        before = (json.loads(start.read_text(encoding="utf-8")),) if start.exists() else ()
        return (*(TrainingPoint(0, None, float(ndcg)) for ndcg in before), *learned)
    except (OSError, ValueError, KeyError, TypeError):
        return ()


def _write(path: Path, value: object) -> None:
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    draft.replace(path)


def _read(kind: type[T], path: Path) -> T | None:
    try:
        return _made(kind, json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _made(kind: type[T], held: dict[str, Any]) -> T:
    """A dataclass from JSON, in which a tuple is a list."""
    known = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in held.items() if name in known}
    return kind(**values)


def _unwritten(path: Path, error: OSError) -> InvalidInput:
    return InvalidInput(
        "{path} could not be written: {reason}. Free some space, or check that it may be written to.",
        path=path,
        reason=error.strerror or str(error),
    )

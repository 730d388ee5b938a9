"""Files that are to become a corpus, as the panel holds them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from playground.core.corpora import Chunking
from playground.core.errors import InvalidInput
from playground.corpus import reading
from playground.ui.services import Services


class Sources(NamedTuple):
    """Files and how they are cut, as the panel holds them."""

    files: list[str] | None
    folder: str
    name: str
    words: float
    overlap: float
    headings: bool

    def read(self, services: Services, *, beginning: bool = False) -> reading.Read:
        """Raises InvalidInput: nothing can be read."""
        paths = [Path(path) for path in self.files or []]
        if self.folder and self.folder.strip():
            # Whoever else reaches the page must not read this machine's files.
            if not services.settings.local:
                raise InvalidInput("Folders can be named on a page of one's own only. Choose files.")
            paths.append(_folder(self.folder.strip()))
        if not paths:
            raise InvalidInput("Choose files first.")
        return reading.read(paths, services.engine.limits, beginning=beginning)

    @property
    def chunking(self) -> Chunking:
        """Raises InvalidInput: numbers that make no passages."""
        words = int(self.words or 0)
        return Chunking(words, min(int(self.overlap or 0), words // 2), bool(self.headings))

    @property
    def called(self) -> str:
        """The name given, else that of the folder or of the first file."""
        paths = [self.folder.strip().rstrip("/\\")] if self.folder and self.folder.strip() else self.files or []
        return (self.name or "").strip() or (Path(paths[0]).stem if paths else "")


def _folder(path: str) -> Path:
    folder = Path(path).expanduser()
    if not folder.is_dir():
        raise InvalidInput("There is no folder {path}.", path=path[:200])
    return folder

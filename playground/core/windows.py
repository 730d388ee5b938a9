"""A passage longer than a model reads, in windows: how they are made, and what came of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from playground.core.errors import InvalidInput

By = Literal["max", "mean", "first"]
# Fewer hold no thought that could be judged.
LEAST_TOKENS = 16
# Of a window, where nothing else is asked for.
OVERLAP_SHARE = 8
TOP_K = 3


@dataclass(frozen=True, slots=True)
class Windows:
    """How a passage that is too long is read in parts.

    Attributes:
        n_tokens: most passage tokens of one window; a passage of no more is read in one piece. None: as many as the
            model reads beside the query.
        n_overlap: about how many tokens of a window are those of the one before, at most half of it, so that no text is
            read more than twice; None: an eighth.
        by: the passage's raw output is the largest of its windows, the mean of the `top_k` largest, or the first.
        top_k: matters for `mean` only.

    Raises:
        InvalidInput: numbers that make no windows.
    """

    n_tokens: int | None = None
    n_overlap: int | None = None
    by: By = "max"
    top_k: int = TOP_K

    def __post_init__(self) -> None:
        if self.n_tokens is not None and self.n_tokens < LEAST_TOKENS:
            raise InvalidInput(
                "A window of {n} tokens is too short to be judged. Use at least {least}, or leave it empty: as many as "
                "fit.",
                n=self.n_tokens,
                least=LEAST_TOKENS,
            )
        if self.n_overlap is not None and self.n_overlap < 0:
            raise InvalidInput("The overlap of windows cannot be below zero.")
        if self.n_tokens is not None and self.n_overlap is not None and self.n_overlap > self.n_tokens // 2:
            raise overlap_too_long(self.n_overlap, self.n_tokens)
        if self.by not in get_args(By):
            raise InvalidInput("Windows are scored by max, mean or first, not by {by!r}.", by=self.by)
        if self.top_k < 1:
            raise InvalidInput("The mean of the best windows needs at least one window.")

    @property
    def as_run(self) -> Windows:
        """The same without what changes no number: two that score alike are equal."""
        n_overlap = self.n_overlap
        if n_overlap is None and self.n_tokens is not None:
            n_overlap = self.n_tokens // OVERLAP_SHARE
        return replace(self, n_overlap=n_overlap, top_k=self.top_k if self.by == "mean" else 1)

    @property
    def scored_by(self) -> tuple[By, int]:
        """How one number is made of several."""
        return self.by, self.top_k if self.by == "mean" else 1

    def __str__(self) -> str:
        size = "as long as fits" if self.n_tokens is None else f"of {self.n_tokens} tokens"
        overlap = "" if self.n_overlap is None else f", overlap {self.n_overlap}"
        by = f"mean of the best {self.top_k}" if self.by == "mean" else self.by
        return f"windows {size}{overlap}, {by}"


@dataclass(frozen=True, slots=True)
class Window:
    """One window of a passage: characters `start` to `end` of its text, and its raw float32 output."""

    start: int
    end: int
    logit: float


@dataclass(frozen=True, slots=True)
class WindowsRead:
    """What a passage was read in.

    Attributes:
        windows: in the order of the text.
        best: places of those that made the passage's raw output, the largest output first.
    """

    windows: tuple[Window, ...]
    best: tuple[int, ...]

    @property
    def won(self) -> Window:
        return self.windows[self.best[0]]


def overlap_too_long(n_overlap: int, n_tokens: int) -> InvalidInput:
    return InvalidInput(
        "An overlap of {overlap} tokens is more than half of a window of {n}. Choose at most {most}.",
        overlap=n_overlap,
        n=n_tokens,
        most=n_tokens // 2,
    )


def windows_of(record: Mapping[str, Any] | None) -> Windows | None:
    """What `dataclasses.asdict` made of windows.

    Raises:
        InvalidInput, TypeError: it is no record of windows.
    """
    return None if record is None else Windows(**record)


def told(record: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a choice or a spec with its windows as such; records from before windows have none.

    Raises:
        InvalidInput, TypeError: as `windows_of`.
    """
    return {**record, "windows": windows_of(record.get("windows"))}

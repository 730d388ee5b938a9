"""Lasting warnings on a result: true sentences that a reader of its numbers should have seen.

Each is an English template filled with values, as the errors are. A result carries the filled sentence; the page finds
the template again to say it in another language.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from playground.core.errors import PlaygroundError
from playground.core.types import Check, EncodedPair, RerankRequest, ScoredPassage
from playground.models import catalog
from playground.models.named import split
from playground.remote.connect import Remote

CHECK_WARNED = "The check {name!r} at load is off: {detail}"
QUERY_CUT = "The query is longer than this model can read beside a passage: its last {n} tokens were cut."
QUERY_CUT_ALONE = "The query is longer than this model can read: its last {n} tokens were cut."
INSTRUCTION_LEFT_OUT = "BM25 reads no instruction: the one given was left out."
WINDOWS_LEFT_OUT = "BM25 reads passages of any length, so windows change nothing."
WINDOWS_SHORTER = (
    "Windows of {asked} tokens do not fit (the query and the model's own marks take room), so they have {n}."
)
WINDOWS_UNREAD = "Passages of more than {most} windows: {n}. What comes after those was not read; use longer windows."
NOT_ENGLISH = (
    "This model reads English, and {percent} % of the letters in the {where} are not Latin. Expect poor scores."
)
ALL_EQUAL = "All {n} scores are equal, so the order says nothing."
UNSEEN = "Scored at {at}: which weights gave these numbers, and how much of each passage they read, is not known here."
SETTINGS_LEFT_OUT = "{at} decides how its model reads: maximum length, windows and instruction were left out."
SERVER_LEFT_OUT = "One server was left out, and others took over its passages. {reason}"
BILLED = "{at} bills for this: {units}."

# Above this share of letters outside the Latin script a text is hardly English with a name or a formula in it.
FOREIGN_SHARE = 0.3
# Looked at in all, shared by the texts: enough to tell, and a few milliseconds.
SAMPLE_CHARS = 200_000
LAST_LATIN_EXTENDED = 0x24F


def about_request(request: RerankRequest, model_id: str) -> tuple[str, ...]:
    """Said where the catalogue knows that the model reads English only, and the request is in another language."""
    entry = catalog.find(split(model_id).name)
    return tuple(_not_english(request)) if entry is not None and entry.languages == ("en",) else ()


def of_checks(checks: Sequence[Check]) -> tuple[str, ...]:
    """What the check at load found off."""
    warned = (check for check in checks if check.status == "warned")
    return tuple(CHECK_WARNED.format(name=check.name, detail=check.detail) for check in warned)


def about_scores(pairs: Sequence[EncodedPair | None], scored: Sequence[ScoredPassage]) -> tuple[str, ...]:
    """What the encoding and the scores themselves show."""
    n_query_cut = max((pair.n_query_cut for pair in pairs if pair is not None), default=0)
    cut = (QUERY_CUT.format(n=n_query_cut),) if n_query_cut else ()
    return (*cut, *about_equal_scores(len(pairs), scored))


def about_remote(remote: Remote, left_out: Sequence[PlaygroundError], billed: Mapping[str, float]) -> tuple[str, ...]:
    """What is to be known of scores that came from elsewhere."""
    seen = () if remote.spec.fingerprint == remote.told.fingerprint else (UNSEEN.format(at=remote.at),)
    units = ", ".join(f"{n:g} {unit.replace('_', ' ')}" for unit, n in billed.items() if n)
    paid = (BILLED.format(at=remote.at, units=units),) if units else ()
    return (*seen, *(SERVER_LEFT_OUT.format(reason=error) for error in left_out), *paid)


def about_query(encoded: EncodedPair | None) -> tuple[str, ...]:
    """What the encoding of a query that is read alone shows."""
    return (QUERY_CUT_ALONE.format(n=encoded.n_cut),) if encoded is not None and encoded.n_cut else ()


def about_equal_scores(n_passages: int, scored: Sequence[ScoredPassage]) -> tuple[str, ...]:
    """Said where all passages are scored and none stands out."""
    if len(scored) == n_passages > 1 and len({passage.logit for passage in scored}) == 1:
        return (ALL_EQUAL.format(n=n_passages),)
    return ()


def foreign_share(texts: Sequence[str]) -> float:
    """Share of the letters outside the Latin script, in the beginnings of the texts; 0 without letters."""
    if all(map(str.isascii, texts)):
        return 0.0
    letters = [char for text in texts for char in text[: SAMPLE_CHARS // len(texts)] if char.isalpha()]
    return sum(not _is_latin(char) for char in letters) / len(letters) if letters else 0.0


def _is_latin(char: str) -> bool:
    code = ord(char)
    return (
        code <= LAST_LATIN_EXTENDED or 0x1E00 <= code <= 0x1EFF or 0x2C60 <= code <= 0x2C7F or 0xFF21 <= code <= 0xFF5A
    )


def _not_english(request: RerankRequest) -> list[str]:
    parts = {"query": [request.query], "passages": [passage.text for passage in request.passages]}
    shares = {where: foreign_share(texts) for where, texts in parts.items()}
    return [
        NOT_ENGLISH.format(percent=round(100 * share), where=where)
        for where, share in shares.items()
        if share > FOREIGN_SHARE
    ]

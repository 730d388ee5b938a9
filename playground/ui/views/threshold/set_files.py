"""Labelled sets between the page and files."""

from __future__ import annotations

import base64
import io
import re
import secrets
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime

from playground.core.labels import Label, LabelledQuery, LabelledSet
from playground.core.types import Passage
from playground.ui.components.asked import Asked
from playground.ui.views.threshold.labelled_set_in_view import MINE, PAGE, READY

SUFFIXES = (".jsonl", ".json", ".csv", ".tsv", ".parquet", ".txt", ".trec", ".qrels", ".run", ".gz", ".zip")
MIMES = {".csv": "text/csv;charset=utf-8", ".json": "application/json", ".jsonl": "application/x-ndjson"}
NAMES = {id: id for id in READY} | {MINE: "my-labels"}
MAX_NAME_CHARS = 60


def page_set(asked: Asked) -> LabelledSet:
    """The workspace as a set of one query, with the labels that its input carried; empty while it has no pairs.

    Raises:
        InvalidInput: the text cannot be split in the way chosen.
    """
    query, parsed = asked.read()
    if not query.strip() or not parsed.passages:
        return LabelledSet(PAGE, "", ())
    at = datetime.now(UTC)
    labels = tuple(_label(passage, at) for passage in parsed.passages)
    return LabelledSet(PAGE, "", (LabelledQuery("1", query, parsed.passages, labels),))


def same_texts(one: LabelledSet | None, other: LabelledSet) -> bool:
    """Whether two sets hold the same queries and passages; their labels do not matter."""
    return one is not None and _texts(one) == _texts(other)


def as_download(labelled: LabelledSet, kind: str, files: Mapping[str, str]) -> dict[str, str]:
    """What the browser makes a file of: the only text, or several in a zip."""
    name, nonce = file_name(labelled), secrets.token_hex(4)
    if len(files) == 1:
        (own, text), *_ = files.items()
        suffix = own[own.rfind(".") :] if "." in own else ""
        mime = MIMES.get(suffix, "text/plain;charset=utf-8")
        return {"name": f"{name}-{kind}{suffix}", "mime": mime, "text": text, "nonce": nonce}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for own, text in files.items():
            archive.writestr(own, text)
    data = base64.b64encode(packed.getvalue()).decode()
    return {"name": f"{name}-{kind}.zip", "mime": "application/zip", "base64": data, "nonce": nonce}


def file_name(labelled: LabelledSet) -> str:
    """A name that any file system takes."""
    plain = re.sub(r"[^\w.-]+", "-", labelled.name, flags=re.UNICODE).strip("-.")[:MAX_NAME_CHARS]
    return NAMES.get(labelled.id) or plain or "labelled-set"


def _label(passage: Passage, at: datetime) -> Label | None:
    return None if passage.label is None else Label(int(passage.label), "imported", at)


def _texts(labelled: LabelledSet) -> list[tuple[str, list[str]]]:
    return [(query.query, [passage.text for passage in query.passages]) for query in labelled.queries]

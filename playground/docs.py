"""The README's tables, from the code that they describe. `python -m playground.docs` rewrites them in place."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from pathlib import Path

from playground.cli import flags
from playground.core.limits import LOCAL, PUBLIC, Limits
from playground.models.catalog import CatalogEntry, entries

README = Path(__file__).resolve().parents[1] / "README.md"


def flags_table() -> str:
    """One row per flag of `launch.py`."""
    rows = []
    for flag in flags():
        values = " ".join(f"`{choice}`" for choice in flag.choices) or ("" if flag.boolean else f"`{flag.metavar}`")
        rows.append((f"`{flag.name}`", values, f"`{flag.variable}`", flag.default, flag.description))
    return _table(("flag", "value", "variable", "default", "what it does"), rows)


def models_table() -> str:
    """One row per checkpoint of the catalogue, built-in ones first."""
    rows = [
        (
            _link(entry),
            entry.kind,
            f"{entry.n_parameters / 1e6:,.0f} M",
            "comes with the project" if entry.built_in else f"{entry.download_mib:,.0f} MiB",
            f"{entry.max_length:,}",
            ", ".join(entry.languages),
            entry.scale,
            entry.licence,
        )
        for entry in sorted(entries(), key=lambda entry: not entry.built_in)
    ]
    return _table(("model", "kind", "parameters", "download", "tokens", "languages", "scale", "licence"), rows)


def limits_table() -> str:
    """One row per limit: on one's own machine, and with `--public`."""
    names = {"passages": "passages", "passage_chars": "characters in a passage"}
    names |= {
        "models": "models beside each other",
        "query_chars": "characters in a query",
        "total_chars": "characters in all",
        "pairs": "pairs in a labelled set",
        "set_chars": "characters of all passages of a labelled set",
        "corpus_passages": "passages of a corpus",
        "corpus_bytes": "bytes of a corpus",
        "corpus_file_bytes": "bytes of a file of a corpus",
        "corpora": "corpora of one visitor",
    }
    rows = [
        (
            names.get(field.name, field.name.replace("_", " ")),
            f"{getattr(LOCAL, field.name):,}",
            f"{getattr(PUBLIC, field.name):,}",
        )
        for field in fields(Limits)
    ]
    return _table(("at most, in one run", "on your machine", "with `--public`"), rows)


def _link(entry: CatalogEntry) -> str:
    return f"`{entry.id}`" if entry.built_in else f"[{entry.id}](https://huggingface.co/{entry.id})"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


TABLES: dict[str, Callable[[], str]] = {"flags": flags_table, "models": models_table, "limits": limits_table}


def rewrite(text: str) -> str:
    """`text` with each table between its markers made anew.

    Raises:
        ValueError: a table has no pair of markers.
    """
    for name, table in TABLES.items():
        begin, end = f"<!-- {name}: python -m playground.docs -->\n", f"<!-- /{name} -->"
        if text.count(begin) != 1 or text.count(end) != 1:
            raise ValueError(f"the README has no place for the table {name!r}: put {begin.strip()} and {end} around it")
        before, rest = text.split(begin)
        text = f"{before}{begin}{table()}\n{end}{rest.split(end)[1]}"
    return text


def main() -> int:
    """Rewrites the README; with `--check` only says, by the exit status, whether it would change."""
    parser = argparse.ArgumentParser(prog="python -m playground.docs", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit with 1 where a table is out of date")
    check = parser.parse_args().check
    before = README.read_text(encoding="utf-8")
    after = rewrite(before)
    if check:
        return int(after != before)
    README.write_text(after, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

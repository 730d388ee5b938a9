"""Texts as cells that no spreadsheet takes for a formula. Source: OWASP, "CSV Injection"."""

from __future__ import annotations

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def safe_cell(text: str) -> str:
    """The text with an apostrophe before what would be a formula."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text

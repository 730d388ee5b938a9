"""See what a reranker does, and choose a threshold you can trust.

>>> from playground import rerank
>>> for passage in rerank("what is panda?", ["hi", "The giant panda is a bear."]):  # doctest: +SKIP
...     print(passage.rank, passage.logit, passage.passage.text)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playground.core.windows import Windows
    from playground.engine.python_api import compare, embed, rerank, score_set

__all__ = ["Windows", "__version__", "compare", "embed", "rerank", "score_set"]
__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    # On first use only: the page's process reads its version here and needs no engine for it.
    if name in ("compare", "embed", "rerank", "score_set"):
        from playground.engine import python_api

        return getattr(python_api, name)
    if name == "Windows":
        from playground.core.windows import Windows

        return Windows
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""What precision `auto` takes on a CPU: the fastest that keeps the order of real texts, and why.

int8 is tried where the processor multiplies it natively and the layers of the model are wide enough to gain by it. It
is taken where, on the example texts, it orders as fp32 does. Both findings are kept for the next start.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, Final

import torch
from scipy.stats import kendalltau
from torch import nn

from playground.core.types import Check, PrecisionName
from playground.models import linears, measured
from playground.models.devices import cpu_has_int8, processor
from playground.models.resolve import Resolved
from playground.models.spec import fingerprint_of
from playground.paths import ASSETS

# Beyond this size the fp32 scores that the verdict needs take more memory and time than they are worth.
MOST_PARAMETERS = 1_000_000_000
# Kendall's tau between the orders of fp32 and int8, the passages at the top that must be the same, and the largest
# drift of a score as a share of the range of all.
LEAST_TAU, TOP, MOST_DRIFT = 0.98, 10, 0.05
# How much faster the layers must be before an order is risked for it.
LEAST_GAIN = 1.15
# Narrower layers gain less than their quantising costs (MiniLM, 384 wide, is faster in bf16).
LEAST_WIDTH = 512
# Passages of the canary; the shortest ones, since the verdict is waited for.
N_PASSAGES = 24
_TOKENS, _ROUNDS, _STEADY = 256, 8, 1.3
# Names that configs give the width of the hidden states, and of what is between them.
_WIDTHS = ("hidden_size", "dim", "d_model")
_INNER = ("intermediate_size", "hidden_dim", "d_ff")

Scores = list[list[float]]
Make = Callable[[PrecisionName], Any]

NAME = "Precision taken"
PLAIN = "{here}: int8 is not tried for this model on this processor"
SLOW = "{here}: int8 would be {times} times as fast here, too little to risk the order"
UNTRIED = "int8: {times} times as fast as {default} here; nothing says whether it keeps the order"
KEEPS = "int8: its layers are {times} times as fast as in {default}, and it orders as fp32 (tau {tau}, drift {drift})"
CHANGES = "{default}: int8 would be {times} times as fast, but changes the order (tau {tau}, drift {drift})"


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the scores of a coarser precision compare with those of fp32.

    Attributes:
        tau: Kendall's, the lowest of all queries.
        same_top: passages of the first `TOP` that are the same, the fewest of all queries.
        drift: largest difference of a score, as a share of the range of fp32's.
    """

    tau: float
    same_top: int
    drift: float

    @property
    def keeps(self) -> bool:
        return self.tau >= LEAST_TAU and self.same_top >= TOP and self.drift <= MOST_DRIFT


def gain(config: Mapping[str, Any], precision: PrecisionName) -> float:
    """How many times as fast the linear layers of such a model are in int8 as in this precision, on this CPU.

    Kept for the next start, unless something else kept the machine busy meanwhile.
    """
    width = _width(config)
    inner = next((int(config[name]) for name in _INNER if name in config), 4 * width)
    key = f"{_here()}, {width}, {inner}, {precision}"
    known = measured.get("int8-gain-1", key)
    if not isinstance(known, float):
        known, steady = _timed(width, inner, precision)
        if steady:
            measured.put("int8-gain-1", key, known)
    return known


def chosen(
    resolved: Resolved,
    default: PrecisionName,
    make: Make,
    before_scoring: Callable[[], None],
    keeps: bool | None = None,
) -> tuple[Any, Check]:
    """The model in int8 where that is faster and keeps the order, else in `default`; and what was found.

    Args:
        make: loads the model in a precision.
        before_scoring: called before the first forward pass.
        keeps: takes this for the verdict on the order: random weights have none.

    Raises:
        ModelError: what `make` raises.
    """
    wide = _width(resolved.config) >= LEAST_WIDTH
    if not wide or not cpu_has_int8() or resolved.n_parameters > MOST_PARAMETERS:
        return make(default), _found(PLAIN, here=default)
    times = gain(resolved.config, default)
    if times < LEAST_GAIN:
        return make(default), _found(SLOW, here=default, times=f"{times:.2f}")
    if keeps is not None:
        return make("int8" if keeps else default), _found(UNTRIED, times=f"{times:.2f}", default=default)
    model, verdict = _verdict(resolved, make, before_scoring)
    found = {"times": f"{times:.2f}", "default": default, "tau": f"{verdict.tau:.3f}", "drift": f"{verdict.drift:.1%}"}
    if verdict.keeps:
        return model or make("int8"), _found(KEEPS, **found)
    # Two copies of the weights are in memory no longer than they must be.
    del model
    return make(default), _found(CHANGES, **found)


def _verdict(resolved: Resolved, make: Make, before_scoring: Callable[[], None]) -> tuple[Any, Verdict]:
    """(the model in int8 where it had to be loaded, how it compares with fp32)."""
    key = f"{_here()}, {fingerprint_of(resolved)}"
    known = measured.get("int8-verdict-1", key)
    if isinstance(known, dict):
        return None, Verdict(**known)
    exact_model = make("fp32")
    before_scoring()
    exact = canary_scores(exact_model, resolved)
    del exact_model
    model = make("int8")
    verdict = compared(exact, canary_scores(model, resolved))
    measured.put("int8-verdict-1", key, asdict(verdict))
    return model, verdict


def _found(template: str, **values: str) -> Check:
    return Check(NAME, "passed", template.format(**values))


def compared(exact: Scores, coarse: Scores) -> Verdict:
    """Scores of the same passages for the same queries, in two precisions."""
    taus, tops, drifts = [], [], []
    for one, other in zip(exact, coarse, strict=True):
        taus.append(float(kendalltau(one, other).statistic))
        tops.append(len(_top(one) & _top(other)) + max(0, TOP - len(one)))
        spread = max(one) - min(one) or 1.0
        drifts.append(max(abs(a - b) for a, b in zip(one, other, strict=True)) / spread)
    # A tau of scores that are all equal is not a number, and keeps nothing.
    tau = min(taus) if all(tau == tau for tau in taus) else -1.0
    return Verdict(tau, min(tops), max(drifts))


def canary_scores(model: Any, resolved: Resolved) -> Scores:
    """The scores of the example texts, for each of the canary's queries."""
    scores = []
    for query, passages in _canary(_languages(resolved)):
        if resolved.kind == "embedder":
            asked = model.vectors(model.encode([query], model.query_instruction))
            read = model.vectors(model.encode(passages, model.spec.passage_instruction))
            scores.append([float(cosine) for cosine in read @ asked[0]])
        else:
            scores.append(model.logits(model.encode(query, passages)))
    return scores


def _canary(languages: Sequence[str]) -> list[tuple[str, list[str]]]:
    files = [json.loads(path.read_text(encoding="utf-8")) for path in sorted((ASSETS / "scenarios").glob("*.json"))]
    texts = list(dict.fromkeys(passage["text"] for file in files for passage in file["passages"]))
    chinese: Final = [text for text in texts if any("\u4e00" <= letter <= "\u9fff" for letter in text)]
    latin = [text for text in texts if text not in chinese]
    found = []
    if "en" in languages:
        short = sorted(latin, key=len)[:N_PASSAGES]
        found += [(query, short) for query in dict.fromkeys(file["query"] for file in files[:3])]
    if "zh" in languages and chinese:
        found.append(("大熊猫吃什么？", sorted(chinese + latin, key=len)[:N_PASSAGES]))
    return found


def _languages(resolved: Resolved) -> tuple[str, ...]:
    known = resolved.entry.languages if resolved.entry is not None else ()
    return tuple(language for language in ("en", "zh") if language in known) or ("en",)


def _top(scores: Sequence[float]) -> set[int]:
    return set(sorted(range(len(scores)), key=lambda place: -scores[place])[:TOP])


def _width(config: Mapping[str, Any]) -> int:
    return next((int(config[name]) for name in _WIDTHS if name in config), 0)


def _timed(width: int, inner: int, precision: PrecisionName) -> tuple[float, bool]:
    """(the ratio of the shortest runs, in alternation; whether most runs were about as short)."""
    blocks = [_block(width, inner, each) for each in (precision, "int8")]
    runs: tuple[list[float], list[float]] = ([], [])
    for _ in range(_ROUNDS):
        for block, seconds in zip(blocks, runs, strict=True):
            start = time.perf_counter()
            block()
            seconds.append(time.perf_counter() - start)
    steady = all(median(seconds) < _STEADY * min(seconds) for seconds in runs)
    return min(runs[0]) / min(runs[1]), steady


def _block(width: int, inner: int, precision: PrecisionName) -> Callable[[], None]:
    """The products of one layer of an encoder, over one batch."""
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    layers = [(width, width)] * 4 + [(width, inner), (inner, width)]
    block = nn.ModuleList([nn.Linear(*layer, dtype=dtype) for layer in layers])
    linears.pack(block, "cpu", precision)
    x = torch.randn(_TOKENS, width, dtype=dtype)

    def run() -> None:
        with torch.inference_mode():
            *same, up, down = block
            for layer in same:
                layer(x)
            down(up(x))

    return run


def _here() -> str:
    return f"{processor()}, {torch.get_num_threads()} threads, torch {torch.__version__}"

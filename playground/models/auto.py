"""What precision `auto` takes on a CPU: the fastest that keeps the order of real texts, and why.

int8 is tried where the processor multiplies it natively and the layers of the model are wide enough to gain by it. It
is taken where, on the example texts, it orders as fp32 does. Both findings are kept for the next start.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from statistics import median
from typing import Any

import torch
import transformers
from scipy.stats import kendalltau
from torch import nn

from playground.core.speeds import LEAST_TAU, TOP
from playground.core.types import Check, Phase, PrecisionName
from playground.models import linears, measured
from playground.models.batching import pads, plan
from playground.models.devices import cpu_has_int8, processor
from playground.models.resolve import Resolved
from playground.models.spec import fingerprint_of
from playground.paths import ASSETS

# Beyond this size the fp32 scores that the verdict needs take more memory and time than they are worth.
MOST_PARAMETERS = 700_000_000
# The largest drift of a score as a share of the range of all.
MOST_DRIFT = 0.05
# How much faster the layers must be before an order is risked for it.
LEAST_GAIN = 1.15
# Narrower layers gain less than their quantising costs (MiniLM, 384 wide, is faster in bf16).
LEAST_WIDTH = 512
# Passages of the canary: mostly the shortest, since the verdict is waited for.
N_SHORT, N_LONG = 20, 4
_TOKENS, _ROUNDS, _STEADY = 256, 8, 1.3
# Names that configs give the width of the hidden states, and of what is between them.
_WIDTHS = ("hidden_size", "dim", "d_model")
_INNER = ("intermediate_size", "hidden_dim", "d_ff")

Scores = list[list[float]]
Make = Callable[[PrecisionName], Any]
Tell = Callable[[Phase], None]
# A query and passages.
Asked = tuple[str, list[str]]

NAME = "Precision taken"
PLAIN = "{here}: int8 is not tried for this model on this processor"
SLOW = "{here}: int8 would be {times} times as fast here, too little to risk the order"
BUSY = "{here}: the machine is too busy to time int8; the next load will try again"
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


def gain(config: Mapping[str, Any], precision: PrecisionName) -> float | None:
    """How many times as fast the linear layers of such a model are in int8 as in this precision, on this CPU.

    Kept for the next start; None where something else keeps the machine busy.
    """
    width = _width(config)
    inner = next((int(config[name]) for name in _INNER if name in config), 4 * width)
    key = f"{_here()}, {width}, {inner}, {precision}"
    known = measured.get("int8-gain-1", key)
    if isinstance(known, float):
        return known
    found = _timed(width, inner, precision)
    if found is not None:
        measured.put("int8-gain-1", key, found)
    return found


def chosen(
    resolved: Resolved,
    default: PrecisionName,
    make: Make,
    tell: Tell,
    keeps: bool | None = None,
) -> tuple[Any, Check]:
    """The model in int8 where that is faster and keeps the order, else in `default`; and what was found.

    Args:
        make: loads the model in a precision.
        tell: told "check" before anything is computed, so that it takes turns with other requests, and "load" before
            weights are read, which needs no turn.
        keeps: takes this for the verdict on the order: random weights have none.

    Raises:
        ModelError: what `make` raises.
    """
    wide = _width(resolved.config) >= LEAST_WIDTH
    if not wide or not (cpu_has_int8() and linears.multiplies_int8()) or resolved.n_parameters > MOST_PARAMETERS:
        return make(default), _found(PLAIN, here=default)
    tell("check")
    times = gain(resolved.config, default)
    tell("load")
    if times is None:
        return make(default), _found(BUSY, here=default)
    if times < LEAST_GAIN:
        return make(default), _found(SLOW, here=default, times=f"{times:.2f}")
    if keeps is not None:
        return make("int8" if keeps else default), _found(UNTRIED, times=f"{times:.2f}", default=default)
    model, verdict = _verdict(resolved, make, tell)
    found = {"times": f"{times:.2f}", "default": default, "tau": f"{verdict.tau:.3f}", "drift": f"{verdict.drift:.1%}"}
    if verdict.keeps:
        return model or make("int8"), _found(KEEPS, **found)
    # Two copies of the weights are in memory no longer than they must be.
    del model
    return make(default), _found(CHANGES, **found)


def _verdict(resolved: Resolved, make: Make, tell: Tell) -> tuple[Any, Verdict]:
    """(the model in int8 where it had to be loaded, how it compares with fp32)."""
    canary = _canary(_languages(resolved))
    key = f"{_here()}, transformers {transformers.__version__}, {fingerprint_of(resolved)}, {_digest(canary)}"
    known = measured.get("int8-verdict-1", key)
    if isinstance(known, dict) and known.keys() == {field.name for field in fields(Verdict)}:
        return None, Verdict(**known)
    model = make("fp32")
    exact = [_scores(model, resolved, query, tell) for query in canary]
    tell("load")
    del model
    model = make("int8")
    verdict = compared(exact, [_scores(model, resolved, query, tell) for query in canary])
    tell("load")
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


def _scores(model: Any, resolved: Resolved, asked: Asked, tell: Tell) -> list[float]:
    """Of the passages of one of the canary's queries."""
    query, passages = asked
    tell("check")
    if resolved.kind == "embedder":
        vector = model.vectors(model.encode([query], model.query_instruction))[0]
        read = model.vectors(model.encode(passages, model.spec.passage_instruction))
        return [float(cosine) for cosine in read @ vector]
    encoded = model.encode(query, passages)
    logits: dict[int, float] = {}
    for batch in plan([len(pair.input_ids) for pair in encoded], _TOKENS, pads=pads(model)):
        logits |= zip(batch, model.logits([encoded[place] for place in batch]), strict=True)
    return [logits[place] for place in range(len(encoded))]


def _canary(languages: Sequence[str]) -> list[Asked]:
    """Queries of the example scenarios, each with passages of all of them."""
    files = [json.loads(path.read_text(encoding="utf-8")) for path in sorted((ASSETS / "scenarios").glob("*.json"))]
    texts = list(dict.fromkeys(passage["text"] for file in files for passage in file["passages"]))
    chinese = [text for text in texts if any("\u4e00" <= letter <= "\u9fff" for letter in text)]
    latin = sorted((text for text in texts if text not in chinese), key=len)
    found: list[Asked] = []
    if "en" in languages:
        passages = [*latin[:N_SHORT], *latin[-N_LONG:]]
        found += [(query, passages) for query in dict.fromkeys(file["query"] for file in files[:3])]
    if "zh" in languages:
        found.append(("大熊猫吃什么？", [*chinese, *latin][: N_SHORT + N_LONG]))
    return found


def _languages(resolved: Resolved) -> tuple[str, ...]:
    """Those of the canary that the model reads, as far as that is known."""
    known = resolved.entry.languages if resolved.entry is not None else ()
    return tuple(language for language in ("en", "zh") if language in known) or ("en", "zh")


def _digest(canary: Sequence[Asked]) -> str:
    return hashlib.sha256(json.dumps(canary, ensure_ascii=False).encode()).hexdigest()[:16]


def _top(scores: Sequence[float]) -> set[int]:
    return set(sorted(range(len(scores)), key=lambda place: -scores[place])[:TOP])


def _width(config: Mapping[str, Any]) -> int:
    return next((int(config[name]) for name in _WIDTHS if name in config), 0)


def _timed(width: int, inner: int, precision: PrecisionName) -> float | None:
    """The ratio of the shortest runs, in alternation; None unless most runs were about as short."""
    blocks = [_block(width, inner, each) for each in (precision, "int8")]
    runs: tuple[list[float], list[float]] = ([], [])
    for _ in range(_ROUNDS):
        for block, seconds in zip(blocks, runs, strict=True):
            start = time.perf_counter()
            block()
            seconds.append(time.perf_counter() - start)
    steady = all(median(seconds) < _STEADY * min(seconds) for seconds in runs)
    return min(runs[0]) / min(runs[1]) if steady else None


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

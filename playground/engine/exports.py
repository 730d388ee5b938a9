"""The shown run as a file: a table, the full record, and Python that computes the same numbers."""

from __future__ import annotations

import csv
import io
import json

from playground.core.spreadsheet_cells import safe_cell
from playground.core.types import ModelChoice, Passage, RerankResult, ScoredPassage
from playground.core.windows import Windows
from playground.engine.manifest import manifest
from playground.remote.address import is_remote

# How far two runs of one model may lie apart: batches differ, and with them the last bits of each number format.
TOLERANCES = {"fp32": 1e-3, "fp16": 0.05, "bf16": 0.25, "int8": 0.5}
LOOSEST = 0.5


def to_csv(result: RerankResult) -> str:
    """One row per passage, best first, then those without a score. Text cells cannot become formulas.

    Write it with the encoding `utf-8-sig`, so that Excel reads it as UTF-8, and with `newline=""`.
    """
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(_header(result))
    for scored in result.scored:
        writer.writerow(_row(result, scored.index, scored.passage, scored))
    for index in result.missing:
        writer.writerow(_row(result, index, result.request.passages[index], None))
    return out.getvalue()


def to_json(result: RerankResult, choice: ModelChoice) -> str:
    """The full manifest."""
    return json.dumps(manifest(result, choice), ensure_ascii=False, indent=2) + "\n"


def to_snippet(result: RerankResult, choice: ModelChoice) -> str:
    """Python that runs the same request, prints rank and raw output, and fails where they are not the page's."""
    spec = result.spec
    remote = is_remote(spec.model_id)
    model = spec.model_id if spec.revision is None else f"{spec.model_id}@{spec.revision}"
    logits = {scored.index: scored.logit for scored in result.scored}
    tolerance = TOLERANCES.get(spec.precision, LOOSEST)
    passages = "".join(f"    {passage.text!r},\n" for passage in result.request.passages)
    shown = "".join(f"    {logits.get(index)!r},\n" for index in range(len(result.request.passages)))
    more = "" if spec.kind == "reranker" else f"\n    kind={spec.kind!r},"
    more += "" if choice.windows is None else f"\n    windows={choice.windows!r},"
    names = "rerank" if choice.windows is None else "Windows, rerank"
    warned = "".join(f"# {' '.join(warning.split())}\n" for warning in result.warnings)
    return f"""from playground import {names}

{warned}query = {result.request.query!r}
passages = [
{passages}]
# {result.scale.name} of each passage as the page showed it; None where the run was stopped before.
shown = [
{shown}]

result = rerank(
    query,
    passages,
    model={model!r},
    device={("auto" if remote else spec.device)!r},
    precision={("auto" if remote else spec.precision)!r},
    max_length={(None if remote else spec.max_length or None)!r},
    truncation={spec.truncation!r},
    instruction={result.request.instruction!r},{more}
)
for scored in result:
    print(scored.rank, scored.logit, " ".join(scored.passage.text.split())[:80])

differences = [abs(scored.logit - shown[scored.index]) for scored in result if shown[scored.index] is not None]
print(f"largest difference from the page: {{max(differences, default=0.0):.2g}}")
# {"A server" if remote else spec.precision} rounds differently in another batch or on another machine.
assert max(differences, default=0.0) <= {tolerance!r}, "these are not the page's numbers"
"""


def reading(windows: Windows | None) -> str:
    """What became of long passages, as a cell."""
    return "cut" if windows is None else str(windows)


def window_cells(scored: ScoredPassage | None) -> list[str]:
    """How many windows a passage was read in, and the first and last character of the one that won, from 1.

    Empty where it was read in one piece.
    """
    if scored is None or scored.windows is None:
        return ["", "", ""]
    won = scored.windows.won
    return [str(len(scored.windows.windows)), str(won.start + 1), str(won.end)]


def _header(result: RerankResult) -> list[str]:
    shown = ["sigmoid"] if result.scale.activation == "sigmoid" else []
    places = ["rank", "tied", "input_place", "passage_id"]
    run = ["model", "revision", "device", "precision", "max_length", "long_passages", "instruction"]
    run += ["passage_instruction"]
    return [
        *places,
        result.scale.name,
        *shown,
        "tokens_read",
        "tokens_cut",
        "windows",
        "window_from",
        "window_to",
        "label",
        "passage",
        "query",
        *run,
        "warnings",
    ]


def _row(result: RerankResult, index: int, passage: Passage, scored: ScoredPassage | None) -> list[str]:
    spec = result.spec
    shown = result.scale.activation == "sigmoid"
    numbers = ["", ""] if shown else [""]
    if scored is not None:
        numbers = [repr(scored.logit), repr(scored.score)] if shown else [repr(scored.logit)]
    label = {True: "1", False: "0", None: ""}[passage.label]
    return [
        *(["", ""] if scored is None else [str(scored.rank), "1" if scored.tied else "0"]),
        str(index + 1),
        safe_cell(passage.id),
        *numbers,
        *(["", ""] if scored is None else ["" if n is None else str(n) for n in (scored.n_tokens, scored.n_cut)]),
        *window_cells(scored),
        label,
        safe_cell(passage.text),
        safe_cell(result.request.query),
        *(safe_cell(text) for text in (spec.model_id, spec.revision or "", spec.device, spec.precision)),
        str(spec.max_length),
        safe_cell(reading(spec.windows)),
        *(safe_cell(text) for text in (result.instruction, spec.passage_instruction)),
        safe_cell(" ".join(result.warnings)),
    ]

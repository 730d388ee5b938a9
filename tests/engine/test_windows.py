"""Passages that are too long, read in windows: the number of a passage is made of the numbers of its pieces."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from playground.core.errors import InvalidInput
from playground.core.labels import LabelledQuery, LabelledSet
from playground.core.types import Kind, ModelChoice, Passage, RerankRequest, RerankResult, TokenCount
from playground.core.windows import Windows
from playground.engine import comparison_record, threshold_files, windows
from playground.engine.engine import Engine
from playground.engine.exports import to_csv, to_snippet
from playground.engine.manifest import from_manifest, manifest
from playground.engine.set_scoring import collected
from playground.engine.snippets import snippet
from playground.history.domain import scorer_key, spec_of, to_json
from playground.inputs.scenarios import load_all
from playground.models.catalog import BUILT_IN_EMBEDDER, BUILT_IN_RERANKER
from playground.ui.components.progress_line import step_of
from tests import checkpoints, checkpoints_apart, embedder_checkpoints
from tests.engine.doubles import CHOICE, Shelf, numbered, request_of, run, steps
from tests.engine.embedders import EMBED, EmbedderShelf
from tests.engine.saved_thresholds import on

# Of the double, whose words are tokens: 62 of 64 fit beside a query of one word.
LONG = " ".join(f"word{n}" for n in range(100))
IN_WINDOWS = replace(CHOICE, windows=Windows())
SMALL = Windows(20, 5)
QUERY = "how do I reset the coffee machine?"


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def engine(shelf: Shelf) -> Engine:
    return Engine(load_scorer=shelf, load_embedder=EmbedderShelf())


@pytest.fixture(scope="module")
def real() -> Engine:
    return Engine(offline=True)


def chapter() -> tuple[Passage, ...]:
    return next(each for each in load_all() if each.id == "past-the-cut").passages


def logits_of(engine: Engine, query: str, texts: Sequence[str], choice: ModelChoice) -> list[float]:
    found = run(engine, request_of(query, *texts), choice)
    return [one.logit for one in sorted(found.scored, key=lambda one: one.index)]


def texts_of(result: RerankResult, place: int = 0) -> list[str]:
    one = next(one for one in result.scored if one.index == place)
    assert one.windows is not None
    return [one.passage.text[each.start : each.end] for each in one.windows.windows]


def test_an_embedders_own_words_before_a_passage_take_no_room_of_a_window(real: Engine, tmp_path: Path) -> None:
    folder = embedder_checkpoints.tiny_bert_embedder(
        tmp_path / "m", prompts={"document": "a passage to be found: " * 2}
    )
    choice = ModelChoice(str(folder), kind="embedder", device="cpu", max_length=64, windows=Windows(20, 0))
    found = run(real, request_of("panda", "bear " * 20, "bear " * 21), choice)
    whole, windowed = sorted(found.scored, key=lambda one: one.index)
    assert (whole.windows, whole.n_cut, windowed.n_cut) == (None, 0, 0)
    assert texts_of(found, windowed.index) == [("bear " * 20).strip(), "bear"]


def test_what_lies_past_the_cut_counts_and_the_window_that_holds_it_is_named(engine: Engine) -> None:
    cut = run(engine, request_of("panda", f"{LONG} panda", "a panda"))
    read = run(engine, request_of("panda", f"{LONG} panda", "a panda"), IN_WINDOWS)
    assert [one.n_cut for one in cut] == [0, 39]
    (short, long) = read.scored
    assert short.windows is None
    assert short.logit == cut.scored[0].logit
    assert (long.n_tokens, long.n_cut, long.n_chars_read) == (101, 0, len(f"{LONG} panda"))
    assert long.windows is not None
    assert len(long.windows.windows) == 2
    assert long.windows.best == (1,)
    assert long.passage.text[long.windows.won.start : long.windows.won.end].endswith("word99 panda")
    assert long.logit == long.windows.won.logit > cut.scored[1].logit
    assert read.spec.windows == Windows(top_k=1)
    assert read.warnings == ()


@pytest.mark.parametrize("choice", [CHOICE, replace(CHOICE, truncation="longest_first"), EMBED])
def test_a_passage_that_fits_scores_exactly_as_uncut(engine: Engine, choice: ModelChoice) -> None:
    cut = run(engine, request_of("red panda", *numbered(9)), choice)
    read = run(engine, request_of("red panda", *numbered(9)), replace(choice, windows=Windows()))
    assert read.scored == tuple(replace(one, cached=True) for one in cut.scored)


MAKES: dict[str, tuple[Callable[[Path], Path] | str, Kind]] = {
    "cross-encoder": (BUILT_IN_RERANKER, "reranker"),
    "embedder": (BUILT_IN_EMBEDDER, "embedder"),
    "causal": (checkpoints.tiny_qwen3, "reranker"),
    "bge-m3": (checkpoints_apart.tiny_m3, "reranker"),
    "t5": (checkpoints.tiny_t5, "reranker"),
    "xlmr": (checkpoints.tiny_xlmr, "reranker"),
}
NAMES = {"causal": "Qwen3-Reranker-0.6B", "t5": "monot5-base", "bge-m3": "bge-m3", "xlmr": "xlmr"}
CHINESE = "打开设置页面，选择安全，然后点击重置按钮。咖啡机要先关掉！然后等一会儿。" * 30


@pytest.mark.parametrize("family", MAKES)
def test_a_passage_scores_as_its_pieces_scored_by_hand(family: str, real: Engine, tmp_path: Path) -> None:
    make, kind = MAKES[family]
    model = make if isinstance(make, str) else str(make(tmp_path / NAMES[family]))
    model += "#mode=dense" if family == "bge-m3" else ""
    choice = ModelChoice(model, kind=kind, precision="fp32", max_length=256)
    passages = [chapter()[2].text[:2500], CHINESE]
    scoring = Windows(96, 20)
    largest = run(real, request_of(QUERY, *passages), replace(choice, windows=scoring))
    assert not any("indow" in warning for warning in largest.warnings)
    for one in largest.scored:
        pieces = texts_of(largest, one.index)
        alone = logits_of(real, QUERY, pieces, choice)
        assert one.windows is not None
        assert len(pieces) > 4
        assert [each.logit for each in one.windows.windows] == pytest.approx(alone, abs=2e-4)
        assert one.logit == max(each.logit for each in one.windows.windows)
        assert all(piece.n_cut == 0 and piece.n_tokens <= 96 for piece in run(real, request_of(QUERY, *pieces), choice))
        for by, top_k, count in (("mean", 3, 3), ("first", 3, 1), ("mean", 99, len(pieces))):
            asked = replace(choice, windows=replace(scoring, by=by, top_k=top_k))  # type: ignore[arg-type]
            other = next(o for o in run(real, request_of(QUERY, *passages), asked) if o.index == one.index)
            raw = [each.logit for each in one.windows.windows]
            best = sorted(raw, reverse=True)[:count] if by == "mean" else raw[:1]
            assert other.logit == float(np.float32(np.mean(best, dtype=np.float64)))
            assert other.windows is not None
            assert [raw[place] for place in other.windows.best] == best


def test_the_answer_past_the_cut_climbs_with_the_built_in_reranker(real: Engine) -> None:
    request = RerankRequest("How do I reset the coffee machine to factory settings?", chapter())
    ranks = {}
    for asked in (None, Windows(), Windows(128, 16)):
        result = run(real, request, ModelChoice(BUILT_IN_RERANKER, precision="fp32", windows=asked))
        long = next(one for one in result if one.passage.id == "whole-chapter")
        ranks[asked] = long.rank
        assert long.n_cut == (0 if asked else 243)
        if long.windows is not None:
            assert (
                "reset it to the factory settings" in long.passage.text[long.windows.won.start : long.windows.won.end]
            )
    assert list(ranks.values()) == [7, 2, 2]


def test_an_edit_of_one_part_scores_only_its_windows_again(shelf: Shelf, engine: Engine) -> None:
    choice = replace(CHOICE, windows=SMALL)
    first = run(engine, request_of("panda", LONG), choice)
    n_windows = len(texts_of(first))
    assert (n_windows, shelf.scorer.n_forwards, first.n_cached) == (7, 7, 0)
    again = run(engine, request_of("panda", LONG.replace("word50 word51", "panda panda")), choice)
    assert shelf.scorer.n_forwards == 8
    assert again.n_cached == 0
    assert again.scored[0].windows is not None
    assert again.scored[0].windows.best == (3,)
    assert run(engine, request_of("panda", LONG), choice).n_cached == 1
    # Scored by another rule, the windows are the same.
    assert run(engine, request_of("panda", LONG), replace(CHOICE, windows=replace(SMALL, by="mean"))).n_tokens == 0


def test_progress_counts_passages_and_shows_none_before_all_its_windows_are_scored(engine: Engine) -> None:
    texts = ["a panda", *(f"{LONG} {n}" for n in range(3))]
    said = steps(engine, request_of("panda", *texts), replace(CHOICE, windows=SMALL, batch_tokens=50))
    scoring = [step for step in said if step.phase in ("score", "done")]
    assert {step.total for step in scoring} == {4}
    assert sorted({step.done for step in scoring}) == [0, 1, 2, 3, 4]
    assert (scoring[0].windows, scoring[-2].windows, scoring[-1].windows) == ((0, 21), (21, 21), None)
    assert [said.get("bar") for said in map(step_of, scoring[:1])] == [{"done": 0, "total": 21}]
    for step in scoring:
        if step.result is not None:
            assert len(step.result) == step.done
            assert len(step.result.missing) == 4 - step.done


def test_stop_ends_a_passage_of_a_hundred_thousand_tokens_within_a_batch(shelf: Shelf, engine: Engine) -> None:
    stop = threading.Event()
    shelf.change["before_forward"] = stop.set
    request = request_of("panda", " ".join(f"w{n}" for n in range(100_000))[:200_000], "a panda")
    *_, last = engine.rerank(request, IN_WINDOWS, stop=stop)
    assert last.phase == "stopped"
    assert last.result is not None
    assert [one.index for one in last.result] == [1]
    assert last.result.missing == (0,)
    assert shelf.scorer.batches == [1]


def test_more_windows_than_may_be_leave_the_end_unread_and_say_so(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(windows, "MOST_WINDOWS", 3)
    result = run(engine, request_of("panda", f"{LONG} panda", "a panda"), replace(CHOICE, windows=SMALL))
    long = result.scored[1]
    assert long.windows is not None
    assert (len(long.windows.windows), long.n_tokens, long.n_cut) == (3, 50, 51)
    assert long.n_chars_read == long.windows.windows[-1].end
    assert result.warnings == (
        "Passages of more than 3 windows: 1. What comes after those was not read; use longer windows.",
    )
    monkeypatch.setattr(windows, "MOST_TOGETHER", 5)
    with pytest.raises(InvalidInput, match="more than 5 windows together"):
        run(engine, request_of("panda", LONG, LONG), replace(CHOICE, windows=SMALL))


def test_windows_that_do_not_fit_beside_the_query_are_shorter_and_the_result_says_so(engine: Engine) -> None:
    query = " ".join(f"q{n}" for n in range(30))
    result = run(engine, request_of(query, LONG), replace(CHOICE, windows=Windows(40, 20)))
    assert result.warnings == (
        "Windows of 40 tokens do not fit (the query and the model's own marks take room), so they have 33.",
    )
    assert max(len(text.split()) for text in texts_of(result)) == 33
    endless = "x" * 500
    assert run(engine, request_of(query, endless), replace(CHOICE, windows=Windows(40, 20))).scored[0].windows is None


@pytest.mark.parametrize(
    ("asked", "query", "said"),
    [
        (Windows(65), "panda", "overlap reads 64 tokens at once, so a window of 65 cannot be"),
        (
            Windows(n_overlap=32),
            "panda",
            "An overlap of 32 tokens is more than half of a window of 62. Choose at most 31",
        ),
        (Windows(), LONG, "The query leaves 15 of 64 tokens for a passage, too few for a window"),
    ],
)
def test_windows_that_cannot_be_are_refused_in_one_sentence(
    engine: Engine, asked: Windows, query: str, said: str
) -> None:
    choice = replace(CHOICE, windows=asked)
    with pytest.raises(InvalidInput, match=said):
        run(engine, request_of(query, LONG), choice)
    if asked.n_overlap is None:
        with pytest.raises(InvalidInput, match=said):
            engine.count(query, [LONG], choice)


def test_numbers_that_make_no_windows_are_refused() -> None:
    for asked, said in (
        ({"n_tokens": 15}, "A window of 15 tokens is too short"),
        ({"n_tokens": 0}, "A window of 0 tokens is too short"),
        ({"n_overlap": -1}, "cannot be below zero"),
        ({"n_tokens": 100, "n_overlap": 51}, "An overlap of 51 tokens is more than half of a window of 100"),
        ({"by": "min"}, "not by 'min'"),
        ({"top_k": 0}, "at least one window"),
    ):
        with pytest.raises(InvalidInput, match=said):
            Windows(**asked)  # type: ignore[arg-type]


def test_the_live_line_tells_windows_from_cut(engine: Engine) -> None:
    run(engine, request_of("panda", "hi"))
    texts = [LONG, "a panda"]
    assert engine.count("panda", texts, CHOICE) == TokenCount(2, 102, 1, 0)
    assert engine.count("panda", texts, IN_WINDOWS) == TokenCount(2, 102, 0, 1)


def test_bm25_reads_all_and_says_that_windows_change_nothing(engine: Engine) -> None:
    result = run(engine, request_of("panda", LONG, "a panda"), ModelChoice("bm25", windows=Windows()))
    assert result.warnings == ("BM25 reads passages of any length, so windows change nothing.",)
    assert result.spec.windows is None


@pytest.mark.parametrize("choice", [CHOICE, EMBED])
def test_a_labelled_set_is_scored_as_runs_of_its_queries_are(engine: Engine, choice: ModelChoice) -> None:
    asked = replace(choice, windows=SMALL, batch_tokens=60)
    passages = tuple(Passage(str(n), text) for n, text in enumerate((LONG, "a panda", f"{LONG} panda")))
    queries = tuple(LabelledQuery(q, q, passages, (None,) * 3) for q in ("panda", "word5 word6"))
    labelled = LabelledSet("", "", queries)
    found = collected(labelled, engine.score_set(labelled, asked))
    assert found is not None
    assert found.spec.windows == replace(SMALL, top_k=1)
    for query, row in zip(queries, found.logits, strict=True):
        result = run(engine, RerankRequest(query.query, passages), asked)
        assert list(row) == [one.logit for one in sorted(result.scored, key=lambda one: one.index)]


def test_cut_and_windows_stand_beside_each_other_under_names_of_their_own(engine: Engine) -> None:
    from playground.analysis.naming import run_names

    *_, last = engine.compare(request_of("panda", f"{LONG} panda", "hi"), [CHOICE, IN_WINDOWS])
    assert run_names(last.comparison.runs) == ("overlap · cut", "overlap · windows")
    *_, both = engine.compare(request_of("panda", LONG), [IN_WINDOWS, replace(CHOICE, windows=SMALL)])
    assert run_names(both.comparison.runs) == (
        "overlap · as long as fits, max",
        "overlap · of 20 tokens, overlap 5, max",
    )
    told = comparison_record.differences(*last.comparison.runs)
    assert [(each.name, each.one, each.other) for each in told] == [("windows", "cut", "windows as long as fits, max")]
    rows = comparison_record.rows(last.comparison)
    assert [row["long_passages"] for row in rows] == ["cut"] * 2 + ["windows as long as fits, max"] * 2
    assert ("2", "376", "695") in [(row["windows"], row["window_from"], row["window_to"]) for row in rows]
    assert comparison_record.from_manifest(json.loads(comparison_record.to_json(last.comparison))) == last.comparison


def test_a_run_in_windows_comes_back_from_its_record_and_older_records_load_as_cut(engine: Engine) -> None:
    choice = replace(CHOICE, windows=replace(SMALL, by="mean", top_k=2))
    result = run(engine, request_of("panda", f"{LONG} panda", "a panda"), choice)
    record = json.loads(json.dumps(manifest(result, choice)))
    assert from_manifest(record) == (result, choice)
    assert spec_of(to_json(result.spec)) == result.spec
    old = json.loads(json.dumps(manifest(run(engine, request_of("panda", LONG)), CHOICE)))
    for part in (old["settings"], old["spec"]):
        del part["windows"]
    before, asked = from_manifest(old)
    assert (before.spec.windows, asked.windows, before.scored[0].windows) == (None, None, None)
    row = to_csv(result).splitlines()[2]
    assert ",7,1," not in row
    assert "windows of 20 tokens, overlap 5, mean of the best 2" in row


def test_a_threshold_holds_for_the_reading_that_it_was_chosen_on(engine: Engine) -> None:
    request = request_of("panda", LONG, "a panda")
    cut, largest = run(engine, request), run(engine, request, IN_WINDOWS)
    mean = run(engine, request, replace(CHOICE, windows=Windows(by="mean")))
    small = run(engine, request, replace(CHOICE, windows=SMALL))

    def said(chosen: RerankResult, now: RerankResult) -> str:
        return str(threshold_files.refusal(on(chosen, 0.5), now.spec, now.scale) or "")

    assert "read in windows, and these were cut" in said(largest, cut)
    assert "that were cut, and these were read in windows" in said(cut, largest)
    assert "scored by another rule" in said(largest, mean)
    assert said(largest, largest) == said(largest, small) == ""
    assert "chosen with windows as long as fits, max, here it is windows of 20 tokens, overlap 5, max" in str(
        threshold_files.warnings(on(largest, 0.5), small.spec, "")
    )
    keys = {scorer_key(each.spec, each.scale, "") for each in (cut, largest, mean, small)}
    assert len(keys) == 4
    saved = on(small, 0.5)
    assert threshold_files.from_json(threshold_files.to_json(saved)).spec == small.spec
    with pytest.raises(InvalidInput, match="libraries cut them"):
        snippet("sentence-transformers", saved)
    damaged = json.loads(threshold_files.to_json(saved))
    damaged["threshold"]["spec"]["windows"]["n_overlap"] = 400
    with pytest.raises(InvalidInput, match="windows make no sense"):
        threshold_files.from_json(json.dumps(damaged))


def test_the_snippet_computes_the_same_numbers(
    real: Engine, tiny_xlmr: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    choice = ModelChoice(str(tiny_xlmr), precision="fp32", windows=Windows(128, 16, "mean", 2))
    result = run(real, RerankRequest(QUERY, chapter()[1:4]), choice)
    code = to_snippet(result, choice)
    assert "windows=Windows(n_tokens=128, n_overlap=16, by='mean', top_k=2)" in code
    exec(compile(code, "snippet", "exec"), {})  # it asserts its own numbers
    assert "largest difference from the page" in capsys.readouterr().out

"""The embeddings, from the values of the boxes to what the page shows; no browser."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from playground.analysis.background import place_in_background
from playground.core.errors import InvalidInput
from playground.engine.engine import Engine
from playground.history.store import HistoryStore
from playground.settings import Settings
from playground.ui.components.asked import Asked
from playground.ui.components.run_buttons import on_stop
from playground.ui.services import Services
from playground.ui.views.embeddings import view as embeddings
from playground.ui.views.embeddings.payload import Arrangement, payload, ranks, to_csv
from playground.ui.views.embeddings.view import Ran, Visit
from playground.ui.wiring import Caller
from tests.engine.doubles import Shelf
from tests.engine.embedders import EmbedderShelf
from tests.ui.views.embeddings.test_chosen_models import boxes

TEXTS = ("blue whale", "a red panda eats bamboo", "red paint", "the red panda")
ASKED = Asked("red panda", "\n".join(TEXTS), "auto", "overlap", "auto", "auto", None, "only_second", None, "", ())


@pytest.fixture
def shelf() -> EmbedderShelf:
    return EmbedderShelf()


@pytest.fixture
def services(tmp_path: Path, shelf: EmbedderShelf) -> Services:
    settings = Settings(db=tmp_path / "history.db", offline=True)
    engine = Engine(load_scorer=Shelf(), load_embedder=shelf, cache_folder=tmp_path / "backgrounds")
    return Services(settings, engine, HistoryStore(settings.db))


def run(
    services: Services, caller: Caller, *models: str, asked: Asked = ASKED, visit: Visit | None = None
) -> list[Ran]:
    return list(embeddings.on_embed(services, caller, visit or Visit(), *boxes(*models or ("counts",)), *asked))


def many(n: int) -> Asked:
    return ASKED._replace(text="\n".join(f"red text number {place} {'panda ' * (place % 5)}" for place in range(n)))


def figure(shown: Any, name: str, column: int = 0) -> Any:
    return json.loads(shown["columns"][column]["figures"][name])


def test_the_heatmap_of_the_query_has_the_cosines_best_first(services: Services, caller: Caller) -> None:
    last = run(services, caller)[-1]
    column = last.shown["columns"][0]
    result = last.visit.columns[0].result
    assert result.instruction == "find: "
    assert column["cosines"] == pytest.approx(result.query_cosines().tolist(), abs=1e-6)
    drawn = figure(last.shown, "query")
    places = drawn["layout"]["meta"]["rows"]
    assert [row[0] for row in drawn["data"][0]["z"]] == [round(column["cosines"][place], 4) for place in places]
    assert places[0] == 3
    assert column["ranks"] == ranks(result.query_cosines().tolist())
    assert last.status == [{"key": "embeddings.done", "values": {"n": 4}, "tone": "good"}]


def test_the_heatmap_of_passages_is_symmetric_and_in_the_same_order(services: Services, caller: Caller) -> None:
    shown = run(services, caller)[-1].shown
    drawn = figure(shown, "passages")
    meta, cells = drawn["layout"]["meta"], drawn["data"][0]["z"]
    assert meta["rows"] == meta["columns"] == figure(shown, "query")["layout"]["meta"]["rows"]
    assert all(cells[place][place] is None for place in range(4))
    assert all(cells[r][c] == cells[c][r] for r in range(4) for c in range(4))
    assert "hovertext" not in drawn["data"][0]


def test_orders_and_colours_are_those_asked_for(services: Services, caller: Caller) -> None:
    visit = run(services, caller)[-1].visit

    def arranged(**event: object) -> Any:
        return embeddings.on_arrange(services, replace(caller, event=event), visit)

    assert figure(arranged(order="input").shown, "passages")["layout"]["meta"]["rows"] == [0, 1, 2, 3]
    alike = figure(arranged(order="similarity").shown, "passages")["layout"]["meta"]["rows"]
    assert abs(alike.index(1) - alike.index(3)) == 1
    fixed, fitted = (figure(arranged(colours=name).shown, "query") for name in ("fixed", "fitted"))
    assert (fixed["data"][0]["zmin"], fixed["data"][0]["zmax"]) == (-1, 1)
    assert fixed["data"][0]["colorbar"]["title"]["text"] == "cosine"
    assert "fitted to" in fitted["data"][0]["colorbar"]["title"]["text"]


def test_an_arrangement_lasts_over_runs_and_nonsense_changes_nothing(services: Services, caller: Caller) -> None:
    visit = run(services, caller)[-1].visit
    event = {"order": "input", "colours": "fitted"}
    chosen = embeddings.on_arrange(services, replace(caller, event=event), visit).visit
    odd = {"order": ["score"], "colours": 7, "by": True, "large": "yes"}
    assert embeddings.on_arrange(services, replace(caller, event=odd), chosen).visit == chosen
    assert embeddings.on_arrange(services, replace(caller, event={"by": 9}), chosen).visit == chosen
    again = run(services, caller, visit=chosen)[-1].visit
    assert again.arrangement == Arrangement("input", "fitted")
    assert again.nonce != chosen.nonce


def test_a_cosine_is_placed_among_the_unrelated_pairs_of_its_model(services: Services, caller: Caller) -> None:
    last = run(services, caller)[-1]
    column, background = last.shown["columns"][0], last.visit.columns[0].background
    assert (background.language, background.instruction) == ("en", "find: ")
    assert column["background"]["pools"]["query"] == list(background.query_passage)
    low, high = np.quantile(background.query_passage, [0.05, 0.95])
    band = column["background"]["bands"]["query"]
    assert (band["low"], band["high"]) == pytest.approx((low, high))
    histogram = json.loads(column["background"]["figures"]["passages"])
    assert sum(histogram["data"][0]["y"]) == len(background.passage_passage)


def test_the_background_is_in_the_language_of_the_texts(services: Services, caller: Caller) -> None:
    asked = ASKED._replace(query="小熊猫吃什么", text="小熊猫吃竹子\n蓝鲸生活在海里")
    shown = run(services, caller, asked=asked)[-1].shown
    assert shown["columns"][0]["background"]["language"] == "zh"


def test_a_background_is_measured_once(services: Services, caller: Caller, shelf: EmbedderShelf) -> None:
    run(services, caller)
    n = shelf.embedder.n_forwards
    steps = run(services, caller, asked=ASKED._replace(query="a red panda"))
    assert shelf.embedder.n_forwards == n + 1
    assert not any(
        said["key"] == "embeddings.measuring" and said["values"]["total"] > 1 for s in steps for said in s.status
    )


def test_a_result_stands_without_its_background(
    services: Services, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*args: object, **options: object) -> Any:
        raise InvalidInput("Choose at least one embedding model.")

    monkeypatch.setattr(services.engine, "background", refused)
    column = run(services, caller)[-1].shown["columns"][0]
    assert column["background"] is None
    assert column["duplicates"] is None
    assert column["warnings"][0]["key"] == "embeddings.no_background"
    assert len(column["cosines"]) == 4


def test_several_embedders_stand_side_by_side_in_one_order(services: Services, caller: Caller) -> None:
    steps = run(services, caller, "counts", "other")
    assert [[each["ready"] for each in s.shown["columns"]] for s in steps if "columns" in s.shown] == [
        [True, False],
        [True, True],
    ]
    last = steps[-1]
    assert [column["model"] for column in last.shown["columns"]] == ["counts", "other"]
    event = replace(caller, event={"order": "score", "by": 1})
    shown = embeddings.on_arrange(services, event, last.visit).shown
    rows = [figure(shown, "query", place)["layout"]["meta"]["rows"] for place in (0, 1)]
    assert rows[0] == rows[1]
    assert shown["arrangement"]["by"] == 1


def test_a_model_that_fails_keeps_its_reason_and_the_others_stay(tmp_path: Path, caller: Caller) -> None:
    settings = Settings(db=tmp_path / "history.db", offline=True)
    services = Services(settings, Engine(offline=True, cache_folder=tmp_path), HistoryStore(settings.db))
    last = run(services, caller, "bm25", "built-in/mini-reranker", "no/such-model")[-1]
    reasons = [str(column["error"]["en"]) for column in last.shown["columns"]]
    assert reasons[0] == "BM25 compares words and makes no vectors. Choose an embedding model."
    assert "is a reranker" in reasons[1]
    assert reasons[2].startswith("no/such-model is not on this machine")
    assert all(column["error"]["zh"] != column["error"]["en"] for column in last.shown["columns"])
    assert last.status[0]["values"] == {"n": 3, "total": 3}
    assert (last.run["interactive"], last.stop["interactive"]) == (True, False)


def test_an_unforeseen_failure_of_one_model_stops_no_other(
    services: Services, caller: Caller, shelf: EmbedderShelf
) -> None:
    def broken(vectors: Any) -> Any:
        raise RuntimeError("no such kernel")

    run(services, caller, "counts", "other")
    shelf.embedders["counts"].change_of = broken
    columns = run(services, caller, "counts", "other", asked=ASKED._replace(query="green tea"))[-1].shown["columns"]
    assert "RuntimeError: no such kernel" in columns[0]["error"]["en"]
    assert columns[1]["ready"] is True


def test_near_duplicates_are_named_and_outlined(services: Services, caller: Caller) -> None:
    asked = ASKED._replace(text="a red panda eats bamboo\nblue whale\na red panda eats bamboo")
    shown = run(services, caller, asked=asked)[-1].shown
    duplicates = shown["columns"][0]["duplicates"]
    assert duplicates["pairs"] == [[0, 2, 1.0]]
    assert duplicates["of"] == {"0": [2], "2": [0]}
    assert len(figure(shown, "passages")["layout"]["shapes"]) == 2


def test_one_passage_says_what_the_figures_need(services: Services, caller: Caller) -> None:
    zh = replace(caller, language="zh")
    shown = run(services, zh, asked=ASKED._replace(text="the red panda"))[-1].shown
    assert figure(shown, "query")["data"][0]["z"] == [[round(shown["columns"][0]["cosines"][0], 4)]]
    assert figure(shown, "passages")["layout"]["meta"]["empty"] is True
    assert figure(shown, "passages")["layout"]["annotations"][0]["text"] == "段落之间的热图至少需要两个段落。"
    assert figure(shown, "map")["layout"]["annotations"][0]["text"].startswith("地图至少需要三个不同的文本")
    assert shown["columns"][0]["duplicates"] is None


def test_passages_that_are_all_equal_say_so(services: Services, caller: Caller) -> None:
    shown = run(services, caller, asked=ASKED._replace(text="red panda\nred panda\nred panda"))[-1].shown
    assert [said.get("key") for said in shown["columns"][0]["warnings"]] == ["embeddings.all_equal"]
    assert shown["columns"][0]["ranks"] == [1, 1, 1]
    assert shown["columns"][0]["duplicates"]["n"] == 3


def test_what_was_cut_is_reported(services: Services, caller: Caller) -> None:
    long = "red panda " * 300
    asked = ASKED._replace(text=f"blue whale\n{long}", max_length=100)
    column = run(services, caller, asked=asked)[-1].shown["columns"][0]
    assert column["read"] == [[2, 0, 10], [100, 500, 499]]
    said = [(each.get("key"), each.get("values")) for each in column["warnings"]]
    assert ("embeddings.n_cut", {"n": 1, "max_length": 100}) in said


def test_many_passages_are_asked_about_before_their_map_is_drawn(services: Services, caller: Caller) -> None:
    last = run(services, caller, asked=many(320))[-1]
    assert last.shown["asks"] is True
    assert last.shown["columns"][0]["figures"]["passages"] is None
    assert len(figure(last.shown, "query")["data"][0]["z"]) == 300
    assert len(last.shown["columns"][0]["cosines"]) == 320
    agreed = embeddings.on_arrange(services, replace(caller, event={"large": True}), last.visit)
    assert agreed.shown["asks"] is False
    assert len(figure(agreed.shown, "passages")["data"][0]["z"]) == 320
    again = run(services, caller, asked=many(310), visit=agreed.visit)[-1]
    assert again.shown["asks"] is True


def test_three_hundred_passages_are_drawn_without_asking(services: Services, caller: Caller) -> None:
    shown = run(services, caller, asked=many(300))[-1].shown
    assert shown["asks"] is False
    assert len(figure(shown, "passages")["data"][0]["z"]) == 300
    assert len(json.dumps(shown)) < 2_500_000


def test_over_a_thousand_passages_only_the_query_is_compared(services: Services, caller: Caller) -> None:
    last = run(services, caller, asked=many(1001))[-1]
    event = replace(caller, event={"large": True, "order": "similarity"})
    shown = embeddings.on_arrange(services, event, last.visit).shown
    assert (shown["paired"], shown["asks"]) == (False, False)
    assert shown["columns"][0]["figures"]["passages"] is None
    assert shown["columns"][0]["duplicates"] is None
    assert figure(shown, "query")["layout"]["meta"]["rows"] == list(range(300))


@pytest.mark.parametrize(
    ("asked", "models", "sentence"),
    [
        (ASKED._replace(query=" "), ("counts",), "The query is empty"),
        (ASKED._replace(text=""), ("counts",), "There are no passages"),
        (ASKED._replace(text='["red", " "]', split="json"), ("counts",), None),
        (ASKED, (" ",), "Choose at least one embedding model"),
        (ASKED, ("a", "b", "c", "d", "e"), "5 models do not fit"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(
    services: Services, caller: Caller, asked: Asked, models: tuple[str, ...], sentence: str | None
) -> None:
    if sentence is None:
        warnings = run(services, caller, *models, asked=asked)[-1].shown["warnings"]
        assert any("Blank passages left out" in str(said) for said in warnings)
        return
    with pytest.raises(InvalidInput, match=sentence):
        run(services, caller, *models, asked=asked)


def test_a_folder_is_refused_on_a_public_page(services: Services, caller: Caller) -> None:
    public = replace(services, settings=services.settings.model_copy(update={"public": True}))
    error = run(public, caller, "/etc", "counts")[-1].shown["columns"][0]["error"]
    assert error["en"].startswith("Folders of this machine cannot be opened")


def test_the_plot_that_brings_plotly_is_shown_at_the_start_and_again_when_the_page_misses_it(
    services: Services, caller: Caller
) -> None:
    asked_again = embeddings.on_plotless(services, caller)
    assert asked_again["visible"] is True
    assert run(services, caller)[0].loader == asked_again


def test_stop_keeps_what_is_done(services: Services, caller: Caller) -> None:
    kept = []
    steps = embeddings.on_embed(services, caller, Visit(), *boxes("counts", "other"), *ASKED)
    for step in steps:
        kept.append(step)
        if isinstance(step.shown, dict) and "columns" in step.shown:
            assert on_stop(services, caller)[0]["key"] == "run.stopping"
    assert kept[-1].status == [{"key": "embeddings.stopped", "values": {"n": 1, "total": 2}, "tone": "muted"}]
    assert [column["ready"] for column in kept[-1].shown["columns"]] == [True, False]


def test_stop_before_the_first_model_says_so_and_shows_nothing_new(services: Services, caller: Caller) -> None:
    steps = embeddings.on_embed(services, caller, Visit(), *boxes("counts"), *ASKED)
    next(steps)
    on_stop(services, caller)
    last = list(steps)[-1]
    assert last.status[0]["key"] == "embeddings.stopped_early"
    assert "columns" not in last.shown


def test_the_switch_takes_the_instruction_off_the_query_and_only_there(services: Services, caller: Caller) -> None:
    def embedded(on: bool, text: str) -> Any:
        values = boxes("counts", slotted=("counts",), on=(on,), said=(text,))
        return list(embeddings.on_embed(services, caller, Visit(), *values, *ASKED))[-1].visit.columns[0].result

    own, off, edited = embedded(True, ""), embedded(False, "search for: "), embedded(True, "search for: ")
    assert (own.instruction, off.instruction, edited.instruction) == ("find: ", "", "search for: ")
    assert np.array_equal(own.passage_vectors, off.passage_vectors)
    assert not np.array_equal(own.query_vector, off.query_vector)
    assert edited.query_read.n_tokens == own.query_read.n_tokens + 1


def test_the_query_of_a_pasted_file_fills_the_box(services: Services, caller: Caller) -> None:
    pasted = json.dumps({"query": "red panda", "passages": ["blue whale", "the red panda"]})
    assert run(services, caller, asked=ASKED._replace(query="", text=pasted))[-1].query == "red panda"


def test_the_table_comes_as_csv_with_where_every_number_comes_from(services: Services, caller: Caller) -> None:
    asked = ASKED._replace(text="=HYPERLINK(1)\nthe red panda\nblue whale\nthe red panda")
    visit = run(services, caller, "counts", "other", asked=asked)[-1].visit
    given = embeddings.on_export(services, replace(caller, event={"format": "csv"}), visit)
    rows = list(csv.DictReader(io.StringIO(given["text"].removeprefix("\ufeff"))))
    assert len(rows) == 8
    assert [row["rank"] for row in rows[:4]] == ["1", "1", "3", "3"]
    assert (rows[0]["input_place"], rows[0]["near_duplicates"]) == ("2", "4")
    where = place_in_background(float(rows[0]["cosine"]), visit.columns[0].background.query_passage)
    assert rows[0]["beside_unrelated"] == where.place
    assert float(rows[0]["percentile_of_unrelated"]) == pytest.approx(where.percentile, abs=0.01)
    assert {row["model"] for row in rows} == {"counts", "other"}
    assert (rows[0]["precision"], rows[0]["instruction"], rows[0]["tokens_read"]) == ("fp32", "find: ", "3")
    assert next(row for row in rows if row["input_place"] == "1")["passage"] == "'=HYPERLINK(1)"


def test_what_stands_before_passages_is_on_the_page_and_in_the_csv(services: Services, caller: Caller) -> None:
    column = run(services, caller)[-1].visit.columns[0]
    assert column.result is not None
    spec = replace(column.result.spec, passage_instruction="=text: ")
    prompted = replace(column, result=replace(column.result, spec=spec))
    shown: Any = payload([prompted], Arrangement(), "en", nonce="n")["columns"]
    assert shown[0]["passage_instruction"] == "=text: "
    rows = list(csv.DictReader(io.StringIO(to_csv([prompted]))))
    assert {(row["instruction"], row["passage_instruction"]) for row in rows} == {("find: ", "'=text: ")}


@pytest.mark.parametrize("name", ["query", "passages", "map"])
def test_a_figure_comes_as_a_page_that_asks_no_other_host(services: Services, caller: Caller, name: str) -> None:
    asked = ASKED._replace(text="</script><script>alert(1)</script>\nthe red panda\nblue whale")
    visit = run(services, caller, asked=asked)[-1].visit
    event = {"format": "html", "figure": name, "column": 0}
    given = embeddings.on_export(services, replace(caller, event=event), visit)
    assert given["name"] == f"embeddings-{name}.html"
    assert "<script>alert(1)" not in given["text"]
    assert "counts · CPU fp32" in given["text"]
    assert "<script src=" not in given["text"]
    assert "<link" not in given["text"]


@pytest.mark.parametrize(
    "event",
    [
        {"format": "html", "figure": "query", "column": 5},
        {"format": "html", "figure": "../etc", "column": 0},
        {"format": "html", "figure": "query", "column": True},
        {"format": ["csv"]},
        {},
    ],
)
def test_an_export_of_nonsense_gives_nothing(services: Services, caller: Caller, event: dict[str, object]) -> None:
    visit = run(services, caller)[-1].visit
    assert "text" not in embeddings.on_export(services, replace(caller, event=event), visit)


def test_a_switch_of_language_draws_the_figures_in_it(services: Services, caller: Caller) -> None:
    visit = run(services, caller)[-1].visit
    shown = embeddings.on_language(services, replace(caller, event={"lang": "zh"}), visit).shown
    assert figure(shown, "query")["data"][0]["colorbar"]["title"]["text"] == "余弦"
    assert shown["nonce"] == visit.nonce
    assert "columns" not in embeddings.on_language(services, replace(caller, event={"lang": "zh"}), Visit()).shown


def test_markup_in_a_text_is_text_in_every_figure(services: Services, caller: Caller) -> None:
    asked = ASKED._replace(query="<b>red</b> $x$", text="<img src=x onerror=alert(1)>\nthe red panda\nblue whale")
    shown = run(services, caller, asked=asked)[-1].shown
    assert "<img" not in "".join(text for text in shown["columns"][0]["figures"].values())
    assert shown["passages"][0]["text"] == "<img src=x onerror=alert(1)>"

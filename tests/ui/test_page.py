"""The page as a whole: opens without torch, follows the language, keeps its events private."""

from __future__ import annotations

import subprocess
import sys

from playground.engine.engine import Engine
from playground.settings import Settings
from playground.ui import texts
from playground.ui.app import build_app, build_page, head, launch_options, on_arrive
from playground.ui.components.model_choices import any_choices, kind_of, reranker_choices
from playground.ui.services import Services
from playground.ui.views.models.view import on_look, on_unload
from playground.ui.wiring import Caller
from playground.ui.workspace.view import on_count, on_example
from tests.ui import doubles
from tests.ui.views.ranking.test_view import ASKED, run

LIGHT_START = """
import sys
from playground import start
from playground.settings import Settings
start.prepare_environment(Settings(offline=True))
start.spare_editor_hints()
from playground.ui.app import build_app
from playground.ui.services import Services
build_app(Services.from_settings(Settings(offline=True)))
from gradio import component_meta
heavy = {"torch", "transformers", "sentence_transformers", "tokenizers", "onnxruntime", "plotly", "scipy", "sklearn"}
print(sorted(heavy & sys.modules.keys()))
print(component_meta.create_or_modify_pyi.__module__)
"""


def test_the_app_opens_without_torch_transformers_plotly_scipy_or_editor_hints() -> None:
    done = subprocess.run([sys.executable, "-c", LIGHT_START], capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-2:] == ["[]", "playground.start"]


def test_no_event_is_public_or_makes_the_page_walk_its_outputs(services: Services) -> None:
    config = build_app(services).get_config_file()
    assert {dependency["api_visibility"] for dependency in config["dependencies"]} == {"private"}
    walked = [dependency for dependency in config["dependencies"] if dependency["show_progress_on"] != []]
    assert [dependency["outputs"] for dependency in walked] == [[]] * len(walked)


def test_a_new_browser_gets_an_id_and_its_own_language(services: Services) -> None:
    import gradio as gr

    with gr.Blocks():
        localized = build_page(services).localized
    me, header, *updates = on_arrive(services, localized, Caller("page", "", "zh"))
    assert len(me["id"]) >= 22
    assert (me["lang"], header) == ("zh", {"lang": "zh"})
    said = {update.get("value") for update in updates}
    assert "停止" in said
    again, _, *unchanged = on_arrive(services, localized, Caller("page", me["id"], "en"))
    assert again == {"id": me["id"], "lang": "en"}
    assert unchanged == [gr.skip()] * len(localized.components)


def test_what_fits_by_now_comes_with_the_page_and_never_after_it(services: Services) -> None:
    import gradio as gr

    free = [100_000.0]
    services = Services(
        Settings(device="cpu"), Engine(load_scorer=doubles.load(), free_mib=lambda _: free[0]), services.history
    )
    with gr.Blocks():
        localized = build_page(services).localized
    free[0] = 900.0
    _, _, *updates = on_arrive(services, localized, Caller("page", "", "en"))
    (changed,) = [update for update in updates if update != gr.skip()]
    assert any(label.endswith("too large here") for label, _ in changed["choices"])


def test_the_built_in_model_is_offered_first(services: Services) -> None:
    assert reranker_choices(services)[0] == ("Mini reranker (built in, English demo)", "built-in/mini-reranker")
    named = Services.from_settings(Settings(models=("owner/own-model",)))
    assert reranker_choices(named)[1] == ("owner/own-model", "owner/own-model")


def test_the_live_line_counts_only_once_a_model_is_loaded(services: Services, caller: Caller) -> None:
    before = on_count(services, caller, *ASKED)
    assert [said["key"] for said in before.live] == ["live.passages", "live.waiting"]
    assert before.timer["active"] is True
    run(services, caller)
    after = on_count(services, caller, *ASKED._replace(max_length=4))
    assert [(said["key"], said["values"]) for said in after.live] == [
        ("live.passages", {"n": 3}),
        ("live.tokens", {"n": 9}),
        ("live.cut", {"n": 3}),
    ]


def test_the_live_line_says_what_is_wrong_with_the_text(services: Services, caller: Caller) -> None:
    line = on_count(services, caller, *ASKED._replace(text='{"text": "a"}\n{broken\n{"text": "b"}')).live
    assert str(line[0]["en"]).startswith("Line 2 is not valid JSON")
    assert str(line[0]["zh"]).startswith("第 2 行不是正确的 JSON")


def test_an_example_fills_the_boxes_and_says_what_to_look_for(services: Services, caller: Caller) -> None:
    filled = on_example(services, caller, "keyword-trap")
    assert filled.query.endswith("?")
    assert all(passage.label is not None for passage in filled.known)
    assert filled.hint[0]["zh"]


def test_the_models_view_shows_checks_and_unloads(services: Services, caller: Caller) -> None:
    run(services, caller)
    looked = on_look(services, caller)
    assert [model["checks"][0]["status"] for model in looked["loaded"]] == ["passed"]
    fingerprint = looked["loaded"][0]["fingerprint"]
    left = on_unload(services, Caller("page", "visitor-one", event={"fingerprint": fingerprint}))
    assert left["loaded"] == []


def test_the_page_is_served_with_safe_defaults() -> None:
    options = launch_options(Settings())
    assert (options["ssr_mode"], options["run_history"], options["enable_monitoring"]) == (False, False, False)
    hosts = options["app_kwargs"]["middleware"][0].kwargs["allowed_hosts"]
    assert {"localhost", "127.0.0.1"} <= set(hosts)
    assert "*" not in hosts
    # Of addresses there are those of examples in a sentence only.
    assert "http" not in head().replace("http://www.w3.org/2000/svg", "").replace("vllm+https://host/", "")


def test_texts_of_the_plots_are_those_of_the_catalogue() -> None:
    from playground.plots.words import ENGLISH
    from playground.ui.components.figures import words

    assert words("en") == ENGLISH
    assert words("zh").n_passages == texts.say("plot.n_passages", "zh")


def test_what_ranks_is_offered_with_the_keyword_baseline_after_the_built_in_models(services: Services) -> None:
    offered = [value for _, value in any_choices(services)]
    assert offered[:3] == ["built-in/mini-reranker", "built-in/mini-embedder", "bm25"]
    assert len(offered) == len(set(offered))
    assert {kind_of(value) for value in offered} == {"reranker", "embedder"}
    assert kind_of("owner/never-seen") is None

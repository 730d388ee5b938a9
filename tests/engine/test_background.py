"""What an embedder gives to texts that have nothing to do with each other."""

import threading
from pathlib import Path

import pytest

from playground.core.types import Background, Language, ModelChoice
from playground.engine import background
from playground.engine.engine import Engine
from tests.engine.doubles import request_of, run
from tests.engine.embedders import EMBED, EmbedderShelf


def measured(engine: Engine, language: Language | None = None, instruction: str | None = None) -> Background:
    last = list(engine.background(EMBED, language, instruction=instruction))[-1]
    assert last.result is not None
    return last.result


def test_every_pair_of_the_pool_is_measured_once_and_sorted(tmp_path: Path) -> None:
    shelf = EmbedderShelf()
    found = measured(Engine(load_embedder=shelf, cache_folder=tmp_path))
    assert len(found.query_passage) == 40 * 120
    assert len(found.passage_passage) == 120 * 119 // 2
    assert list(found.query_passage) == sorted(found.query_passage)
    assert (found.language, found.instruction, found.precision) == ("en", "find: ", "fp32")
    assert shelf.embedder.n_forwards == 160


def test_it_is_read_back_from_its_file_and_a_damaged_file_is_made_again(tmp_path: Path) -> None:
    first = measured(Engine(load_embedder=EmbedderShelf(), cache_folder=tmp_path))
    (file,) = tmp_path.iterdir()
    assert file.stat().st_size < 200_000
    shelf = EmbedderShelf()
    assert measured(Engine(load_embedder=shelf, cache_folder=tmp_path)) == first
    assert shelf.embedder.n_forwards == 0
    for damage in ("", "{", "[]", '{"query_passage": []}', file.read_text().replace(",0.", ",7.", 1), "\0"):
        file.write_text(damage)
        shelf = EmbedderShelf()
        assert measured(Engine(load_embedder=shelf, cache_folder=tmp_path)) == first
        assert shelf.embedder.n_forwards == 160
        assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_another_language_or_instruction_is_another_background(tmp_path: Path) -> None:
    engine = Engine(load_embedder=EmbedderShelf(), cache_folder=tmp_path)
    english, chinese = measured(engine), measured(engine, "zh")
    bare = measured(engine, instruction="")
    assert len(chinese.query_passage) == 15 * 40
    assert bare.query_passage != english.query_passage
    assert bare.passage_passage == english.passage_passage
    assert len(list(tmp_path.iterdir())) == 3


def test_a_folder_that_cannot_be_written_keeps_it_in_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    shelf = EmbedderShelf()
    engine = Engine(load_embedder=shelf, cache_folder=tmp_path / "file")
    assert measured(engine) is measured(engine)
    assert shelf.embedder.n_forwards == 160


def test_measuring_pushes_out_no_text_of_the_user_and_can_be_stopped(tmp_path: Path) -> None:
    engine = Engine(load_embedder=EmbedderShelf(), cache_folder=tmp_path, max_cached_vectors_mib=0.01)
    request = request_of("red", "a", "b")
    run(engine, request, EMBED)
    stop = threading.Event()
    phases = []
    for step in engine.background(EMBED, stop=stop):
        phases.append(step.phase)
        if step.phase == "score":
            stop.set()
    assert phases[-1] == "stopped"
    assert list(tmp_path.iterdir()) == []
    measured(engine)
    assert run(engine, request, EMBED).n_cached == 2


def test_the_texts_are_all_different_and_the_language_of_a_request_is_told_by_its_letters() -> None:
    for language in ("en", "zh"):
        pool = background.texts(language)
        everything = pool.queries + pool.passages
        assert len(set(everything)) == len(everything)
        assert min(map(len, everything)) >= 5
    assert background.language_of(request_of("大熊猫吃什么", "大熊猫主要以竹子为食。")) == "zh"
    assert background.language_of(request_of("what is panda?", "The giant panda (大熊猫) is a bear.")) == "en"
    assert background.language_of(request_of("🐼", "123")) == "en"


def test_a_chinese_model_is_measured_in_chinese(tmp_path: Path) -> None:
    engine = Engine(load_embedder=EmbedderShelf(), cache_folder=tmp_path)
    last = list(engine.background(ModelChoice("BAAI/bge-small-zh-v1.5")))[-1]
    assert last.result is not None
    assert last.result.language == "zh"


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_each_precision_has_its_own(tmp_path: Path, precision: str) -> None:
    engine = Engine(load_embedder=EmbedderShelf(), cache_folder=tmp_path)
    list(engine.background(ModelChoice("counts", precision=precision)))  # type: ignore[arg-type]
    (file,) = tmp_path.iterdir()
    assert f"-{precision}-en-" in file.name

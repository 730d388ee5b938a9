"""A corpus in this process: the scores of a single run, blocks that are kept, refusals, and nothing written by half."""

from __future__ import annotations

import fcntl
import json
import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from filelock import FileLock

from playground import rerank, terminal
from playground.core.types import ModelChoice
from playground.inputs import labelled_sets
from playground.models.resolve import resolve
from playground.models.spec import fingerprint_of
from playground.score import corpus as corpora_of
from playground.score.__main__ import main
from playground.score.corpus import Block, open_corpus
from playground.score.output import Output, Record
from playground.score.runners import Actor
from playground.score.worker import Job
from tests.running import folder_of_a_command
from tests.score.corpora import QUERIES, corpus, interrupted, killed

FP32 = ("--precision", "fp32", "--device", "cpu")
__all__ = ["folder_of_a_command"]
pytestmark = pytest.mark.usefixtures("folder_of_a_command")


def score(frame: pd.DataFrame, *argv: str) -> pd.DataFrame:
    frame.to_parquet("corpus.parquet", row_group_size=5)
    assert main(["corpus.parquet", "--out", "scores.parquet", *FP32, *argv]) == 0
    return pd.read_parquet("scores.parquet")


def refusal(capsys: pytest.CaptureFixture[str], *argv: str, status: int = 1) -> str:
    capsys.readouterr()
    assert main(argv) == status
    said = capsys.readouterr().err
    assert said.count("\n") == 1, said
    return said.removeprefix("python -m playground.score: ").rstrip("\n")


def test_every_pair_gets_the_score_of_a_run_of_its_query_with_all_that_says_what_it_is() -> None:
    frame = corpus(22)

    scores = score(frame, "--block-rows", "7", "--max-length", "32")

    assert scores[list(frame.columns)].to_dict() == frame.to_dict()
    for query in QUERIES:
        own = scores[scores["query"] == query]
        alone = rerank(query, list(own["passage"]), precision="fp32", device="cpu", max_length=32)
        by_place = sorted(alone, key=lambda one: one.index)
        assert list(own["logit"]) == pytest.approx([one.logit for one in by_place], abs=1e-4)
        assert list(own["score"]) == pytest.approx([one.score for one in by_place], abs=1e-4)
        assert list(own["tokens_read"]) == [one.n_tokens for one in by_place]
        assert list(own["tokens_cut"]) == [one.n_cut for one in by_place]
        for name, value in (("fingerprint", alone.spec.fingerprint), ("scale", "logit"), ("precision", "fp32")):
            assert set(own[name]) == {value}
    assert scores["tokens_cut"].max() > 0
    assert scores["problem"].isna().all()
    assert not Path("scores.parquet.parts").exists()


def test_pairs_without_a_text_have_no_score_and_say_why(capsys: pytest.CaptureFixture[str]) -> None:
    frame = corpus(6)
    frame.loc[1, "passage"] = None
    frame.loc[2, "query"] = " "

    scores = score(frame, "--block-rows", "3")

    assert list(scores["problem"].fillna("")) == ["", "no passage", "no query", "", "", ""]
    assert list(scores["logit"].isna()) == [False, True, True, False, False, False]
    assert "note: 2 pairs have no score; the column problem says why.\n" in capsys.readouterr().err


def test_columns_may_have_other_names_and_an_embedder_gives_cosines() -> None:
    frame = corpus(4).rename(columns={"query": "q", "passage": "body", "label": "judged"})

    scores = score(frame, "--query", "q", "--passage", "body", "--label", "judged", "--model", "built-in/mini-embedder")

    assert {"query", "passage", "label"} <= set(scores.columns)
    assert set(scores["scale"]) == {"cosine"}
    assert list(scores["logit"]) == pytest.approx(list(scores["score"]), abs=1e-6)
    assert scores["logit"].between(-1, 1).all()


def test_a_labelled_set_is_read_with_raw_outputs_and_their_model_and_without_what_has_no_score() -> None:
    frame = corpus(6)
    frame.loc[1, "passage"] = None
    scores = score(frame)

    read = labelled_sets.read([Path("scores.parquet")])

    assert read.scores is not None
    said = {
        (query.query, passage.text): (label.grade if label else None, logit)
        for query, row in zip(read.labelled.queries, read.scores, strict=True)
        for passage, label, logit in zip(query.passages, query.labels, row, strict=True)
    }
    rows = scores[scores["problem"].isna()]
    expected = zip(rows["query"], rows["passage"], rows["label"], rows["logit"], strict=True)
    assert said == {(query, text): (label, float(logit)) for query, text, label, logit in expected}
    assert read.notes == ("scores.parquet: pairs without a score, left out: 1.",)
    alone, scored = rerank(QUERIES[0], ["hi"], precision="fp32", device="cpu"), labelled_sets.scores_of(read)
    assert scored is not None
    assert (scored.spec, scored.scale, scored.logits) == (alone.spec, alone.scale, read.scores)


def test_raw_outputs_are_read_of_a_file_that_no_longer_says_what_ran() -> None:
    scores = score(corpus(4))
    pq.write_table(pq.read_table("scores.parquet").replace_schema_metadata({}), "bare.parquet")

    read = labelled_sets.read([Path("bare.parquet")])

    assert read.scores is not None
    assert sorted(sum(read.scores, ())) == sorted(map(float, scores["logit"]))
    assert read.scored_by is None


def test_any_parquet_file_of_labels_is_a_labelled_set() -> None:
    corpus(4).to_parquet("labels.parquet")

    read = labelled_sets.read([Path("labels.parquet")])

    assert (read.labelled.n_pairs, read.labelled.counts()[1], read.scores) == (4, 2, None)


@pytest.mark.parametrize("ended", [killed, interrupted])
def test_a_run_that_was_ended_goes_on_where_it_stopped_with_the_same_model_only(
    ended: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str], tiny_bert: Path
) -> None:
    frame = corpus(200)
    frame.to_parquet("corpus.parquet", row_group_size=5)
    command = ("--model", str(tiny_bert), "--block-rows", "2")
    ended(tmp_path, *FP32, *command)
    assert not Path("scores.parquet").exists()
    parts = Path("scores.parquet.parts")
    n_kept = len(list(parts.glob("*.parquet")))
    assert 2 <= n_kept < 100
    (parts / "0000099.parquet.1.half").write_bytes(b"PAR1")

    other = refusal(capsys, "corpus.parquet", "--out", "scores.parquet", *FP32, "--block-rows", "2")
    scores = score(frame, *command)

    assert other.startswith(f"scores.parquet.parts holds scores of another model ({tiny_bert}, not built-in/mini-")
    assert f"{n_kept * 2} of 200 pairs are scored already.\n" in capsys.readouterr().err
    assert scores["id"].tolist() == frame["id"].tolist()
    assert scores["logit"].notna().all()
    assert sorted(path.name for path in tmp_path.glob("scores*")) == ["scores.parquet", "scores.parquet.lock"]


def test_what_is_finished_is_not_scored_again_and_another_models_scores_are_kept(
    capsys: pytest.CaptureFixture[str], tiny_bert: Path
) -> None:
    score(corpus(4))
    before = Path("scores.parquet").read_bytes()
    command = ("corpus.parquet", "--out", "scores.parquet", *FP32)

    assert refusal(capsys, *command, status=0) == "scores.parquet is finished: 4 pairs."
    other = refusal(capsys, *command, "--model", str(tiny_bert))
    corpus(5).to_parquet("corpus.parquet")
    more = refusal(capsys, *command)

    assert other.startswith(f"scores.parquet holds scores of another model (built-in/mini-reranker, not {tiny_bert})")
    assert more.startswith("scores.parquet holds scores of another corpus (")
    assert Path("scores.parquet").read_bytes() == before


def test_a_model_whose_weights_changed_is_another_model(capsys: pytest.CaptureFixture[str], tiny_bert: Path) -> None:
    import shutil

    shutil.copytree(tiny_bert, "model")
    command = ("corpus.parquet", "--out", "scores.parquet", *FP32, "--model", "./model")
    score(corpus(4), "--model", "./model")
    with Path("model/config.json").open("a", encoding="utf-8") as file:
        file.write("\n")

    assert refusal(capsys, *command).startswith("scores.parquet holds scores of another fingerprint (")


def test_two_runs_into_one_file_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    corpus(4).to_parquet("corpus.parquet")

    with FileLock("scores.parquet.lock"):
        said = refusal(capsys, "corpus.parquet", "--out", "scores.parquet")

    assert said == "Another run writes scores.parquet now."


def test_a_run_that_is_over_leaves_its_lock_to_one_that_has_it_already() -> None:
    kept = Output(Path("scores.parquet"), Record("c", 1, "m", "f", "fp32", None, "cut", "none"))
    with kept.claimed():
        other = os.open("scores.parquet.lock", os.O_RDWR)

    fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with pytest.raises(corpora_of.InvalidInput, match=r"Another run writes scores\.parquet now\."), kept.claimed():
        pass
    os.close(other)


def test_blocks_that_a_run_killed_at_its_end_left_go_at_the_next_start(capsys: pytest.CaptureFixture[str]) -> None:
    score(corpus(4))
    Path("scores.parquet.parts").mkdir()
    Path("scores.parquet.parts/0000000.parquet").touch()

    said = refusal(capsys, "corpus.parquet", "--out", "scores.parquet", *FP32, status=0)

    assert said == "scores.parquet is finished: 4 pairs."
    assert not Path("scores.parquet.parts").exists()


def test_a_full_disk_is_one_sentence_and_leaves_nothing_by_half(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tiny_bert: Path
) -> None:
    corpus(40).to_parquet("corpus.parquet")
    command = ("corpus.parquet", "--out", "scores.parquet", *FP32, "--model", str(tiny_bert))
    # Python would leave half of its own files, too.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    # The record of the run fits, a block of scores does not.
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, before[1]))
    try:
        said = refusal(capsys, *command)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert said.startswith("0000000.parquet could not be written: ")
    assert said.endswith("File too large. What is finished is kept: the same command goes on from there.")
    assert sorted(path.name for path in Path("scores.parquet.parts").iterdir()) == ["record.json", "record.lock"]
    assert not Path("scores.parquet").exists()
    assert main(command) == 0


def test_what_is_left_runs_in_the_precision_that_the_run_began_in(tiny_bert: Path) -> None:
    corpus(4).to_parquet("corpus.parquet")
    command = ("corpus.parquet", "--out", "scores.parquet", "--device", "cpu", "--model", str(tiny_bert))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, before[1]))
    try:
        assert main(command) == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    about = Path("scores.parquet.parts/record.json")
    record = json.loads(about.read_text(encoding="utf-8"))
    other = "bf16" if record["ran_in"] == "fp32" else "fp32"
    # As if auto had taken another one then.
    about.write_text(json.dumps(record | {"ran_in": other}), encoding="utf-8")

    assert main(command) == 0

    assert record["precision"] == "auto"
    assert set(pd.read_parquet("scores.parquet")["precision"]) == {other}


def test_a_worker_in_another_precision_says_so_and_scores_nothing(tiny_bert: Path) -> None:
    corpus(4).to_parquet("corpus.parquet")
    found = open_corpus([Path("corpus.parquet")], {}, 10)
    choice = ModelChoice(str(tiny_bert), device="cpu", precision="fp32")
    Path("parts").mkdir()
    Path("parts/record.json").write_text('{"ran_in": "bf16"}', encoding="utf-8")
    actor = Actor(Job(found.columns, choice, None, True, fingerprint_of(resolve(choice)), Path("parts")))

    (said,) = actor({"block": list(found.blocks)})["answer"]

    assert said.endswith(
        " runs in fp32 here, and this run began in bf16. The same command goes on in bf16, where that can be."
    )
    assert not list(Path("parts").glob("*.parquet"))


def test_a_worker_with_other_weights_says_so_and_scores_nothing() -> None:
    corpus(4).to_parquet("corpus.parquet")
    found = open_corpus([Path("corpus.parquet")], {}, 10)
    actor = Actor(Job(found.columns, ModelChoice("built-in/mini-reranker"), None, True, "0" * 64, Path("parts")))

    (said,) = actor({"block": list(found.blocks)})["answer"]

    assert said.startswith("The weights of built-in/mini-reranker here (")
    assert said.endswith(") are not those that this run began with (00000000).")
    assert not Path("parts").exists()


def test_a_block_is_read_from_the_row_groups_that_hold_it() -> None:
    frame = corpus(23)
    frame.to_parquet("corpus.parquet", row_group_size=7)
    found = open_corpus([Path("corpus.parquet")], {}, 10)

    read = [corpora_of.read(block, found.columns).to_pandas() for block in found.blocks]

    assert [len(each) for each in read] == [10, 10, 3]
    assert pd.concat(read, ignore_index=True)["id"].tolist() == frame["id"].tolist()
    assert open_corpus([Path("corpus.parquet")], {}, 10).digest == found.digest


@pytest.mark.parametrize("column", ["passage", "label"])
def test_a_changed_text_or_label_is_another_corpus_even_where_the_footer_stays_the_same(column: str) -> None:
    frame = corpus(6).assign(passage=list("abcdef"), label=[0, 1, 1, 0, 0, 1])
    # Without compression and between the least and the greatest value: its place, length and ends are as before.
    frame.to_parquet("corpus.parquet", compression=None)
    before, footer = open_corpus([Path("corpus.parquet")], {}, 10).digest, pq.read_metadata("corpus.parquet")
    frame.loc[3, column] = "c" if column == "passage" else 1
    frame.loc[2, column] = "d" if column == "passage" else 0
    frame.to_parquet("corpus.parquet", compression=None)

    assert pq.read_metadata("corpus.parquet") == footer
    assert open_corpus([Path("corpus.parquet")], {}, 10).digest != before


def test_a_file_that_became_shorter_is_an_error() -> None:
    corpus(4).to_parquet("corpus.parquet")
    found = open_corpus([Path("corpus.parquet")], {}, 10)

    with pytest.raises(corpora_of.InvalidInput, match=r"corpus\.parquet has fewer rows than when the run began\."):
        corpora_of.read(Block(0, "corpus.parquet", 0, 9), found.columns)


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["none.parquet"], "The file 'none.parquet' cannot be opened: No such file or directory."),
        (["empty.parquet"], "empty.parquet is empty."),
        (["no-rows.parquet"], "no-rows.parquet holds no pairs."),
        (["text.parquet"], "text.parquet is no Parquet file, or it is damaged."),
        (["folder"], "The folder 'folder' holds no .parquet files."),
        (["corpus.parquet", "--passage", "body"], "corpus.parquet has no column 'body'. Its columns are: id, query,"),
        (["corpus.parquet", "--label", "grade"], "corpus.parquet has no column 'grade'."),
        (["corpus.parquet", "--query", "label"], "corpus.parquet: the column 'label' holds int64, not text."),
        (["corpus.parquet", "other.parquet"], "other.parquet has other columns than the files before it."),
        (["corpus.parquet", "--model", "bm25"], "BM25 scores depend on all passages beside a passage"),
        (
            ["corpus.parquet", "--model", "tei://127.0.0.1:1"],
            "Models on other machines are not scored in blocks. Choose a model that runs here.",
        ),
        (["corpus.parquet", "--model", "no/such", "--offline"], "no/such is not on this machine"),
        (["corpus.parquet", "--out", "text.parquet"], "text.parquet is there and holds no scores."),
        (["corpus.parquet", "--out", "text.parquet/x"], "could not be written: Not a directory."),
    ],
)
def test_what_cannot_be_scored_is_one_sentence(
    argv: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus(4).to_parquet("corpus.parquet")
    corpus(4).drop(columns="label").to_parquet("other.parquet")
    pq.write_table(pa.Table.from_pandas(corpus(1)).slice(0, 0), "no-rows.parquet")
    Path("empty.parquet").touch()
    Path("text.parquet").write_text("query,passage\n", encoding="utf-8")
    Path("folder").mkdir()

    assert sentence in refusal(capsys, *(argv if "--out" in argv else [*argv, "--out", "scores.parquet"]))
    assert not Path("scores.parquet").exists()


def test_workers_without_ray_say_what_to_install(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    corpus(4).to_parquet("corpus.parquet")

    said = refusal(capsys, "corpus.parquet", "--out", "scores.parquet", "--workers", "2")

    assert said == 'Workers need Ray, which is not installed. Run: pip install "rerank-playground[ray]"'


def test_a_wrong_option_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    said = refusal(capsys, "corpus.parquet", "--out", "s", "--block-rows", "0", status=terminal.WRONG_USAGE)

    assert said.startswith("Invalid value for '--block-rows'")

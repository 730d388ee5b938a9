"""`playground rerank`, `compare`, `embed`, `serve`: the numbers of the Python functions, files and pipes, refusals."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest

from playground import embed, rerank, terminal
from playground.commands.app import app
from playground.core.thresholds import Threshold
from playground.core.types import RerankResult
from playground.engine import threshold_files
from playground.history.store import HistoryStore
from tests.running import ROOT, folder_of_a_command, program, running

__all__ = ["folder_of_a_command"]

QUERY = "what is panda?"
TEXTS = ["hi", "The giant panda is a bear.", "Trains run on time."]


@pytest.fixture(autouse=True)
def _own_folder(folder_of_a_command: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAYGROUND_DB", str(folder_of_a_command / "history.db"))
    (folder_of_a_command / "texts.txt").write_text("\n".join(TEXTS), encoding="utf-8")


def said(capsys: pytest.CaptureFixture[str], *argv: str, status: int = 0) -> tuple[str, str]:
    """What a command writes and says."""
    found = terminal.run(app, "playground", argv)
    out, err = capsys.readouterr()
    assert found == status, err
    return out, err


def lines(capsys: pytest.CaptureFixture[str], *argv: str, status: int = 0) -> list[dict[str, Any]]:
    return [json.loads(line) for line in said(capsys, *argv, "--json", status=status)[0].splitlines()]


def saved(result: RerankResult, name: str, value: float) -> Threshold:
    return Threshold(
        *("", name, datetime(2026, 1, 1, tzinfo=UTC), value, result.scale, result.spec, "", "by-hand", None, "set"),
        *(1, 3, 1, None, None, None),
    )


def test_rerank_gives_the_numbers_of_the_python_function(capsys: pytest.CaptureFixture[str]) -> None:
    result = rerank(QUERY, TEXTS)

    rows = lines(capsys, "rerank", QUERY, "texts.txt")

    assert [(row["rank"], row["passage_id"], row["logit"], row["score"]) for row in rows] == [
        (one.rank, one.passage.id, one.logit, one.score) for one in result
    ]
    assert {(row["fingerprint"], row["scale"]) for row in rows} == {(result.spec.fingerprint, "logit")}
    assert rows[0]["passage"] == TEXTS[1]


def test_a_pipe_gives_the_same_as_a_file_and_only_rows_are_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    command = ("rerank", "giant panda", "--model", "bm25", "--top-n", "2")
    rows = lines(capsys, *command, "texts.txt")

    out, err = program(Path.cwd(), *command, "--json").communicate("\n".join(TEXTS))

    assert [json.loads(line) for line in out.splitlines()] == rows
    assert (len(rows), err) == (2, "")


def write(path: Path) -> None:
    frame = pd.DataFrame({"id": ["a", "b", "c"], "text": TEXTS})
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    elif path.suffix in (".csv", ".tsv"):
        frame.to_csv(path, index=False, sep="," if path.suffix == ".csv" else "\t")
    elif path.suffix == ".txt":
        path.write_text("\n".join(TEXTS), encoding="utf-8")
    else:
        frame.to_json(path, orient="records", lines=path.suffix == ".jsonl")


@pytest.mark.parametrize("suffix", ["txt", "csv", "tsv", "json", "jsonl", "parquet"])
def test_files_and_pipes_of_every_kind_are_read(
    suffix: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(f"passages.{suffix}")
    write(path)
    command = ("rerank", "giant panda", "--model", "bm25")

    from_file = lines(capsys, *command, str(path))
    with path.open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        from_pipe = lines(capsys, *command, *([] if suffix in ("parquet", "json") else ["--as", suffix]))

    assert from_file[0]["passage"] == TEXTS[1]
    assert {row["passage_id"] for row in from_file} == set("123" if suffix == "txt" else "abc")
    assert from_pipe == from_file


def test_several_files_are_told_apart_and_a_query_may_come_with_them(capsys: pytest.CaptureFixture[str]) -> None:
    Path("q.json").write_text(json.dumps({"query": QUERY, "pos": [TEXTS[1]], "neg": ["hi"]}), encoding="utf-8")

    rows = lines(capsys, "rerank", "-", "texts.txt", "q.json", "--model", "bm25")

    assert {row["passage_id"] for row in rows} == {"texts.txt:1", "texts.txt:2", "texts.txt:3", "q.json:1", "q.json:2"}
    assert {row["query"] for row in rows} == {QUERY}


@pytest.mark.parametrize("where", ["line.json", "my line"])
def test_a_saved_threshold_says_what_is_kept(where: str, capsys: pytest.CaptureFixture[str]) -> None:
    threshold = saved(rerank(QUERY, TEXTS), "my line", 0.0)
    Path("line.json").write_text(threshold_files.to_json(threshold), encoding="utf-8")
    HistoryStore(Path("history.db")).thresholds.save("somebody", threshold)

    rows = lines(capsys, "rerank", QUERY, "texts.txt", "--threshold", where)
    kept = lines(capsys, "rerank", QUERY, "texts.txt", "--threshold", where, "--only-kept")

    assert rows[0]["passage"] == TEXTS[1]
    assert [row["keep"] for row in rows] == [row["logit"] >= 0 for row in rows] == [True, False, False]
    assert kept == rows[:1]


def test_a_threshold_of_another_model_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    result = rerank(QUERY, TEXTS)
    other = replace(saved(result, "other", 0.0), spec=replace(result.spec, model_id="a/b", fingerprint="0" * 64))
    Path("other.json").write_text(threshold_files.to_json(other), encoding="utf-8")

    out, err = said(capsys, "rerank", QUERY, "texts.txt", "--threshold", "other.json", status=1)

    assert out == ""
    assert err == (
        "playground: “other” was chosen for a/b, and these scores are from built-in/mini-reranker. Choose a threshold "
        "for this model.\n"
    )


def test_of_several_thresholds_with_one_name_the_newest_that_holds_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    ours = saved(rerank(QUERY, TEXTS), "my line", 0.0)
    other = replace(ours, spec=replace(ours.spec, fingerprint="0" * 64), saved_at=datetime(2026, 2, 1, tzinfo=UTC))
    store = HistoryStore(Path("history.db")).thresholds
    store.save("somebody", ours)
    store.save("somebody", other)

    rows = lines(capsys, "rerank", QUERY, "texts.txt", "--threshold", "my line")

    assert [each.spec.fingerprint for each in store.named("my line")] == ["0" * 64, ours.spec.fingerprint]
    assert [row["keep"] for row in rows] == [True, False, False]


def test_without_a_model_the_variable_names_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    models = []
    for variable in ("bm25,built-in/mini-reranker", "built-in/mini-embedder"):
        monkeypatch.setenv("PLAYGROUND_MODEL", variable)
        for command in (["rerank", "panda"], ["compare", "panda"], ["embed"]):
            rows = lines(capsys, *command, "texts.txt")
            models.append(sorted({row["model"] for row in rows}))

    assert models == [
        ["bm25"],
        ["bm25", "built-in/mini-reranker"],
        ["built-in/mini-embedder"],
        *[["built-in/mini-embedder"]] * 3,
    ]


def test_files_of_one_name_are_told_apart_by_their_folders(capsys: pytest.CaptureFixture[str]) -> None:
    for year in ("2023", "2024"):
        Path(year).mkdir()
        Path(year, "report.txt").write_text(f"panda {year}", encoding="utf-8")

    rows = lines(capsys, "rerank", "panda", "2023/report.txt", "2024/report.txt", "texts.txt", "--model", "bm25")

    assert {"2023/report.txt:1", "2024/report.txt:1", "texts.txt:1"} <= {row["passage_id"] for row in rows}


def test_a_model_that_fails_leaves_the_others_of_a_comparison(capsys: pytest.CaptureFixture[str]) -> None:
    models = ("--model", "built-in/mini-reranker", "--model", "bm25", "--model", "./none")

    out, err = said(capsys, "compare", QUERY, "texts.txt", *models, "--json", status=1)
    rows = [json.loads(line) for line in out.splitlines()]
    table, _ = said(capsys, "compare", QUERY, "texts.txt", *models, status=1)

    assert [row["status"] for row in rows] == ["scored"] * 6 + ["failed"] * 3
    assert [row["logit"] for row in rows[:3]] == [one.logit for one in rerank(QUERY, TEXTS)]
    assert "none" in err
    assert err.count("\n") == 1
    best = next(line for line in table.splitlines() if TEXTS[1] in line)
    assert best.split()[:3] == ["1", "1", "2"]


def test_embed_gives_the_vectors_of_the_python_function(capsys: pytest.CaptureFixture[str]) -> None:
    result = embed(QUERY, TEXTS)

    rows = lines(capsys, "embed", "texts.txt", "--query", QUERY)
    alone = lines(capsys, "embed", "texts.txt")

    assert [row["vector"] for row in rows] == [result.query_vector.tolist(), *result.passage_vectors.tolist()]
    assert [row["text"] for row in rows] == [QUERY, *TEXTS]
    assert alone == rows[1:]
    for more in ((), ("--query", QUERY)):
        out, _ = said(capsys, "embed", "texts.txt", *more, "--format", "table")
        assert re.search(rf"; {len(TEXTS) + bool(more)} texts in \d+\.\d\d s\n$", out)


def test_a_table_fits_the_terminal_and_carries_no_commands_to_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "90")
    Path("bad.txt").write_text("\x1b[31m[bold]a panda[/bold] " + "panda " * 60, encoding="utf-8")

    out, _ = said(capsys, "rerank", "panda", "bad.txt")

    assert "\x1b" not in out
    assert "[bold]a panda[/bold]" in out
    table, caption = out.rstrip().rsplit("\n", 1)
    assert max(map(len, table.splitlines())) <= 90
    assert "built-in/mini-reranker (" in caption
    assert ", logit; 1 passages" in caption


@pytest.mark.parametrize(
    ("argv", "status", "sentence"),
    [
        (["rerank", "x", "none.txt"], 1, "The file 'none.txt' cannot be opened: No such file or directory."),
        (["rerank", "x", "empty.txt"], 1, "empty.txt: This file is empty."),
        (["rerank", " ", "texts.txt"], 1, "The query is empty. Write what you are looking for."),
        (["rerank", "-", "texts.txt"], 2, "The passages name no query. Write it in the place of the -."),
        (["rerank", "x", "texts.txt", "--model", "./none"], 1, "none"),
        (["rerank", "x", "texts.txt", "--device", "gpu"], 2, "--device gpu: choose one of auto, cuda, mps, cpu."),
        (["rerank", "x", "texts.txt", "--format", "xml"], 2, "--format xml: choose one of table, jsonl, json, csv."),
        (["rerank", "x", "texts.txt", "--windows", "a"], 2, "--windows a: give a number of tokens, or auto."),
        (["rerank", "x", "texts.txt", "--overlap", "2"], 2, "--overlap is of windows: give --windows too."),
        (["rerank", "x", "texts.txt", "--top-n", "0"], 2, "Invalid value for '--top-n'"),
        (["rerank", "x", "texts.txt", "--threshold", "none"], 1, "There is no file and no saved threshold 'none'."),
        (
            ["rerank", "x", "texts.txt", "--nonsense"],
            2,
            "No such option: --nonsense. `playground rerank --help` lists",
        ),
        (["rerank", "x", "texts.txt", "--windows-by", "no"], 2, "--windows-by is of windows: give --windows too."),
        (["rerank", "x", "texts.txt", "--only-kept"], 2, "--only-kept is of a threshold: give --threshold too."),
        (["compare", "x", "texts.txt", "--top-n", "1", "--format", "csv"], 2, "--format csv holds all passages"),
        (["compare", "x", "texts.txt", "--top-n", "1", "--format", "json"], 2, "--format json holds all passages"),
        (["embed", "texts.txt", "--query", ""], 1, "The query is empty. Write what you are looking for."),
        (["embed", "texts.txt", "--instruction", "x"], 2, "--instruction goes before a query: give --query too."),
        (["embed", "texts.txt", "--format", "csv"], 2, "--format csv: choose one of table, jsonl."),
        (["compare", "x", "texts.txt", "--model", "bm25", "--model", "bm25"], 1, "bm25"),
        (["nothing"], 2, "No such command 'nothing'."),
        ([], 2, "Missing command."),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_a_status(
    argv: Sequence[str], status: int, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("empty.txt").touch()

    out, err = said(capsys, *argv, status=status)

    assert out == ""
    assert err.startswith("playground: ")
    assert sentence in err
    assert err.count("\n") == 1


def test_a_reader_that_has_enough_ends_the_program_quietly() -> None:
    passages = "\n".join(f"passage {n} " + "with some more words " * 20 for n in range(3000))
    Path("many.txt").write_text(passages, encoding="utf-8")
    command = ("rerank", "passage", "many.txt", "--model", "bm25", "--json")
    process = program(Path.cwd(), *command, stdin=subprocess.DEVNULL)
    assert process.stdout is not None
    assert process.stderr is not None

    first = json.loads(process.stdout.readline())
    process.stdout.close()

    assert process.wait(60) == terminal.PIPE_CLOSED
    assert first["rank"] == 1
    assert "Traceback" not in process.stderr.read()


def test_ctrl_c_ends_it_with_one_sentence() -> None:
    os.mkfifo("slow.txt")
    process = program(Path.cwd(), "rerank", QUERY, "slow.txt")

    # It opens once the program does.
    with Path("slow.txt").open("w", encoding="utf-8"):
        process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)

    assert (process.returncode, err) == (terminal.INTERRUPTED, "playground: Stopped.\n")


def test_serve_answers_programs_with_the_flags_of_launch_py(tmp_path: Path) -> None:
    flags = ("--offline", "--api-key", "sesame")
    with running(tmp_path, *flags, program=("-m", "playground", "serve"), says="for programs: (\\S+)/docs") as page:
        with httpx.Client(transport=httpx.HTTPTransport(retries=8), base_url=page.url, trust_env=False) as client:
            assert client.get("/v1/models").status_code == 401
        assert page.end() == 0


def test_help_answers_without_torch_or_gradio() -> None:
    code = (
        "import sys; from playground import terminal; from playground.commands.app import app\n"
        "assert terminal.run(app, 'playground', ['rerank', '--help']) == 0\n"
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'torch', 'transformers', 'gradio', 'pandas'}))"
    )

    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert "--threshold" in ran.stdout
    assert ran.stdout.splitlines()[-1] == "[]"

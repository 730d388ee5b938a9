"""Flags, variables and defaults: what a start is told, and what it answers to a value that cannot be used."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import pytest

from playground import users
from playground.cli import build_parser, flags, read_settings
from playground.settings import Settings, default_db, is_loopback


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [flag.variable for flag in flags()] + ["SPACE_ID", "SPACE_HOST"]:
        monkeypatch.delenv(name, raising=False)


def refusal(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    with pytest.raises(SystemExit) as stopped:
        read_settings(argv)
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


def test_defaults_keep_the_page_on_this_machine() -> None:
    settings = read_settings([])

    assert settings.host == "127.0.0.1"
    assert settings.local
    assert settings.browser
    assert (settings.models, settings.device, settings.precision) == ((), "auto", "auto")
    assert (settings.share, settings.offline, settings.public, settings.port) == (False, False, False, None)
    assert settings.db == default_db()
    assert settings.db.name == "history.db"


def test_every_flag_is_read(tmp_path: Path) -> None:
    argv = ["--model", "a/b@main", "--model", f"{tmp_path}#layer=2", "--device", "cpu", "--precision", "fp32", "--db"]
    argv += [str(tmp_path / "h.db"), "--host", "0.0.0.0", "--port", "8000", "--share", "--no-browser", "--offline"]

    settings = read_settings([*argv, "--public"])

    assert settings.models == ("a/b@main", f"{tmp_path}#layer=2")
    assert (settings.device, settings.precision, settings.db) == ("cpu", "fp32", tmp_path / "h.db")
    assert (settings.host, settings.port, settings.share) == ("0.0.0.0", 8000, True)
    assert (settings.browser, settings.offline, settings.public, settings.local) == (False, True, True, False)


def test_every_flag_is_also_a_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    values = {
        "MODEL": "a/b, c/d#layer=24,ratio=2",
        "DEVICE": "cpu",
        "PRECISION": "bf16",
        "DB": str(tmp_path / "h.db"),
        "HOST": "::1",
        "PORT": "8001",
        "SHARE": "true",
        "NO_BROWSER": "1",
        "OFFLINE": "yes",
        "PUBLIC": "on",
        "API": "on",
        "API_KEY": "key",
        "AUTH": str(tmp_path / "users"),
        "RUNS_PER_MINUTE": "5",
        "RUNS_AT_ONCE": "0",
        "VISITOR_MB": "7",
        "WORKER": "no",
        "TRAIN": "yes",
    }
    users.add(tmp_path / "users", "ann", "a long password")
    assert {flag.variable for flag in flags()} == {f"PLAYGROUND_{name}" for name in values}
    for name, value in values.items():
        monkeypatch.setenv(f"PLAYGROUND_{name}", value)

    settings = read_settings([])

    assert settings.models == ("a/b", "c/d#layer=24,ratio=2")
    assert (settings.device, settings.precision, settings.db) == ("cpu", "bf16", tmp_path / "h.db")
    assert (settings.host, settings.port, settings.share) == ("::1", 8001, True)
    assert (settings.browser, settings.offline, settings.public) == (False, True, True)
    assert settings.users is not None
    assert (settings.most_runs_per_minute, settings.most_runs_at_once, settings.worker) == (5, None, False)
    assert settings.most_kept_bytes == 7_000_000


def test_limits_of_a_visitor_come_with_a_public_page() -> None:
    own, public = Settings(), Settings(public=True)

    assert (own.worker, public.worker) == (False, True)
    assert (own.most_runs_per_minute, own.most_runs_at_once, own.most_kept_bytes) == (None, None, None)
    assert (public.most_runs_per_minute, public.most_runs_at_once, public.most_kept_bytes) == (30, 3, 50_000_000)


def test_a_flag_wins_over_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAYGROUND_MODEL", "a/b,c/d")
    monkeypatch.setenv("PLAYGROUND_DEVICE", "cuda")
    monkeypatch.setenv("PLAYGROUND_SHARE", "true")
    monkeypatch.setenv("PLAYGROUND_NO_BROWSER", "true")

    settings = read_settings(["--model", "e/f", "--device", "cpu", "--no-share", "--browser"])

    assert (settings.models, settings.device, settings.share, settings.browser) == (("e/f",), "cpu", False, True)


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["--port", "99999"], "launch.py: --port 99999: choose a whole number from 1 to 65535."),
        (["--runs-at-once", "-1"], "launch.py: --runs-at-once -1: choose a whole number from 0 up."),
        (["--port", "http"], "launch.py: --port http: choose a whole number from 1 to 65535."),
        (["--device", "tpu"], "launch.py: --device tpu: choose one of auto, cuda, mps, cpu."),
        (["--precision", "int4"], "launch.py: --precision int4: choose one of auto, fp32, fp16, bf16, int8."),
        (["--model", " "], "launch.py: --model: a model needs a name: a Hub id such as BAAI/bge-reranker-base, or a"),
        (["--model", "./absent"], "launch.py: --model: there is no folder ./absent; check the path, or give a Hub id."),
        (["--host", "http://a:1"], "launch.py: --host: 'http://a:1' is not an address; give one such as 127.0.0.1,"),
        (["--prot", "1"], "launch.py: Unrecognized arguments: --prot 1. `python launch.py --help` lists the flags."),
        (["--port"], "launch.py: Argument --port: expected one argument. `python launch.py --help` lists the flags."),
    ],
)
def test_a_wrong_value_gets_one_sentence(argv: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert refusal(capsys, *argv).startswith(sentence)


def test_a_folder_may_say_how_it_is_read(tmp_path: Path) -> None:
    model = f"{tmp_path}#mode=dense+sparse"

    assert read_settings(["--model", model]).models == (model,)


def test_a_wrong_variable_is_named_as_the_variable(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PLAYGROUND_SHARE", "perhaps")

    assert refusal(capsys) == "launch.py: PLAYGROUND_SHARE perhaps: choose true or false.\n"


def test_a_folder_is_no_history_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = refusal(capsys, "--db", str(tmp_path))

    assert said == f"launch.py: --db: {tmp_path} is a folder; give a file in it, such as {tmp_path / 'history.db'}.\n"


def test_an_empty_variable_counts_as_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAYGROUND_PORT", "")

    assert read_settings([]).port is None


def test_a_space_is_public_and_reached_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACE_ID", "owner/space")
    monkeypatch.setenv("SPACE_HOST", "owner-space.hf.space")

    settings = Settings()

    assert (settings.host, settings.public, settings.browser, settings.local) == ("0.0.0.0", True, False, False)
    assert settings.db.is_relative_to(tempfile.gettempdir())
    assert "owner-space.hf.space" in settings.allowed_hosts
    assert "localhost" in settings.allowed_hosts


def test_a_space_keeps_its_history_where_it_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SPACE_ID", "owner/space")
    monkeypatch.setenv("PLAYGROUND_DB", str(tmp_path / "kept.db"))

    assert Settings().db == tmp_path / "kept.db"


def test_a_local_page_answers_to_its_own_names_only() -> None:
    assert set(Settings().allowed_hosts) == {"localhost", "127.0.0.1", "::1", "[::1]"}
    assert Settings(host="0.0.0.0").allowed_hosts == ["*"]
    assert "192.168.0.7" in Settings(host="192.168.0.7").allowed_hosts
    assert "*.gradio.live" in Settings(share=True).allowed_hosts


def test_a_key_is_kept_from_sight_and_must_fit_in_a_header(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PLAYGROUND_API_KEY", "secret-key")
    settings = read_settings(["--api"])
    said = refusal(capsys, "--api-key", "two words")

    assert settings.api
    assert settings.api_key is not None
    assert settings.api_key.get_secret_value() == "secret-key"
    assert "secret" not in repr(settings)
    assert said.startswith("launch.py: --api-key: a key is letters, digits and signs without spaces")
    assert "two words" not in said


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("box", False)],
)
def test_loopback_is_told_from_the_rest(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_help_names_every_flag_and_its_variable() -> None:
    text = re.sub(r"\s+", " ", build_parser().format_help())

    for flag in flags():
        assert flag.name in text
        assert f"[{flag.variable};" in text


def test_a_space_keeps_its_history_where_a_restart_leaves_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SPACE_ID", "owner/space")
    monkeypatch.setattr("playground.settings.PERSISTENT", tmp_path)
    assert Settings().db == tmp_path / "rerank-playground" / "history.db"
    monkeypatch.setattr("playground.settings.PERSISTENT", tmp_path / "absent")
    assert Settings().db == Path(tempfile.gettempdir()) / "rerank-playground" / "history.db"


def test_programs_need_a_key_where_visitors_sign_in(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    users.add(tmp_path / "users", "ann", "a long password")
    argv = ["--auth", str(tmp_path / "users"), "--api"]

    assert "programs do not sign in" in refusal(capsys, *argv)
    assert read_settings([*argv, "--api-key", "sesame"]).api
    assert read_settings(argv[:2]).auth == str(tmp_path / "users")

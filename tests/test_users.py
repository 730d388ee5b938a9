"""The users file: what is in it, and who may sign in."""

from __future__ import annotations

import io
import os
import re
import stat
from pathlib import Path

import pytest

from playground import users
from playground.cli import read_settings


def test_a_user_signs_in_with_the_own_password_only(tmp_path: Path) -> None:
    file = tmp_path / "users"
    users.add(file, "ann", "a long password")
    users.add(file, "bob", "密码密码密码密码")
    users.add(file, "ann", "another password")
    known = users.Users(users.read(file))

    assert known.check("ann", "another password")
    assert known.check("bob", "密码密码密码密码")
    assert not known.check("ann", "a long password")
    assert not known.check("bob", "another password")
    assert not known.check("nobody", "another password")
    assert not known.check("", "")


def test_the_file_holds_no_password_and_is_its_owners(tmp_path: Path) -> None:
    file = tmp_path / "users"
    users.add(file, "ann", "a long password")
    users.add(file, "bob", "a long password")
    ann, bob = file.read_text().splitlines()

    assert "long" not in ann
    assert ann.split("$")[1:] != bob.split("$")[1:]
    assert list(tmp_path.iterdir()) == [file]
    if os.name == "posix":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("name", "password", "said"),
    [("a:b", "long enough", "a name has"), ("", "long enough", "a name has"), ("ann", "short", "at least 8")],
)
def test_what_cannot_be_a_user_is_said(tmp_path: Path, name: str, password: str, said: str) -> None:
    with pytest.raises(users.UsersError, match=said):
        users.add(tmp_path / "users", name, password)
    assert not (tmp_path / "users").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "cannot be read"),
        ("# nobody\n\n", "holds no user"),
        ("ann:plain password\n", "line 1 of .* is no user"),
        ("ann:scrypt$00$00\n", "line 1 of .* is no user"),
    ],
)
def test_a_file_that_is_none_of_users_ends_the_start_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None, said: str
) -> None:
    file = tmp_path / "users"
    if text is not None:
        file.write_text(text)
    with pytest.raises(SystemExit) as ended:
        read_settings(["--auth", str(file)])
    sentence = capsys.readouterr().err
    assert ended.value.code == 2
    assert re.match(rf"launch\.py: --auth: .*{said}", sentence)
    assert "plain password" not in sentence
    assert sentence.count("\n") == 1


def test_hugging_face_is_refused_outside_a_space(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OAUTH_CLIENT_ID", raising=False)
    with pytest.raises(SystemExit):
        read_settings(["--auth", "huggingface"])
    assert "needs a Space with hf_oauth: true" in capsys.readouterr().err


def test_the_command_adds_a_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("a long password\n"))
    assert users.main([str(tmp_path / "users"), "ann"]) == 0
    assert "--auth" in capsys.readouterr().out
    assert users.Users(users.read(tmp_path / "users")).check("ann", "a long password")
    assert users.main(["only one"]) == 2

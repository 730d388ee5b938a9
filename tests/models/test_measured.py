"""What was measured once: it outlives the process, and a damaged file costs no more than measuring again."""

from __future__ import annotations

from pathlib import Path

import pytest

from playground.models import measured


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(measured, "folder", lambda: tmp_path / "cache")
    return tmp_path / "cache"


def test_a_value_is_found_again_under_its_key_and_topic_alone(folder: Path) -> None:
    assert measured.get("speed", "cpu") is None
    measured.put("speed", "cpu", {"bf16": 2.5})
    measured.put("speed", "gpu", [1, 2])
    assert measured.get("speed", "cpu") == {"bf16": 2.5}
    assert measured.get("speed", "gpu") == [1, 2]
    assert measured.get("budget", "cpu") is None
    assert [path.name for path in folder.iterdir()] == ["speed.json"]


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"cpu": ', "\x00"])
def test_a_damaged_file_counts_as_absent_and_is_written_anew(folder: Path, text: str) -> None:
    folder.mkdir()
    (folder / "speed.json").write_text(text)
    assert measured.get("speed", "cpu") is None
    measured.put("speed", "cpu", 1)
    assert measured.get("speed", "cpu") == 1


def test_where_nothing_can_be_written_nothing_is_kept_and_nothing_fails(folder: Path) -> None:
    folder.write_text("a file where the folder would be")
    measured.put("speed", "cpu", 1)
    assert measured.get("speed", "cpu") is None

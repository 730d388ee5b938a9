"""The Python of the README runs as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

README = Path(__file__).resolve().parents[1] / "README.md"


def test_the_python_of_the_readme_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    # What asks a server is run in tests/serve/test_processes.py.
    text = re.sub(r"\n## Serve\n.*?(?=\n## )", "", README.read_text(encoding="utf-8"), flags=re.DOTALL)
    code = "\n".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL))
    exec(compile(code, "README.md", "exec"), {"__name__": "readme"})
    said = capsys.readouterr().out
    assert "Paris is the capital and largest city of France." in said.split("\n")[0]
    assert "kendall" in said.lower()
    assert (tmp_path / "ranks.html").stat().st_size > 10_000

"""Reading public sources: what becomes prose, what a question with its answer, and what is left out."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from playground.core.errors import InvalidInput
from playground.training import gather
from playground.training.gather import Pair, git_files, git_folder, of_cnxml, of_posts, of_questions, unpack
from playground.training.prose import Section

PROSE = (
    "The heart of a mammal has four chambers, and the blood that comes back from the body is pumped to the lungs "
    "before it is sent to the rest of the organs."
)
MODULE = f"""<document xmlns="http://cnx.rice.edu/cnxml" xmlns:m="http://www.w3.org/1998/Math/MathML"><title>Heart</title>
<content><section><title>Chambers</title><para>{PROSE}</para></section>
<exercise><problem><para>Why does the heart have four chambers?</para></problem>
<solution><para>So that the blood <m:math><m:mi>xyz</m:mi></m:math>{PROSE}</para></solution></exercise></content>
<glossary><definition><term>atrium</term><meaning>one of the upper chambers of the heart</meaning></definition>
<definition><term>vein</term><meaning>a vessel</meaning></definition></glossary></document>"""


def test_a_textbook_gives_sections_solved_exercises_and_its_glossary() -> None:
    found = list(of_cnxml(MODULE.encode(), "medicine"))
    assert [one for one in found if isinstance(one, Section)] == [Section("medicine", "Chambers", PROSE)]
    assert [one for one in found if isinstance(one, Pair)] == [
        Pair("medicine", "definition", "atrium", "one of the upper chambers of the heart"),
        Pair("medicine", "exercise", "Why does the heart have four chambers?", f"So that the blood {PROSE}"),
    ]


def test_of_a_dump_the_best_answer_is_read_without_its_code() -> None:
    long = "It helps to grind the beans just before you brew, and to keep the water a little below boiling. " * 2
    posts = f"""<posts><row Id="1" PostTypeId="1" Title="Bitter coffee" Body="&lt;p&gt;Mine is bitter.&lt;/p&gt;" />
    <row Id="2" PostTypeId="2" ParentId="1" Score="1" Body="{long} worse" />
    <row Id="3" PostTypeId="2" ParentId="1" Score="9" Body="{long}&lt;pre&gt;code&lt;/pre&gt;" />
    <row Id="4" PostTypeId="1" Title="Nobody answered" Body="" /></posts>"""
    assert list(of_posts(posts.encode(), "coffee")) == [
        Pair("coffee", "answer", "Bitter coffee", long.strip()),
        Pair("coffee", "description", "Bitter coffee Mine is bitter.", long.strip()),
    ]


def test_questions_come_from_tables_and_from_trivia() -> None:
    assert list(of_questions("train.tsv", b"Who was it ?\t0.2\nWhere is it ?\t1.0\n")) == [
        "Who was it ?",
        "Where is it ?",
    ]
    assert list(of_questions("animals", b"#Q Which bear\nis black and white?\n^ Panda\nA Panda\n")) == [
        "Which bear is black and white?"
    ]


def committed(home: Path, *texts: str) -> None:
    """A repository whose a.txt held these texts, one after another."""

    def git(*words: str) -> None:
        me = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        subprocess.run(["git", *me, *words], cwd=home, check=True, capture_output=True)

    home.mkdir(parents=True)
    git("init", "-q")
    for text in texts:
        (home / "a.txt").write_text(text)
        git("add", "a.txt")
        git("commit", "-q", "-m", text)


@pytest.fixture
def instead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Puts a shell script before a command of that name."""

    def instead(name: str, script: str) -> None:
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    return instead


def test_what_a_killed_clone_leaves_is_cloned_anew(
    tmp_path: Path, instead: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    committed(tmp_path / "github" / "someone" / "texts", "whole")
    # git clone, killed once its last argument holds an empty repository.
    instead("git", f'for last; do :; done; {shutil.which("git")} init -q --bare "$last"; kill -9 $$')
    with pytest.raises(InvalidInput, match="cannot be cloned"):
        git_folder("someone/texts", tmp_path / "clones")
    (tmp_path / "bin" / "git").unlink()
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", f"url.{tmp_path / 'github'}/.insteadOf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "https://github.com/")
    folder = git_folder("someone/texts", tmp_path / "clones")
    assert list(git_files(folder, "HEAD", "a.txt")) == [("a.txt", b"whole")]
    assert [path.name for path in (tmp_path / "clones").iterdir()] == ["someone+texts"]


def test_what_a_killed_download_leaves_is_fetched_and_unpacked_anew(
    tmp_path: Path, instead: Callable[[str, str], None]
) -> None:
    (tmp_path / "made" / "DEBIAN").mkdir(parents=True)
    (tmp_path / "made" / "doc.txt").write_text("words")
    (tmp_path / "made" / "DEBIAN" / "control").write_text(
        "Package: words\nVersion: 1\nArchitecture: all\nMaintainer: a <a@example.org>\nDescription: words\n"
    )
    deb, folder = tmp_path / "words_1_all.deb", tmp_path / "debian"
    subprocess.run(["dpkg-deb", "--build", tmp_path / "made", deb], check=True, capture_output=True)
    instead("apt-get", f"head -c 100 {deb} > {deb.name}; echo half > half.txt; kill -9 $$")
    with pytest.raises(InvalidInput, match="apt has no words"):
        unpack(["words"], folder)
    instead("apt-get", f"cp {deb} .")
    unpack(["words"], folder)
    assert [path.name for path in (folder / "words").iterdir()] == ["doc.txt"]
    assert sorted(path.name for path in folder.iterdir()) == ["words", deb.name]


def test_a_repository_is_read_at_its_commit(tmp_path: Path) -> None:
    committed(tmp_path / "someone+texts", "before", "after")
    folder = git_folder("someone/texts", tmp_path)
    assert list(git_files(folder, "HEAD^", "a.txt")) == [("a.txt", b"before")]
    with pytest.raises(InvalidInput, match=r"has no b\.txt at HEAD"):
        list(git_files(folder, "HEAD", "b.txt"))


def test_every_source_names_what_is_needed_to_read_it_again() -> None:
    import tomllib

    sources = tomllib.loads(gather.SOURCES.read_text(encoding="utf-8"))
    assert len({source["field"] for source in sources["openstax"]}) >= 10
    for kind in ("openstax", "stackexchange", "questions"):
        assert all(len(source["commit"]) >= 7 for source in sources[kind])

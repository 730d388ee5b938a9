"""What names a model: `org/name@revision`, a Hub address or a folder, and how it is read: `#label=entailment`,
`#layer=24,ratio=2`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from playground.core.errors import InvalidInput
from playground.models.catalog import find
from playground.remote.address import is_remote

# Only at the end and only these, because a folder may have a # in its name.
_KEYS = "label|prompt|task|mode|layer|ratio|at|backend"
_OPTIONS = re.compile(rf"(?P<name>.+)#(?P<options>(?:{_KEYS})=[^#=]+(?:,(?:{_KEYS})=[^#=]+)*)", re.DOTALL)
# The folder of a model that was trained here.
_TRAINED = re.compile(r".*[/\\]trained[/\\]([a-z0-9-]+)-[0-9a-f]{16}")


class Named(NamedTuple):
    """A model id or folder, and what was said of how to read it.

    Attributes:
        label: of a classifier, the one that means relevant; by name or number.
        prompt: of a language model, how it is asked: a key of `prompts.PROMPTS`.
        task: of an embedder, which of its prompts go before query and passages: see `embedder_files.prompts_of`.
        mode: of bge-m3, what of it scores a pair, in the words of `modes.weights_of`.
        layer, ratio, at: of a model that may stop early and compress on its way; see `layers.Depth`.
        backend: what runs it, where that is not PyTorch; see `backends`.
    """

    name: str
    label: str = ""
    prompt: str = ""
    task: str = ""
    mode: str = ""
    layer: str = ""
    ratio: str = ""
    at: str = ""
    backend: str = ""

    @property
    def weights(self) -> str:
        """The part that decides which weights are loaded: those of another backend are others."""
        return Named(self.name, backend=self.backend).text

    @property
    def plain(self) -> str:
        """The id of the same reading by PyTorch."""
        return self._replace(backend="").text

    @property
    def text(self) -> str:
        """The id with its options."""
        said = ",".join(
            f"{key}={value}" for key, value in zip(self._fields, self, strict=True) if key != "name" and value
        )
        return f"{self.name}#{said}" if said else self.name


def split(model_id: str) -> Named:
    """The id without its options, and the options."""
    found = _OPTIONS.fullmatch(model_id)
    if not found:
        return Named(model_id)
    pairs = (option.split("=") for option in re.split(rf",(?=(?:{_KEYS})=)", found["options"]))
    return Named(found["name"], **{key: value.strip() for key, value in pairs})


def parse_choice(text: str) -> tuple[str, str | None]:
    """(model id, folder or address, with its option, revision) of what was typed.

    Raises:
        InvalidInput: nothing was typed.
    """
    text = text.strip()
    if not text:
        raise InvalidInput("Name a model: a Hub id such as BAAI/bge-reranker-base, or a folder.")
    if is_remote(text) or is_folder(text):
        return text, None
    name = split(text).name
    option = text[len(name) :]
    # A run that is shown again names the revision last of all.
    option, _, late = option.partition("@")
    address = re.fullmatch(
        r"https?://(?:www\.)?(?:huggingface\.co|hf\.co)/([^/?#]+/[^/?#@]+)(?:/tree/([^?#]+))?/?", name
    )
    model_id, revision = (address[1], address[2]) if address else name.partition("@")[::2]
    return model_id.strip() + option, (revision or late or "").strip() or None


def is_folder(model_id: str) -> bool:
    """Whether `model_id` names a folder: one that exists, or something only a path can look like."""
    if is_remote(model_id):
        return False
    name = split(model_id).name
    looks_like_path = name.startswith(("/", "./", "../", "~", ".\\", "..\\")) or "\\" in name
    return looks_like_path or (find(name) is None and Path(name).is_dir())


def refuse_folder(model_id: str, folders: bool | Path = False) -> None:
    """Nothing, where `model_id` names no folder, or one that may be opened.

    Args:
        folders: True for any, False for none, else the one whose own folders may be.
    Raises:
        InvalidInput: it names another.
    """
    if folders is not True and is_folder(model_id):
        if folders and Path(split(model_id).name).resolve().parent == Path(folders).resolve():
            return
        raise InvalidInput("Folders of this machine cannot be opened on a public page. Type a Hugging Face id.")


def short_name(model_id: str) -> str:
    """The folder's name where it is one of a trained model: the path before it says nothing to a person."""
    name = split(model_id).name
    found = _TRAINED.fullmatch(name)
    return found[1] + model_id[len(name) :] if found else model_id

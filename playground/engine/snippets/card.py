"""What every snippet says of its threshold, and the lines that several of them share."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap

from playground.core.errors import InvalidInput
from playground.core.limits import clean
from playground.core.scales import sigmoid
from playground.core.thresholds import Threshold
from playground.core.types import PrecisionName
from playground.engine.exports import LOOSEST, TOLERANCES
from playground.engine.ranking import float32
from playground.models.catalog import find
from playground.models.named import is_folder, split

DTYPES: dict[PrecisionName, str] = {"fp32": "float32", "fp16": "float16", "bf16": "bfloat16"}
# A sigmoid in float32 that is coarser than this is no place for a threshold.
COARSE_LOGIT = 1e-3
SHORT_FINGERPRINT = 12
WIDTH = 100

LOG_ODDS = '''
class LogOdds(torch.nn.Module):
    """Two labels: the second logit less the first, as the playground scores them."""

    def forward(self, logits):
        return logits[:, 1] - logits[:, 0]
'''


@dataclass(frozen=True, slots=True)
class Card:
    """A threshold and the texts that a program starts with."""

    threshold: Threshold
    query: str
    passages: tuple[str, ...]

    @property
    def two_labels(self) -> bool:
        return self.threshold.scale.name == "log-odds"

    @property
    def local(self) -> bool:
        """Whether the model is a folder, so that there is no revision to pin."""
        return self.threshold.spec.revision is None

    @property
    def model(self) -> str:
        """The model's id, or its folder as an absolute path where it stands on this machine."""
        model_id = clean(split(self.threshold.spec.model_id).name)
        if self.local and is_folder(model_id):
            return Path(model_id).expanduser().absolute().as_posix()
        return model_id

    @property
    def dtype(self) -> str:
        """Of torch.

        Raises:
            InvalidInput: a precision that only the playground computes.
        """
        precision = self.threshold.spec.precision
        if precision not in DTYPES:
            raise InvalidInput(
                "The precision {precision} of this threshold is made by the playground itself. Choose a threshold in "
                "fp32, bf16 or fp16.",
                precision=precision,
            )
        return f"torch.{DTYPES[precision]}"

    @property
    def activation(self) -> str:
        """What turns the output of the head into the raw score."""
        return "LogOdds()" if self.two_labels else "torch.nn.Identity()"

    @property
    def log_odds(self) -> str:
        """The class that `activation` names, where it is none of torch's."""
        return f"\n{LOG_ODDS}\n" if self.two_labels else ""

    def head(self, install: str, *, cut: str = "") -> str:
        """Comments at the top: which threshold, where it holds, what to install.

        Args:
            cut: in which way the library cuts long texts ("only_second", "longest_first"); empty for an embedder.
        """
        threshold, spec = self.threshold, self.threshold.spec
        revision = "" if spec.revision is None else f" at {spec.revision[:SHORT_FINGERPRINT]}"
        tolerance = TOLERANCES.get(spec.precision, LOOSEST)
        lines = [
            f"Threshold {_plain(threshold.name)}, {_chosen(threshold)}.",
            f"It holds for {_plain(spec.model_id)}{revision} (weights {spec.fingerprint[:SHORT_FINGERPRINT]}) on the "
            f"scale {threshold.scale.name!r}, and for no other model.",
            f"It was chosen on {spec.device} in {spec.precision}. Other machines and batches round otherwise: a score "
            f"within {tolerance:g} of the line may fall on its other side.",
        ]
        lines += map(_plain, spec.replaced)
        if cut and cut != spec.truncation:
            lines.append(
                "The playground cut long texts in another way than this library; it matters only for queries longer "
                f"than about half of the {spec.max_length} tokens."
            )
        return "".join(map(commented, [*lines, f"pip install {install}"]))

    def constants(self, *, dtype: bool = True) -> str:
        """MODEL, REVISION, MAX_LENGTH, THRESHOLD and the instructions, then query and passages."""
        threshold, spec = self.threshold, self.threshold.spec
        entry = find(spec.model_id)
        lines = [f"MODEL = {self.model!r}"]
        if entry is not None and entry.built_in:
            lines = [
                "# The weights come with the playground: pip install -e . in its checkout.",
                "from playground.paths import BUILT_IN_MODELS",
                "",
                f'MODEL = (BUILT_IN_MODELS / "{entry.path}").as_posix()',
            ]
        if not self.local:
            lines.append(f"REVISION = {spec.revision!r}")
        lines += [f"MAX_LENGTH = {spec.max_length}", f"DEVICE = {spec.device!r}"]
        lines += [f"DTYPE = {self.dtype}"] if dtype else []
        lines.append(commented(self._scale_line()).rstrip())
        lines.append(f"THRESHOLD = {threshold.value!r}")
        if threshold.instruction:
            lines += ["# Goes straight before every query.", f"INSTRUCTION = {clean(threshold.instruction)!r}"]
        if spec.passage_instruction:
            before = f"PASSAGE_INSTRUCTION = {clean(spec.passage_instruction)!r}"
            lines += ["# Goes straight before every passage.", before]
        passages = "".join(f"    {clean(passage)!r},\n" for passage in self.passages)
        return "\n".join([*lines, "", f"query = {clean(self.query)!r}", f"passages = [\n{passages}]\n"])

    @property
    def asked(self) -> str:
        """The query as the model reads it, as an expression."""
        return "INSTRUCTION + query" if self.threshold.instruction else "query"

    @property
    def revision(self) -> str:
        """An argument `revision=REVISION, `, or nothing for a folder."""
        return "" if self.local else "revision=REVISION, "

    def folder(self) -> str:
        """Lines that make `folder`, for a library that takes no revision."""
        if self.local:
            return "folder = MODEL\n"
        return (
            "# This library takes no revision, so that the files are fetched here.\n"
            'wanted = ["*.json", "*.safetensors", "*.txt", "*.model"]\n'
            "folder = snapshot_download(MODEL, revision=REVISION, allow_patterns=wanted)\n"
        )

    def _scale_line(self) -> str:
        threshold = self.threshold
        if threshold.scale.name == "cosine":
            return "A cosine."
        return f"A raw {threshold.scale.name}, as the head gives it. {sigmoid_note(threshold.value)}"


def commented(text: str) -> str:
    """A sentence as comments of at most `WIDTH` characters, each line with its end."""
    return "".join(f"# {line}\n" for line in wrap(text, WIDTH - 2, break_long_words=False, break_on_hyphens=False))


def sigmoid_note(value: float) -> str:
    """Where the line lies after a sigmoid, and whether float32 can still tell it from its neighbours there."""
    shown = float32(sigmoid(value))
    if shown in (0.0, 1.0):
        return f"A sigmoid in float32 rounds it to {shown:.1f}, where many scores are equal: cut the raw score."
    slope = sigmoid(value) * (1.0 - sigmoid(value))
    # A float32 has 29 bits fewer than a float64, and none below 2^-149.
    step = max(math.ulp(shown) * 2.0**29, 2.0**-149) / slope
    if step > COARSE_LOGIT:
        return (
            f"After a sigmoid it is {shown!r}, where float32 cannot tell scores apart that are closer than {step:.2g} "
            "here: cut the raw score."
        )
    return f"After a sigmoid the same line is at {sigmoid(value)!r}."


def not_for_embedders(library: str) -> InvalidInput:
    """Why a library that leaves cosines to its vector stores gets no threshold on one."""
    return InvalidInput(
        "{library} leaves cosines to its vector stores, and each of them scales them in its own way. Take the snippet "
        "for sentence-transformers.",
        library=library,
    )


def one_label_only(library: str) -> InvalidInput:
    """Why a model with two labels does not run there."""
    return InvalidInput(
        "{library} runs rerankers with one output only, and this one has two. Take the snippet for "
        "sentence-transformers.",
        library=library,
    )


def _chosen(threshold: Threshold) -> str:
    ways = {
        "by-hand": "placed by hand",
        "f-beta": f"the best F-beta with beta {threshold.parameter}",
        "precision": f"for a precision of at least {threshold.parameter}",
        "recall": f"for a recall of at least {threshold.parameter}",
        "cost": f"for a false positive that costs {threshold.parameter} false negatives",
    }
    where = f" on {_plain(threshold.set_name)}" if threshold.set_name else ""
    counts = f"{threshold.n_queries} queries, {threshold.n_pairs} pairs"
    return f"{ways[threshold.method]}{where} ({counts}) on {threshold.saved_at.date().isoformat()}"


def _plain(text: str) -> str:
    """Text of a user in one line that cannot end a comment."""
    return repr(" ".join(clean(text).split()))

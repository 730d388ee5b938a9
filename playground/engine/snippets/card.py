"""What every snippet says of its model and of the line that cuts its scores, and the lines that several share."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap

from playground.core.errors import InvalidInput, PlaygroundError
from playground.core.limits import clean
from playground.core.scales import Scale, sigmoid
from playground.core.thresholds import Threshold
from playground.core.types import ModelChoice, ModelSpec, PrecisionName
from playground.engine.exports import LOOSEST, TOLERANCES
from playground.engine.ranking import float32
from playground.models import prompts
from playground.models.backends import TITLES
from playground.models.catalog import find
from playground.models.embedder_files import Pooling
from playground.models.named import Named, is_folder, split
from playground.models.resolve import Resolved, resolve

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
# Scales whose sigmoid other libraries show instead of the raw output.
LOGITS = frozenset({"logit", "log-odds"})


@dataclass(frozen=True, slots=True)
class Card:
    """A model as it ran, the texts that a program starts with, and where its scores are cut, if anywhere."""

    spec: ModelSpec
    scale: Scale
    instruction: str
    query: str
    passages: tuple[str, ...]
    threshold: Threshold | None = None

    @property
    def named(self) -> Named:
        """The model's id, and how it is read."""
        return split(self.spec.model_id)

    @property
    def prompt(self) -> prompts.Prompt | None:
        """What a language model is asked with."""
        key = prompts.of(self.spec.model_id, self.spec.architecture, self.named.prompt)
        return prompts.PROMPTS.get(key)

    @property
    def kind(self) -> str:
        """What a library must be able to run: a key of its `WRITERS`."""
        if self.spec.family in {prompt.family for prompt in prompts.PROMPTS.values()}:
            return prompts.of(self.spec.model_id, self.spec.architecture, self.named.prompt)
        if self.spec.family == "m3" and self.named.mode == "dense":
            return "m3_dense"
        if self.spec.family != "cross_encoder" or self.scale.name != "log-odds":
            return self.spec.family
        return "labels" if self.named.label else "two_labels"

    @property
    def local(self) -> bool:
        """Whether the model is a folder, so that there is no revision to pin."""
        return self.spec.revision is None

    @property
    def model(self) -> str:
        """The model's id, or its folder as an absolute path where it stands on this machine."""
        model_id = clean(self.named.name)
        if self.local and is_folder(model_id):
            return Path(model_id).expanduser().absolute().as_posix()
        return model_id

    @property
    def files(self) -> Resolved:
        """What the model's files say of it.

        Raises:
            InvalidInput: they are not on this machine.
        """
        choice = ModelChoice(self.spec.model_id, self.spec.revision, self.spec.kind)
        try:
            return resolve(choice, offline=True)
        except PlaygroundError as error:
            raise InvalidInput(
                "How {model} is read stands in its files, which are not on this machine. Score something with it, "
                "then ask again.",
                model=self.spec.model_id,
            ) from error

    @property
    def dtype(self) -> str:
        """Of torch.

        Raises:
            InvalidInput: a precision that only the playground computes.
        """
        precision = self.spec.precision
        if precision not in DTYPES:
            raise InvalidInput(
                "The precision {precision} of these scores is made by the playground itself. Choose scores in fp32, "
                "bf16 or fp16.",
                precision=precision,
            )
        return f"torch.{DTYPES[precision]}"

    def head(self, install: str, *, cut: str = "") -> str:
        """Comments at the top: which scores, where they hold, what to install.

        Args:
            cut: in which way the library cuts long texts ("only_second", "longest_first"); empty where query and
                passage are read apart.
        """
        threshold, spec = self.threshold, self.spec
        revision = "" if spec.revision is None else f" at {spec.revision[:SHORT_FINGERPRINT]}"
        tolerance = TOLERANCES.get(spec.precision, LOOSEST)
        model = f"{_plain(spec.model_id)}{revision} (weights {spec.fingerprint[:SHORT_FINGERPRINT]})"
        rounding = "Other machines and batches round otherwise"
        if threshold is None:
            lines = [
                f"The scores of {model} on the scale {self.scale.name!r}, as the playground gave them on {spec.device} "
                f"in {spec.precision}. {rounding}, which may move a score by about {tolerance:g}."
            ]
        else:
            lines = [
                f"Threshold {_plain(threshold.name)}, {_chosen(threshold)}.",
                f"It holds for {model} on the scale {self.scale.name!r}, and for no other model.",
                f"It was chosen on {spec.device} in {spec.precision}. {rounding}: a score within {tolerance:g} of the "
                "line may fall on its other side.",
            ]
        lines += map(_plain, spec.replaced)
        if self.named.backend:
            lines.append(
                f"The playground ran it with {TITLES[self.named.backend]}; this program runs the same weights with "
                "PyTorch."
            )
        if cut and cut != spec.truncation:
            lines.append(
                "The playground cut long texts in another way than this program; it matters only for queries longer "
                f"than about half of the {spec.max_length} tokens."
            )
        return "".join(map(commented, [*lines, f"pip install {install}"]))

    def constants(self, *, dtype: bool = True) -> str:
        """MODEL, REVISION, MAX_LENGTH, THRESHOLD and the instructions, then query and passages."""
        threshold, spec = self.threshold, self.spec
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
        if self.named.label:
            lines += ["# This one is scored, against all others.", f"LABEL = {clean(self.named.label)!r}"]
        lines += [f"MAX_LENGTH = {spec.max_length}", f"DEVICE = {spec.device!r}"]
        lines += [f"DTYPE = {self.dtype}"] if dtype else []
        if threshold is not None:
            after = f" {sigmoid_note(threshold.value)}" if self.scale.name in LOGITS else ""
            lines.append(commented(f"On the scale {self.scale.name!r}, raw, as the model gives it.{after}").rstrip())
            lines.append(f"THRESHOLD = {threshold.value!r}")
        if self.instruction:
            where = "Part of the prompt." if self.prompt else "Goes straight before every query."
            lines += [f"# {where}", f"INSTRUCTION = {clean(self.instruction)!r}"]
        if spec.passage_instruction:
            before = f"PASSAGE_INSTRUCTION = {clean(spec.passage_instruction)!r}"
            lines += ["# Goes straight before every passage.", before]
        passages = "".join(f"    {clean(passage)!r},\n" for passage in self.passages)
        return "\n".join([*lines, "", f"query = {clean(self.query)!r}", f"passages = [\n{passages}]\n"])

    @property
    def asked(self) -> str:
        """The query as a model without a prompt reads it, as an expression."""
        return "INSTRUCTION + query" if self.instruction else "query"

    @property
    def read(self) -> str:
        """A passage as an embedder reads it, as an expression."""
        return "PASSAGE_INSTRUCTION + passage" if self.spec.passage_instruction else "passage"

    @property
    def revision(self) -> str:
        """An argument `revision=REVISION, `, or nothing for a folder."""
        return "" if self.local else "revision=REVISION, "

    @property
    def also_revision(self) -> str:
        """The same after another argument."""
        return "" if self.local else ", revision=REVISION"

    @property
    def revision_entry(self) -> str:
        """The same as an entry of a dict."""
        return "" if self.local else '"revision": REVISION, '

    @property
    def fetching(self) -> str:
        """The import that `folder` needs."""
        return "" if self.local else "from huggingface_hub import snapshot_download\n"

    def folder(self) -> str:
        """Lines that make `folder`, for a library that takes no revision."""
        if self.local:
            return "folder = MODEL\n"
        heads = ', "*.pt"' if self.spec.family == "m3" else ""
        return (
            "# No revision can be named below, so that the files are fetched here.\n"
            f'wanted = ["*.json", "*.safetensors", "*.txt", "*.model"{heads}]\n'
            "folder = snapshot_download(MODEL, revision=REVISION, allow_patterns=wanted)\n"
        )

    @property
    def activation(self) -> str:
        """What turns the output of the head into the raw score."""
        return "LogOdds()" if self.kind == "two_labels" else "torch.nn.Identity()"

    @property
    def activation_class(self) -> str:
        """The class that `activation` names, where it is none of torch's."""
        return LOG_ODDS if self.kind == "two_labels" else ""

    def pooling(self, library: str) -> Pooling:
        """How an embedder makes one vector of many.

        Raises:
            InvalidInput: the model's files are not here to say it, or they add steps that only one library runs.
        """
        files = self.files
        if files.dense or files.pooling is None:
            raise InvalidInput(
                "{library} does not run the linear steps that this model adds after pooling. Take the code for "
                "sentence-transformers.",
                library=library,
            )
        return files.pooling

    @property
    def log_odds(self) -> str:
        """Lines that make `scores` of `logits`, of shape (passages, labels)."""
        if self.kind == "labels":
            return (
                "labels = model.config.id2label\n"
                "relevant = next(place for place, label in labels.items() if label == LABEL)\n"
                "others = [place for place in labels if place != relevant]\n"
                "scores = (logits[:, relevant] - logits[:, others].logsumexp(dim=1)).tolist()\n"
            )
        if self.kind == "two_labels":
            return "scores = (logits[:, 1] - logits[:, 0]).tolist()\n"
        return "scores = logits.flatten().tolist()\n"

    @property
    def pairs(self) -> str:
        """What the last lines leave: `kept` as (passage, score), or `scored` where nothing is cut."""
        return "scored" if self.threshold is None else "kept"

    @property
    def ending(self) -> str:
        """The last lines, which want `scores`."""
        made = "list(zip(passages, scores))"
        if self.threshold is not None:
            made = "[(passage, score) for passage, score in zip(passages, scores) if score >= THRESHOLD]"
        return f"""{self.pairs} = {made}
for passage, score in sorted({self.pairs}, key=lambda pair: -pair[1]):
    print(f"{{score:+.3f}}  {{passage}}")
"""


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


def literal(text: str) -> str:
    """A text as Python, in brackets over several lines where it has several or is long."""
    lines = [piece for line in text.splitlines(keepends=True) for piece in _broken(line)]
    return repr(text) if len(lines) < 2 else "(\n" + "".join(f"    {line!r}\n" for line in lines) + ")"


def _broken(line: str) -> list[str]:
    """A line in pieces of at most `WIDTH` characters, which together are the line."""
    if len(line) <= WIDTH:
        return [line]
    at = line.rfind(" ", 0, WIDTH) + 1 or WIDTH
    return [line[:at], *_broken(line[at:])]


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

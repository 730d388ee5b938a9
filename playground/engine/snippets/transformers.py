"""transformers alone, as on the model cards: one text or pair at a time, so that nothing is padded."""

from __future__ import annotations

import math
from textwrap import indent
from types import MappingProxyType

from playground.engine.snippets.card import Card, commented, literal
from playground.models import apart_files, modes
from playground.models.prompts import Prompt

INSTALL = 'torch "transformers>=4.56"'
POOLED = MappingProxyType({"cls": "hidden[0]", "mean": "hidden.mean(dim=0)", "last": "hidden[-1]"})
M3_HEADS = MappingProxyType({"sparse": "sparse_linear", "colbert": "colbert_linear"})


def reranker(card: Card) -> str:
    """A program on a sequence classification head."""
    return f"""{_top(card, "AutoModelForSequenceClassification", cut="longest_first")}

@torch.inference_mode()
def outputs(passage):
    pair = tokenizer({card.asked}, passage, truncation=True, max_length=MAX_LENGTH, return_tensors="pt")
    return model(**pair.to(DEVICE)).logits[0].float()


logits = torch.stack([outputs(passage) for passage in passages])
{card.log_odds}{card.ending}"""


def prompted(card: Card) -> str:
    """A program on a language model that is asked with a prompt; the prompt and the passage are put together as in the
    makers' own code.
    """
    prompt = card.prompt
    assert prompt is not None
    classifier = card.spec.architecture.endswith("ForSequenceClassification")
    auto = "SequenceClassification" if classifier else "Seq2SeqLM" if prompt.family == "seq2seq" else "CausalLM"
    counted = {1: " - len({})", 0: "", -1: " + len({})"}
    around = zip(("head", "tail"), prompt.charged, strict=True)
    room = "MAX_LENGTH" + "".join(counted[charged].format(name) for name, charged in around)
    if classifier:
        answers, score = "", "logits[0] if len(logits) == 1 else logits[1] - logits[0]"
    elif prompt.no is None:
        answers, score = f"yes = tokenizer.convert_tokens_to_ids({prompt.yes!r})\n", "logits[yes]"
    else:
        answers = f"yes, no = tokenizer.convert_tokens_to_ids([{prompt.yes!r}, {prompt.no!r}])\n"
        score = "logits[yes] - logits[no]"
    return f"""{_top(card, f"AutoModelFor{auto}", cut="longest_first" if prompt.joined else "only_second")}
# Around query and passage; each text is tokenised by itself.
HEAD = {_pieces(prompt.head, card)}
TAIL = {_pieces(prompt.tail, card)}


def ids(*texts):
    return [id for text in texts for id in tokenizer(text, add_special_tokens=False)["input_ids"]]


head, tail = ids(*HEAD), ids(*TAIL)
{commented(_room(prompt))}room = {room}
{answers}

@torch.inference_mode()
def score(passage):
{_pair(prompt, card)}
    input_ids = torch.tensor([head + pair[:room] + tail], device=DEVICE)
    {_forward(prompt, classifier=classifier)}
    return float({score})


scores = [score(passage) for passage in passages]
{card.ending}"""


def embedder(card: Card) -> str:
    """A program on the hidden states, pooled.

    Raises:
        InvalidInput: the model's files are not here to say how, or they add steps.
    """
    pooled = POOLED[card.pooling("transformers")]
    return f"""{_top(card, "AutoModel")}
{_reading("vector")}
    return torch.nn.functional.normalize({pooled}, dim=0).double()


asked = vector({card.asked})
scores = [float(asked @ vector({card.read})) for passage in passages]
{card.ending}"""


def m3(card: Card) -> str:
    """A program on the readings of bge-m3 that count."""
    weights = modes.weights_of(card.named.mode)
    heads = "".join(f'{name} = head("{name}")\n' for mode, name in M3_HEADS.items() if mode in weights)
    opened = f"""
{card.folder()}

# The makers keep these two layers beside the encoder.
def head(name):
    state = torch.load(f"{{folder}}/{{name}}.pt", map_location=DEVICE, weights_only=True)
    return lambda hidden: torch.nn.functional.linear(hidden, state["weight"].float(), state["bias"].float())


{heads}{M3_SPECIAL if "sparse" in weights else ""}"""
    score = " + ".join(f"{weight:.12g} * {mode}(asked, read)" for mode, weight in weights.items())
    if len(weights) == 1:
        score = score.partition(" * ")[2]
    elif not math.isclose(total := sum(weights.values()), 1.0):
        score = f"({score}) / {total:.12g}"
    made = "".join(M3_READ[mode] for mode in weights)
    compared = "".join(f"\n\n{M3_COMPARED[mode]}" for mode in weights)
    return f"""{_top(card, "AutoModel", more=card.fetching if heads else "")}{opened if heads else ""}
{_reading("readings")}
    read = {{}}
{made}    return read
{compared}

asked = readings({card.asked})
scores = []
for passage in passages:
    read = readings(passage)
    scores.append({score})
{card.ending}"""


def splade(card: Card) -> str:
    """A program on a masked language model's logits.

    Raises:
        InvalidInput: the model's files are not here to say how they are pooled.
    """
    files = apart_files.splade_of(card.spec.model_id, card.files.folder)
    log = ".relu().log1p()" + (".log1p()" if files.twice else "")
    pooled = f"logits{log}." + ("amax(dim=0)" if files.pooling == "max" else "sum(dim=0)")
    return f"""{_top(card, "AutoModelForMaskedLM")}
{_reading("weights", "logits", "logits")}
    return {pooled}


asked = weights({card.asked})
scores = [float(asked @ weights(passage)) for passage in passages]
{card.ending}"""


M3_SPECIAL = (
    "special = {tokenizer.cls_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id, tokenizer.unk_token_id}\n"
)
M3_READ = MappingProxyType(
    {
        "dense": '    read["dense"] = torch.nn.functional.normalize(hidden[0], dim=0)\n',
        "sparse": """    read["sparse"] = {}
    for id, weight in zip(text["input_ids"][0].tolist(), sparse_linear(hidden).relu()[:, 0].tolist()):
        if weight > read["sparse"].get(id, 0.0) and id not in special:
            read["sparse"][id] = weight
""",
        "colbert": '    read["colbert"] = torch.nn.functional.normalize(colbert_linear(hidden[1:]), dim=1)\n',
    }
)
M3_COMPARED = MappingProxyType(
    {
        "dense": """def dense(asked, read):
    return float(asked["dense"] @ read["dense"])
""",
        "sparse": """def sparse(asked, read):
    return sum(weight * read["sparse"].get(id, 0.0) for id, weight in asked["sparse"].items())
""",
        "colbert": """def colbert(asked, read):
    return float((asked["colbert"] @ read["colbert"].T).amax(dim=1).mean())
""",
    }
)
WRITERS = MappingProxyType(
    {
        "cross_encoder": reranker,
        "two_labels": reranker,
        "labels": reranker,
        "qwen3-reranker": prompted,
        "bge-gemma": prompted,
        "mxbai-v2": prompted,
        "monot5": prompted,
        "bi_encoder": embedder,
        "m3": m3,
        "m3_dense": m3,
        "splade": splade,
    }
)


def _top(card: Card, auto: str, *, cut: str = "", more: str = "") -> str:
    """Comments, imports, constants, tokenizer and model."""
    return f"""{card.head(INSTALL, cut=cut)}import torch
{more}from transformers import {auto}, AutoTokenizer

{card.constants()}
tokenizer = AutoTokenizer.from_pretrained(MODEL{card.also_revision})
model = {auto}.from_pretrained(MODEL{card.also_revision}, dtype=DTYPE).to(DEVICE).eval()
"""


def _reading(name: str, left: str = "hidden", output: str = "last_hidden_state") -> str:
    """The first lines of a function that reads one text."""
    return f"""
@torch.inference_mode()
def {name}(text):
    text = tokenizer(text, truncation=True, max_length=MAX_LENGTH, return_tensors="pt").to(DEVICE)
    {left} = model(**text).{output}[0].float()"""


def _pieces(texts: tuple[str, ...], card: Card) -> str:
    """Texts around a pair as a list in Python; the instruction by its name."""
    names = {"{instruction}": "INSTRUCTION" if card.instruction else ""}
    made = [indent(f"{name},\n", "    ") for text in texts if (name := names.get(text, literal(text)))]
    return "[\n" + "".join(made) + "]" if made else "[]"


def _room(prompt: Prompt) -> str:
    if prompt.charged == (1, 1):
        return "Tokens of query and passage: what the prompt leaves of the maximum length."
    return "Tokens of query and passage: as the makers' code counts, the end of the prompt comes on top."


def _pair(prompt: Prompt, card: Card) -> str:
    """Lines that make `pair`, the ids of query and passage."""
    lead = (prompt.instructed if card.instruction else "") + prompt.query
    lead = lead.replace("{instruction}", "{INSTRUCTION}" if card.instruction else "")
    if prompt.joined:
        return f"    pair = ids({_f(lead + '{query}' + prompt.passage + '{passage}')})"
    return (
        f"    asked = ids({_f(lead + '{query}')})[: MAX_LENGTH * 3 // 4]\n"
        f"    pair = asked + ids({_f(chr(10))}) + ids({_f(prompt.passage + '{passage}')})[:MAX_LENGTH]"
    )


def _forward(prompt: Prompt, *, classifier: bool) -> str:
    if prompt.family == "seq2seq":
        return (
            "start = torch.tensor([[model.config.decoder_start_token_id]], device=DEVICE)\n"
            "    logits = model(input_ids=input_ids, decoder_input_ids=start).logits[0, -1].float()"
        )
    if classifier:
        return "logits = model(input_ids=input_ids).logits[0].float()"
    return "logits = model(input_ids=input_ids, logits_to_keep=1).logits[0, -1].float()"


def _f(text: str) -> str:
    """One of our own texts, with names in braces, as a formatted string."""
    quoted = repr(text)
    return f"f{quoted}" if "{" in text else quoted

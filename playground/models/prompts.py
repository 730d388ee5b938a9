"""How a language model is asked whether a passage answers a query: one description for each kind of checkpoint."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from playground.core.errors import InvalidInput
from playground.core.scales import LOG_ODDS, LOGIT, UNTRAINED_LOG_ODDS, Scale


@dataclass(frozen=True, slots=True)
class Prompt:
    """The texts around a pair, and the tokens whose logits answer.

    Attributes:
        title: for people.
        family: key of `models.FAMILIES`.
        architectures: classes of such checkpoints; those that end in ForSequenceClassification carry a head of one
            row, made of the answers' rows.
        names: what the id of such a checkpoint holds, in lower case. Its files do not say how it is asked.
        head, tail: before and after the pair: texts, each tokenised by itself and never cut. {instruction} may stand
            in the tail.
        query, passage: words that go straight before the query and the passage. {instruction} may stand in the first.
        instructed: goes straight before `query` where there is an instruction.
        joined: whether query and passage are one text to the tokenizer; else each is tokenised by itself, with a
            newline between.
        charged: tokens of the maximum length that a token of the head and of the tail takes. The reference
            implementations count differently: 1 takes it from the pair, 0 comes on top, -1 widens the pair's room.
        instruction: the makers' own.
        yes, no: the answers; without `no` the score is the logit of `yes` alone, without both that of a head of its
            own.
        special: tokens that the tokenizer must know, or the prompt is another than the model was trained on.
        max_length: tokens that the makers' code reads unless told otherwise.
    """

    title: str
    family: str
    architectures: tuple[str, ...]
    names: tuple[str, ...]
    query: str
    passage: str
    yes: str | None
    no: str | None
    scale: Scale
    max_length: int
    head: tuple[str, ...] = ()
    tail: tuple[str, ...] = ()
    instructed: str = ""
    joined: bool = False
    charged: tuple[int, int] = (1, 1)
    instruction: str = ""
    special: tuple[str, ...] = ()


# Source: model card of Qwen/Qwen3-Reranker-0.6B, "Transformers Usage"; mteb, `qwen3_reranker.py`. The head of the
# sequence classification copies (tomaarsen/Qwen3-Reranker-0.6B-seq-cls) is the row of "yes" less that of "no".
QWEN3: Final = Prompt(
    title="Qwen3-Reranker",
    family="causal_lm",
    architectures=("Qwen3ForCausalLM", "Qwen3ForSequenceClassification"),
    names=("qwen3-reranker",),
    head=(
        "<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and the Instruct "
        'provided. Note that the answer can only be "yes" or "no".<|im_end|>\n<|im_start|>user\n',
    ),
    instructed="<Instruct>: {instruction}\n",
    query="<Query>: ",
    passage="\n<Document>: ",
    tail=("<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n",),
    joined=True,
    instruction="Given a web search query, retrieve relevant passages that answer the query",
    yes="yes",
    no="no",
    special=("<|im_start|>", "<|im_end|>"),
    scale=LOG_ODDS,
    max_length=8192,
)
# Source: FlagEmbedding 1.4.2, `inference/reranker/decoder_only/base.py`. Trained by a softmax over the passages of one
# query, so the level is not.
BGE_GEMMA: Final = Prompt(
    title="bge-reranker-v2-gemma",
    family="causal_lm",
    architectures=("GemmaForCausalLM",),
    names=("bge-reranker-v2-gemma",),
    head=("<bos>",),
    query="A: ",
    passage="B: ",
    tail=("\n", "{instruction}"),
    charged=(1, -1),
    instruction=(
        "Given a query A and a passage B, determine whether the passage contains an answer to the query by providing a "
        "prediction of either 'Yes' or 'No'."
    ),
    yes="Yes",
    no=None,
    special=("<bos>",),
    scale=LOGIT,
    max_length=512,
)
# Source: FlagEmbedding 1.4.2, `layerwise.py` and `lightweight.py`. These classes are of no other models.
BGE_LAYERWISE: Final = replace(
    BGE_GEMMA,
    title="bge-reranker-v2-minicpm-layerwise",
    family="layerwise",
    architectures=("LayerWiseMiniCPMForCausalLM",),
    names=("minicpm-layerwise", ""),
    head=("<s>",),
    yes=None,
    special=("<s>",),
)
BGE_LIGHTWEIGHT: Final = replace(
    BGE_GEMMA,
    title="bge-reranker-v2.5-gemma2-lightweight",
    family="layerwise",
    architectures=("CostWiseGemmaForCausalLM",),
    names=("gemma2-lightweight", ""),
    instruction="Predict whether passage B contains an answer to query A.",
    yes=None,
)
# Source: mxbai-rerank 0.1.6, `mxbai_rerank_v2.py`.
MXBAI_V2: Final = Prompt(
    title="mxbai-rerank-v2",
    family="causal_lm",
    architectures=("Qwen2ForCausalLM", "Qwen2ForSequenceClassification"),
    names=("mxbai-rerank",),
    head=(
        "<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\n"
        "<|im_start|>user\n",
    ),
    instructed="instruction: {instruction}\n",
    query="query: ",
    passage="document: ",
    tail=(
        "\n",
        "You are a search relevance expert who evaluates how well documents match search queries. For each "
        "query-document pair, carefully analyze the semantic relationship between them, then provide your binary "
        "relevance judgment (0 for not relevant, 1 for relevant).\nRelevance:",
        "<|im_end|>\n<|im_start|>assistant\n",
    ),
    charged=(0, 0),
    yes="1",
    no="0",
    special=("<|im_start|>", "<|im_end|>"),
    scale=UNTRAINED_LOG_ODDS,
    max_length=8192,
)
# Source: castorini/pygaggle, `T5BatchTokenizer` and `MonoT5.rescore`. There a long passage that is cut takes the words
# after it along; here they stay.
MONO_T5: Final = Prompt(
    title="monoT5",
    family="seq2seq",
    architectures=("T5ForConditionalGeneration",),
    names=("monot5", "inranker"),
    query="Query: {instruction}",
    passage=" Document: ",
    tail=("Relevant:", "</s>"),
    joined=True,
    yes="▁true",
    no="▁false",
    special=("</s>",),
    scale=LOG_ODDS,
    max_length=512,
)
PROMPTS: Final = MappingProxyType(
    {
        "qwen3-reranker": QWEN3,
        "bge-gemma": BGE_GEMMA,
        "bge-layerwise": BGE_LAYERWISE,
        "bge-lightweight": BGE_LIGHTWEIGHT,
        "mxbai-v2": MXBAI_V2,
        "monot5": MONO_T5,
    }
)


def of(model_id: str, architecture: str, asked: str = "") -> str:
    """The key of the prompt that this checkpoint is asked with; empty where none is known.

    Args:
        asked: a key that the user gave.

    Raises:
        InvalidInput: there is no such prompt, or it is not for this architecture.
    """
    fitting = {key: prompt for key, prompt in PROMPTS.items() if architecture in prompt.architectures}
    if asked and asked not in fitting:
        raise InvalidInput(
            "{model} ({type}) cannot be asked as {prompt!r}. Prompts for it: {known}.",
            model=model_id,
            type=architecture or "no architecture named",
            prompt=asked,
            known=", ".join(fitting) or "none",
        )
    name = model_id.lower().replace("_", "-")
    named = (key for key, prompt in fitting.items() if any(known in name for known in prompt.names))
    return asked or next(named, "")

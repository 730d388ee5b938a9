"""The shapes of well-known models: enough of each config to build it with random weights.

Source: `config.json` of each repository on the Hub.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Literal

from playground.core.types import Kind

Style = Literal["bert", "xlmr", "decoder", "t5"]


@dataclass(frozen=True, slots=True)
class Shape:
    """One line of the table.

    Attributes:
        family: key of `models.FAMILIES`.
        model: whose shape it is; its last part names the folder, since a prompt is chosen by it.
        classes: model class and config class of transformers.
        style: what its tokenizer puts around texts.
        config: the config's values that differ from the class's own.
        option: how it is read, with its #.
        said: values of `config.json` in place of what the class writes.
    """

    family: str
    model: str
    classes: tuple[str, str]
    style: Style
    config: dict[str, Any]
    kind: Kind = "reranker"
    option: str = ""
    said: dict[str, Any] = field(default_factory=dict)


def _encoder(hidden: int, layers: int, heads: int, inter: int, vocab: int, **more: Any) -> dict[str, Any]:
    sizes = {"hidden_size": hidden, "num_hidden_layers": layers, "num_attention_heads": heads, "vocab_size": vocab}
    return {**sizes, "intermediate_size": inter, **more}


def _decoder(hidden: int, layers: int, heads: int, kv: int, inter: int, vocab: int, **more: Any) -> dict[str, Any]:
    return _encoder(hidden, layers, heads, inter, vocab, num_key_value_heads=kv, **more)


def _cross(model: str, kind: str, style: Style, config: dict[str, Any]) -> Shape:
    return Shape("cross_encoder", model, (f"{kind}ForSequenceClassification", f"{kind}Config"), style, config)


def _xlmr(hidden: int, layers: int, heads: int, inter: int, positions: int) -> dict[str, Any]:
    ids = {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2, "type_vocab_size": 1}
    return _encoder(hidden, layers, heads, inter, 250002, max_position_embeddings=positions, **ids)


_BERT = _encoder(768, 12, 12, 3072, 30522, max_position_embeddings=512)
_LARGE = (1024, 24, 16, 4096)
_QWEN3 = {"head_dim": 128, "max_position_embeddings": 40960, "rms_norm_eps": 1e-6}
_MINICPM = {
    "architectures": ["LayerWiseMiniCPMForCausalLM"],
    "model_type": "minicpm",
    "start_layer": 8,
    "scale_emb": 12,
    "scale_depth": 1.4,
    "dim_model_base": 256,
    "rope_theta": 10000.0,
}
_COST_WISE = {
    "architectures": ["CostWiseGemmaForCausalLM"],
    "model_type": "cost_wise_gemma",
    "start_layer": 8,
    "layer_sep": 1,
    "layer_wise": True,
    "rope_theta": 10000.0,
}

SHAPES: Final = (
    _cross("cross-encoder/ms-marco-MiniLM-L6-v2", "Bert", "bert", _encoder(384, 6, 12, 1536, 30522)),
    _cross("BAAI/bge-reranker-base", "XLMRoberta", "xlmr", _xlmr(768, 12, 12, 3072, 514)),
    _cross("BAAI/bge-reranker-large", "XLMRoberta", "xlmr", _xlmr(*_LARGE, 514)),
    _cross("BAAI/bge-reranker-v2-m3", "XLMRoberta", "xlmr", _xlmr(*_LARGE, 8194)),
    _cross(
        "mixedbread-ai/mxbai-rerank-xsmall-v1",
        "DebertaV2",
        "bert",
        _encoder(
            384,
            12,
            6,
            1536,
            128100,
            type_vocab_size=0,
            relative_attention=True,
            position_buckets=256,
            pos_att_type=["p2c", "c2p"],
            norm_rel_ebd="layer_norm",
            position_biased_input=False,
            share_att_key=True,
            pooler_hidden_size=384,
        ),
    ),
    _cross(
        "Alibaba-NLP/gte-reranker-modernbert-base",
        "ModernBert",
        "bert",
        _encoder(768, 22, 12, 1152, 50368, max_position_embeddings=8192, pad_token_id=0),
    ),
    _cross(
        "Alibaba-NLP/gte-multilingual-reranker-base",
        "Gte",
        "xlmr",
        _encoder(768, 12, 12, 3072, 250048, max_position_embeddings=8192, pad_token_id=1),
    ),
    Shape(
        "causal_lm",
        "Qwen/Qwen3-Reranker-0.6B",
        ("Qwen3ForCausalLM", "Qwen3Config"),
        "decoder",
        _decoder(1024, 28, 16, 8, 3072, 151669, tie_word_embeddings=True, **_QWEN3),
    ),
    Shape(
        "causal_lm",
        "Qwen/Qwen3-Reranker-4B",
        ("Qwen3ForCausalLM", "Qwen3Config"),
        "decoder",
        _decoder(2560, 36, 32, 8, 9728, 151669, tie_word_embeddings=True, **_QWEN3),
    ),
    Shape(
        "causal_lm",
        "Qwen/Qwen3-Reranker-8B",
        ("Qwen3ForCausalLM", "Qwen3Config"),
        "decoder",
        _decoder(4096, 36, 32, 8, 12288, 151669, tie_word_embeddings=False, **_QWEN3),
    ),
    Shape(
        "causal_lm",
        "mixedbread-ai/mxbai-rerank-base-v2",
        ("Qwen2ForCausalLM", "Qwen2Config"),
        "decoder",
        _decoder(896, 24, 14, 2, 4864, 151936, tie_word_embeddings=True, max_position_embeddings=32768),
    ),
    Shape(
        "causal_lm",
        "BAAI/bge-reranker-v2-gemma",
        ("GemmaForCausalLM", "GemmaConfig"),
        "decoder",
        _decoder(2048, 18, 8, 1, 16384, 256000, head_dim=256, max_position_embeddings=8192),
    ),
    Shape(
        "layerwise",
        "BAAI/bge-reranker-v2-minicpm-layerwise",
        ("GraniteModel", "GraniteConfig"),
        "decoder",
        _decoder(2304, 40, 36, 36, 5760, 122753, max_position_embeddings=2048),
        option="#layer=28",
        said=_MINICPM,
    ),
    Shape(
        "layerwise",
        "BAAI/bge-reranker-v2.5-gemma2-lightweight",
        ("Gemma2Model", "Gemma2Config"),
        "decoder",
        _decoder(3584, 42, 16, 8, 14336, 256000, head_dim=256, max_position_embeddings=8192),
        option="#layer=28,ratio=2,at=24",
        said=_COST_WISE,
    ),
    Shape(
        "seq2seq",
        "castorini/monot5-base-msmarco",
        ("T5ForConditionalGeneration", "T5Config"),
        "t5",
        {"vocab_size": 32128, "d_model": 768, "d_kv": 64, "d_ff": 3072, "num_layers": 12, "num_heads": 12}
        | {"decoder_start_token_id": 0},
    ),
    Shape(
        "m3",
        "BAAI/bge-m3",
        ("XLMRobertaModel", "XLMRobertaConfig"),
        "xlmr",
        _xlmr(*_LARGE, 8194),
        option="#mode=0.4dense+0.2sparse+0.4colbert",
    ),
    Shape("splade", "naver/splade-cocondenser-ensembledistil", ("BertForMaskedLM", "BertConfig"), "bert", _BERT),
    Shape(
        "colbert",
        "colbert-ir/colbertv2.0",
        ("BertModel", "BertConfig"),
        "bert",
        _BERT,
        said={"architectures": ["HF_ColBERT"]},
    ),
    Shape("bi_encoder", "BAAI/bge-base-en-v1.5", ("BertModel", "BertConfig"), "bert", _BERT, kind="embedder"),
    Shape(
        "bi_encoder",
        "Qwen/Qwen3-Embedding-0.6B",
        ("Qwen3Model", "Qwen3Config"),
        "decoder",
        _decoder(1024, 28, 16, 8, 3072, 151669, **_QWEN3),
        kind="embedder",
    ),
)
BY_MODEL: Final = MappingProxyType({shape.model: shape for shape in SHAPES})

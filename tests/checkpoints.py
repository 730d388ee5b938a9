"""Tiny random checkpoints with real architectures and real tokenizer classes, for tests that need a model in a folder.

They are a few hundred kilobytes, build in about a second, and pass the check at load (the seed is searched for).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Literal

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertModel,
    BertTokenizer,
    DebertaV2Config,
    DebertaV2ForSequenceClassification,
    DebertaV2Tokenizer,
    GemmaConfig,
    GemmaForCausalLM,
    GemmaTokenizer,
    GteConfig,
    GteForSequenceClassification,
    ModernBertConfig,
    ModernBertForSequenceClassification,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen2Tokenizer,
    Qwen3Config,
    Qwen3ForCausalLM,
    Qwen3ForSequenceClassification,
    T5Config,
    T5ForConditionalGeneration,
    T5Tokenizer,
    XLMRobertaConfig,
    XLMRobertaForSequenceClassification,
    XLMRobertaTokenizer,
)

from playground.models.checks import CANARY
from playground.models.prompts import PROMPTS

ENGLISH = (
    "The giant panda is a bear species endemic to China.",
    "How do I reset the password of my account?",
    "Open the settings page, choose security, and press the reset button.",
    "Berlin is well known for its museums and has about three million inhabitants.",
    "A cross-encoder reads the query and the passage together.",
    "The train to the coast leaves at seven in the morning.",
    "what is panda? passage query hi",
)
CHINESE = (
    "大熊猫是中国特有的熊科动物，主要以竹子为食。",
    "如何重置我的账户密码？",
    "打开设置页面，选择安全，然后点击重置按钮。",
    "柏林以博物馆闻名，人口约三百五十万。",
    "我喜欢你，我爱你。",
    "开往海边的火车早上七点出发。",
)
SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
# Wide enough that two texts get visibly different scores; 0.02 leaves a random model nearly constant.
SPREAD = {"initializer_range": 0.3, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
Pooling = Literal["cls", "mean", "lasttoken"]


def xlmr_tokenizer() -> XLMRobertaTokenizer:
    """A unigram tokenizer as XLM-R's: `<s> a </s></s> b </s>`, no token types."""
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    backend = Tokenizer(models.Unigram())
    backend.normalizer = normalizers.NFKC()
    backend.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    trainer = trainers.UnigramTrainer(vocab_size=400, special_tokens=special, unk_token="<unk>", show_progress=False)
    backend.train_from_iterator(ENGLISH + CHINESE, trainer)
    return XLMRobertaTokenizer(vocab=_pieces(backend, special), model_max_length=512)


def _pieces(backend: Tokenizer, special: Sequence[str]) -> list[tuple[str, float]]:
    """The pieces of a trained unigram model, best first after the special ones."""
    trained = json.loads(backend.to_str())["model"]["vocab"][len(special) :]
    # The trainer breaks ties in another way in every process, so no two runs had the same vocabulary, nor weights.
    rounded = ((piece, round(score, 1)) for piece, score in trained)
    return [*((piece, 0.0) for piece in special), *sorted(rounded, key=lambda one: (-one[1], one[0]))]


def bert_tokenizer() -> BertTokenizer:
    """A WordPiece tokenizer as BERT's: `[CLS] a [SEP] b [SEP]`, with token types."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    normalizer, splitter = normalizers.BertNormalizer(lowercase=True), pre_tokenizers.BertPreTokenizer()
    # Not by WordPieceTrainer: it breaks ties in another way in every process, so no two runs had the same vocabulary.
    texts = [normalizer.normalize_str(text) for text in ENGLISH + CHINESE]
    words = sorted({word for text in texts for word, _ in splitter.pre_tokenize_str(text)})
    signs = sorted({sign for word in words for sign in word})
    pieces = dict.fromkeys([*special, *signs, *(f"##{sign}" for sign in signs), *words])
    vocab = {piece: place for place, piece in enumerate(pieces)}
    return BertTokenizer(vocab=vocab, model_max_length=512)


def qwen_tokenizer() -> Qwen2Tokenizer:
    """A byte-level BPE tokenizer as Qwen's: nothing is added around a text; `yes`, `no`, `0` and `1` are tokens."""
    empty = Qwen2Tokenizer(vocab={"<|endoftext|>": 0}, merges=[])
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    backend = Tokenizer(models.BPE())
    backend.normalizer, backend.pre_tokenizer = (
        empty.backend_tokenizer.normalizer,
        empty.backend_tokenizer.pre_tokenizer,
    )
    trainer = trainers.BpeTrainer(vocab_size=500, initial_alphabet=alphabet, show_progress=False)
    backend.train_from_iterator([*ENGLISH, *CHINESE, *_prompt_texts(), *(["yes", "no"] * 20)], trainer)
    trained = json.loads(backend.to_str())["model"]
    vocab = trained["vocab"] | {"<|endoftext|>": len(trained["vocab"])}
    tokenizer = Qwen2Tokenizer(vocab=vocab, merges=[tuple(pair) for pair in trained["merges"]], model_max_length=2048)
    tokenizer.add_tokens(["<|im_start|>", "<|im_end|>"], special_tokens=True)
    tokenizer.add_tokens(["<think>", "</think>"])
    return tokenizer


def gemma_tokenizer() -> GemmaTokenizer:
    """A BPE tokenizer as Gemma's: spaces are kept as `▁`, unknown characters become bytes; `Yes` is a token."""
    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", *(f"<0x{byte:02X}>" for byte in range(256))]
    backend = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    backend.normalizer = normalizers.Replace(" ", "▁")
    backend.pre_tokenizer = pre_tokenizers.Split(" ", behavior="merged_with_previous")
    trainer = trainers.BpeTrainer(vocab_size=600, special_tokens=special, show_progress=False)
    backend.train_from_iterator([*ENGLISH, *CHINESE, *_prompt_texts(), *(["Yes"] * 20)], trainer)
    trained = json.loads(backend.to_str())["model"]
    merges = [tuple(pair) for pair in trained["merges"]]
    return GemmaTokenizer(vocab=trained["vocab"], merges=merges, model_max_length=2048)


def t5_tokenizer() -> T5Tokenizer:
    """A unigram tokenizer as T5's: `</s>` ends a text; `▁true` and `▁false` are tokens."""
    backend = Tokenizer(models.Unigram())
    backend.pre_tokenizer = T5Tokenizer().backend_tokenizer.pre_tokenizer
    special = ["<pad>", "</s>", "<unk>"]
    trainer = trainers.UnigramTrainer(vocab_size=400, special_tokens=special, unk_token="<unk>", show_progress=False)
    backend.train_from_iterator([*ENGLISH, *CHINESE, "Query: Document: Relevant:"], trainer)
    vocab = dict(_pieces(backend, special)) | {"▁true": -8.0, "▁false": -8.0}
    return T5Tokenizer(vocab=list(vocab.items()), extra_ids=0, model_max_length=512)


def tiny_qwen3(path: Path, *, classifier: bool = False) -> Path:
    """A decoder of the class of Qwen3-Reranker, or of its sequence classification copies. Returns the folder."""
    tokenizer = qwen_tokenizer()
    head = {"num_labels": 1} if classifier else {}
    config = Qwen3Config(vocab_size=len(tokenizer), head_dim=8, tie_word_embeddings=True, **_decoder(tokenizer), **head)
    return _save_decoder(path, tokenizer, config, Qwen3ForSequenceClassification if classifier else Qwen3ForCausalLM)


def tiny_qwen2(path: Path) -> Path:
    """A decoder of the class of mxbai-rerank-base-v2, its head untied from the embeddings. Returns the folder."""
    tokenizer = qwen_tokenizer()
    config = Qwen2Config(vocab_size=len(tokenizer), tie_word_embeddings=False, **_decoder(tokenizer))
    return _save_decoder(path, tokenizer, config, Qwen2ForCausalLM)


def tiny_gemma(path: Path) -> Path:
    """A decoder of the class of bge-reranker-v2-gemma. Returns the folder."""
    tokenizer = gemma_tokenizer()
    config = GemmaConfig(vocab_size=len(tokenizer), head_dim=8, bos_token_id=2, **_decoder(tokenizer))
    return _save_decoder(path, tokenizer, config, GemmaForCausalLM)


def tiny_t5(path: Path, *, tied: bool = True) -> Path:
    """An encoder-decoder of the class of monoT5. Returns the folder.

    Args:
        tied: as T5 1.0, whose head is the embeddings, scaled; else as T5 1.1.
    """
    tokenizer = t5_tokenizer()
    config = T5Config(
        vocab_size=len(tokenizer),
        d_model=32,
        d_kv=8,
        d_ff=64,
        num_layers=2,
        num_heads=4,
        dropout_rate=0.0,
        initializer_factor=1.0,
        decoder_start_token_id=0,
    )
    _save_decoder(path, tokenizer, config, T5ForConditionalGeneration)
    if not tied:
        # As such files are; transformers 5 would not write them so.
        tensors = load_file(path / "model.safetensors")
        tensors["lm_head.weight"] = torch.randn_like(tensors["shared.weight"])
        save_file(tensors, path / "model.safetensors", metadata={"format": "pt"})
        edit_json(path / "config.json", tie_word_embeddings=False, scale_decoder_outputs=None)
    # transformers 4 cannot read the empty list that transformers 5 writes.
    edit_json(path / "tokenizer_config.json", extra_special_tokens=None)
    return path


def tiny_xlmr(path: Path, *, n_labels: int = 1, n_positions: int = 514) -> Path:
    """A cross-encoder of the class of bge-reranker-base. Returns the folder."""
    tokenizer = xlmr_tokenizer()
    config = XLMRobertaConfig(
        vocab_size=len(tokenizer),
        num_labels=n_labels,
        max_position_embeddings=n_positions,
        pad_token_id=1,
        bos_token_id=0,
        eos_token_id=2,
        type_vocab_size=1,
        layer_norm_eps=1e-5,
        **SIZES,
        **SPREAD,
    )
    return _save_reranker(path, tokenizer, config, XLMRobertaForSequenceClassification)


def tiny_bert(path: Path, *, n_labels: int = 1, identity: bool = True) -> Path:
    """A cross-encoder of the class of ms-marco-MiniLM-L6-v2. Returns the folder.

    Args:
        identity: stores the Identity activation in the config, as the ms-marco models do.
    """
    tokenizer = bert_tokenizer()
    config = BertConfig(
        vocab_size=len(tokenizer), num_labels=n_labels, max_position_embeddings=512, pad_token_id=0, **SIZES, **SPREAD
    )
    if identity:
        config.sentence_transformers = {"activation_fn": "torch.nn.modules.linear.Identity", "version": "5.0.0"}
    return _save_reranker(path, tokenizer, config, BertForSequenceClassification)


def tiny_deberta(path: Path, *, labels: Sequence[str] = ("LABEL_0",)) -> Path:
    """A cross-encoder of the class of mxbai-rerank-base-v1 and of the NLI models on DeBERTa-v3. Returns the folder."""
    backend = Tokenizer(models.Unigram())
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    special = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"]
    trainer = trainers.UnigramTrainer(vocab_size=400, special_tokens=special, unk_token="[UNK]", show_progress=False)
    backend.train_from_iterator(ENGLISH + CHINESE, trainer)
    tokenizer = DebertaV2Tokenizer(vocab=_pieces(backend, special), model_max_length=512)
    config = DebertaV2Config(
        vocab_size=len(tokenizer),
        id2label=dict(enumerate(labels)),
        label2id={label: place for place, label in enumerate(labels)},
        type_vocab_size=0,
        relative_attention=True,
        position_buckets=32,
        pos_att_type=["p2c", "c2p"],
        norm_rel_ebd="layer_norm",
        position_biased_input=False,
        share_att_key=True,
        pooler_dropout=0.0,
        pooler_hidden_size=SIZES["hidden_size"],
        **SIZES,
        **SPREAD,
    )
    return _save_reranker(path, tokenizer, config, DebertaV2ForSequenceClassification)


def tiny_modernbert(path: Path) -> Path:
    """A cross-encoder of the class of gte-reranker-modernbert-base, without token types. Returns the folder."""
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bert_tokenizer().backend_tokenizer,
        model_max_length=8192,
        model_input_names=["input_ids", "attention_mask"],
        **{f"{name.lower()}_token": f"[{name}]" for name in ("PAD", "UNK", "CLS", "SEP", "MASK")},
    )
    config = ModernBertConfig(
        vocab_size=len(tokenizer),
        num_labels=1,
        max_position_embeddings=8192,
        classifier_pooling="mean",
        initializer_range=0.3,
        local_attention=32,
        pad_token_id=0,
        cls_token_id=2,
        sep_token_id=3,
        **SIZES,
    )
    return _save_reranker(path, tokenizer, config, ModernBertForSequenceClassification)


def tiny_gte(path: Path) -> Path:
    """A cross-encoder of transformers' own class for gte-multilingual-reranker-base. Returns the folder."""
    tokenizer = xlmr_tokenizer()
    config = GteConfig(
        vocab_size=len(tokenizer), num_labels=1, pad_token_id=1, classifier_dropout=0.0, **SIZES, **SPREAD
    )
    return _save_reranker(path, tokenizer, config, GteForSequenceClassification)


def tiny_embedder(path: Path, *, pooling: Pooling = "cls", normalize: bool = True) -> Path:
    """A sentence-transformers embedder on BERT. Returns the folder."""
    tokenizer = bert_tokenizer()
    torch.manual_seed(0)
    config = BertConfig(vocab_size=len(tokenizer), max_position_embeddings=512, pad_token_id=0, **SIZES, **SPREAD)
    BertModel(config).save_pretrained(path)
    tokenizer.save_pretrained(path)
    steps = [("", "Transformer"), ("1_Pooling", "Pooling")] + ([("2_Normalize", "Normalize")] if normalize else [])
    modules = [
        {"idx": i, "name": str(i), "path": folder, "type": f"sentence_transformers.models.{name}"}
        for i, (folder, name) in enumerate(steps)
    ]
    modes = {"cls": "cls_token", "mean": "mean_tokens", "lasttoken": "lasttoken"}
    pooling_config: dict[str, object] = {"word_embedding_dimension": config.hidden_size}
    pooling_config |= {f"pooling_mode_{name}": name == modes[pooling] for name in (*modes.values(), "max_tokens")}
    write_json(path / "modules.json", modules)
    write_json(path / "sentence_bert_config.json", {"max_seq_length": 512, "do_lower_case": False})
    (path / "1_Pooling").mkdir(exist_ok=True)
    write_json(path / "1_Pooling" / "config.json", pooling_config)
    return path


def write_json(path: Path, value: object) -> None:
    """Writes `value` as indented UTF-8 JSON."""
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2), encoding="utf-8")


def edit_json(path: Path, **changes: object) -> None:
    """Sets keys of a JSON object on disk; a value of None removes the key."""
    values = json.loads(path.read_text(encoding="utf-8")) | changes
    write_json(path, {key: value for key, value in values.items() if value is not None})


def _prompt_texts() -> list[str]:
    prompts = PROMPTS.values()
    return [text for prompt in prompts for text in (*prompt.head, prompt.instruction, *prompt.tail)]


def _decoder(tokenizer: PreTrainedTokenizerBase) -> dict[str, object]:
    return {
        **SIZES,
        "num_key_value_heads": 2,
        "max_position_embeddings": 2048,
        "initializer_range": 0.3,
        "pad_token_id": tokenizer.pad_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }


def _save_decoder(
    path: Path, tokenizer: PreTrainedTokenizerBase, config: PreTrainedConfig, architecture: type[PreTrainedModel]
) -> Path:
    torch.manual_seed(0)
    architecture(config).save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path


def _save_reranker(
    path: Path,
    tokenizer: PreTrainedTokenizerBase,
    config: PreTrainedConfig,
    architecture: type[PreTrainedModel],
) -> Path:
    for seed in count():
        torch.manual_seed(seed)
        model = architecture(config).eval()
        if _prefers_identical_text(model, tokenizer):
            break
    model.save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path


@torch.inference_mode()
def _prefers_identical_text(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> bool:
    for query, other in CANARY.values():
        batch = tokenizer([query, query], [query, other], padding=True, return_tensors="pt")
        logits = model(**batch).logits
        level = logits[:, 0] if logits.shape[1] == 1 else logits[:, -1] - logits[:, 0]
        if level[0] <= level[1] + 0.3:
            return False
    return True

"""Bodies of requests and answers. What a client sends beyond them is not refused, but named among the warnings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, NonNegativeInt, PositiveInt, WithJsonSchema


def _text_of(document: Any) -> Any:
    text = document.get("text") if isinstance(document, Mapping) else document
    if not isinstance(text, str):
        raise ValueError('a document is a text, or an object with one under "text"')
    return text


Document = Annotated[
    str,
    BeforeValidator(_text_of),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string"},
                {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
            ]
        }
    ),
]


def _texts_of(texts: Any) -> Any:
    if isinstance(texts, list) and any(isinstance(each, int | list) for each in texts):
        raise ValueError(
            "token ids belong to another model's tokenizer; send texts (in LangChain: check_embedding_ctx_length=False)"
        )
    return texts


class Body(BaseModel):
    """What every request may say beside its texts."""

    model_config = ConfigDict(extra="allow")

    model: str | None = Field(
        None,
        description="Hub id, `id@revision` or `bm25`. Left out, the model the server was started with.",
    )
    max_length: PositiveInt | None = Field(None, description="Tokens to read at most; the model's own where absent.")

    @property
    def unread(self) -> list[str]:
        """Names of fields that were sent and mean nothing here."""
        return sorted(name for name, value in (self.model_extra or {}).items() if value is not None)


class RerankBody(Body):
    """As Cohere, Jina, infinity and LocalAI take it."""

    query: str
    documents: list[Document] = Field(description="Texts, or objects with one under `text`.")
    top_n: PositiveInt | None = Field(None, description="How many results to send, best first; all where absent.")
    return_documents: bool = Field(False, description="Send each text back.")
    raw_scores: bool = Field(False, description="`relevance_score` is the model's raw output.")
    instruction: str | None = Field(None, description="Goes before the query; the model's own where absent.")
    threshold: str | None = Field(
        None, description="Name of a threshold saved on this machine: each result then says whether it is kept."
    )


class TeiBody(Body):
    """As Text Embeddings Inference takes it."""

    query: str
    texts: list[str]
    raw_scores: bool = Field(False, description="Send the raw output instead of the display score.")
    return_text: bool = Field(False, description="Send each text back.")
    truncate: bool | None = Field(None, description="`false` refuses texts that would be cut; else they are.")
    truncation_direction: Literal["Right", "right"] = Field("Right", description="The end is what is cut.")


class EmbeddingsBody(Body):
    """As OpenAI takes it."""

    input: Annotated[str | list[str], BeforeValidator(_texts_of)] = Field(
        description="One text, or several; token ids are not taken."
    )
    encoding_format: Literal["float", "base64"] = Field("float", description="base64: float32, little-endian.")
    dimensions: NonNegativeInt | None = Field(None, description="Only what the model gives; 0 leaves it open.")
    user: str | None = None
    input_type: Literal["query", "document"] = Field(
        "document", description="Which of the model's prompts goes before each text."
    )


class Answer(BaseModel):
    """What every answer says of the model that ran."""

    model_config = ConfigDict(ser_json_inf_nan="null")

    model: str
    revision: str | None = None
    fingerprint: str = Field(description="Hex digest of config, tokenizer and weights.")
    device: str
    precision: str
    max_length: int
    warnings: list[str] = []


class ScaleAnswer(BaseModel):
    """What the raw output is; `low` and `high` are absent where it has no bound."""

    name: str
    low: float | None = None
    high: float | None = None
    level: bool = Field(description="Whether training gave the level a meaning across queries.")


class DocumentAnswer(BaseModel):
    text: str


class Ranked(BaseModel):
    index: int = Field(description="Place among the documents, from 0.")
    relevance_score: float
    document: DocumentAnswer | None = None
    logit: float = Field(description="The raw output; see `scale`.")
    tokens_read: int | None = Field(description="Left out where a model on another machine does not say.")
    tokens_cut: int | None
    keep: bool | None = Field(None, description="Whether the raw output reaches the threshold, where one was named.")


class ThresholdAnswer(BaseModel):
    """A saved threshold; `warnings` say what was different when it was chosen."""

    name: str
    value: float
    scale: str
    warnings: list[str]


class Usage(BaseModel):
    """Tokens that went through the model for this request; what was known already counts 0."""

    prompt_tokens: int | None
    total_tokens: int | None


class RerankAnswer(Answer):
    id: str
    object: Literal["rerank"] = "rerank"
    results: list[Ranked] = Field(description="Best first; ties in input order.")
    score_is: str = Field(description="What `relevance_score` is.")
    scale: ScaleAnswer
    instruction: str = Field(description="What went before the query.")
    threshold: ThresholdAnswer | None = None
    n_cached: int
    usage: Usage
    meta: dict[str, Any]


class TeiRank(BaseModel):
    index: int
    score: float
    text: str | None = None


class Embedded(BaseModel):
    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str
    tokens_read: int
    tokens_cut: int


class EmbeddingsAnswer(Answer):
    object: Literal["list"] = "list"
    data: list[Embedded]
    instruction: str = Field(description="What went before every text.")
    n_cached: int
    usage: Usage


class ServedModel(BaseModel):
    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str
    kind: str
    loaded: bool


class Models(BaseModel):
    object: Literal["list"] = "list"
    data: list[ServedModel]


class Health(BaseModel):
    status: Literal["ok"] = "ok"
    version: str
    running: int = Field(description="Requests under way.")


class TeiInfo(BaseModel):
    """Of the model that ranks where a request names none."""

    model_id: str
    model_sha: str | None
    model_dtype: str
    model_type: dict[str, dict[str, Any]]
    max_input_length: int
    max_client_batch_size: int
    max_concurrent_requests: int
    version: str

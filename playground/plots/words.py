"""The words in the figures, as one value that the page can give in another language."""

from __future__ import annotations

from dataclasses import dataclass

from playground.core.errors import InvalidInput
from playground.core.scales import Scale

SIGMOID_OF = ("logit", "log-odds")


@dataclass(frozen=True, slots=True)
class Words:
    """Axis titles and warnings. `{n}`, `{total}` and `{scale}` are filled in."""

    raw: str = "{scale}"
    sigmoid: str = "sigmoid of the {scale} (not a probability)"
    unknown_score: str = "score, as the server gives it"
    file_score: str = "score in the file"
    server_sigmoid: str = "sigmoid (as the server gave it, not a probability)"
    n_passages: str = "passages"
    more: str = "the best {n} of {total}"
    empty: str = "Nothing to draw yet. Paste a query and passages, then press Rerank."
    rank: str = "rank"
    tokens: str = "tokens read"
    step: str = "step"
    loss: str = "loss"
    dev_ndcg: str = "NDCG@10, dev"
    cut: str = "cut"
    needs_passages: str = "A heatmap of passages needs at least two."
    needs_model: str = "Nothing to compare yet. Add a model, then press Compare."
    needs_two_models: str = "Rank movement needs two models. Add one."
    query: str = "query"
    cosine: str = "cosine"
    fitted: str = "cosine (colours fitted to {low} … {high})"
    like_unrelated: str = "like {percentile} % of unrelated pairs"
    above_unrelated: str = "above all {n} unrelated pairs"
    below_unrelated: str = "below all {n} unrelated pairs"
    passage: str = "passage {n}"
    shift_key: str = "blue: better in the last column than in the first · orange: worse · grey: the same"
    the_first: str = "{n} of {total} passages: the best of any model"
    layer: str = "layer"
    depth_key: str = (
        "dotted: the layer chosen · coloured: the best three after the last layer · hollow: tied with another"
    )
    not_scored: str = "not scored"
    percentile: str = "percentile within each model's own run (a place in this list, not relevance)"
    at_percentile: str = "percentile {percentile}"
    explained: str = "axis {n} · {share} % of the variance"
    unrelated_pairs: str = "unrelated pairs"
    relevant: str = "relevant"
    not_relevant: str = "not relevant"
    share_of_kind: str = "share of each kind"
    in_bin: str = "{n} of {total} {kind} pairs score {low} to {high}"
    precision: str = "precision"
    recall: str = "recall"
    false_alarms: str = "wrong ones kept, of all wrong ones"
    keep_all: str = "keep all"
    drop_all: str = "drop all"
    cut_says: str = "threshold {cut}: precision {y} %, recall {x} %"
    roc_says: str = "threshold {cut}: keeps {y} % of the relevant, {x} % of the others"
    rank_of_first: str = "rank of the first relevant passage"
    some_queries: str = "{n} of {total} queries, from the lowest level to the highest"
    of_queries: str = "{n} of {total} queries"
    own_best: str = "best for this query alone: {low} to {high}"
    predicted: str = "calibrated probability"
    came_true: str = "share that is relevant"
    bin_says: str = "{low} to {high}: {n} pairs, {n_relevant} relevant; predicted {mean} on average"
    answered: str = "queries answered"
    answered_right: str = "of those, with a relevant passage on top"
    answered_with: str = "of those, with a relevant passage at all"
    share: str = "share"
    least_top_score: str = "answer only where the top score is at least ({scale})"
    abstention_says: str = "at {cut}: {share} %"
    pairs_per_second: str = "pairs per second"
    speed_says: str = "{pairs} · off by {drift}"
    needs_reranker: str = "No reranker gave an order, so there are no lines to draw."
    funnel_key: str = "thick blue: rescued by reranking · thin blue: was already on top · dotted orange: lost its place"
    depth: str = "depth k: passages that are reranked"
    overlap: str = "share of the deepest run's top list"
    retriever_alone: str = "{key} of the retriever alone"
    ceiling: str = "recall of the retriever (ceiling)"
    seconds_per_query: str = "seconds per query"


ENGLISH = Words()


def axis_title(scale: Scale, unit: str, words: Words) -> str:
    """What the numbers on the axis are.

    Raises:
        InvalidInput: a sigmoid is asked of scores that are no log-odds, where it would only look like a meaning.
    """
    if unit not in ("logit", "sigmoid"):
        raise InvalidInput("Scores are shown as logit or sigmoid, not as {unit!r}.", unit=unit)
    if unit == "sigmoid":
        if scale.name not in SIGMOID_OF:
            raise InvalidInput("A sigmoid of {scale} scores says nothing. Show them as they are.", scale=scale.name)
        return words.sigmoid.format(scale=scale.name)
    if scale.name in ("file", "unknown"):
        return words.file_score if scale.name == "file" else words.unknown_score
    return words.server_sigmoid if scale.name == "sigmoid" else words.raw.format(scale=scale.name)

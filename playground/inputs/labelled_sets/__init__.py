"""Labelled sets as files: FlagEmbedding, sentence-transformers, CSV and TREC, read strictly and written back."""

from playground.inputs.labelled_sets.gathering import KINDS, Kind, LabelFile, scores_of
from playground.inputs.labelled_sets.reading import read
from playground.inputs.labelled_sets.writing import losses, write

__all__ = ["KINDS", "Kind", "LabelFile", "losses", "read", "scores_of", "write"]

"""Labelled sets as files: FlagEmbedding, sentence-transformers, CSV and TREC, read strictly and written back."""

from playground.engine.label_files.gathering import KINDS, Kind, LabelFile, scores_of
from playground.engine.label_files.reading import read
from playground.engine.label_files.writing import losses, write

__all__ = ["KINDS", "Kind", "LabelFile", "losses", "read", "scores_of", "write"]

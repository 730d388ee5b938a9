"""Documents become passages that can be found: by their words (BM25) and by vectors of any embedder."""

"""A corpus, a retriever and rerankers behind it: one query, many of them, and the record of a run."""

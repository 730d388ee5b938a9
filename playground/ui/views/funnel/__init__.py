"""From a corpus to the best passages: retrieve, rerank, evaluate."""

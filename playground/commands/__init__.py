"""`playground rerank`, `compare`, `embed` and `serve` in a terminal: files and pipes in, tables and JSON lines out."""

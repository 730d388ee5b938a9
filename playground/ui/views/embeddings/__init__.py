"""Cosines of query and passages."""

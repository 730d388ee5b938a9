"""Millions of pairs through one model, in blocks: in this process, or by workers on one machine or many through Ray."""

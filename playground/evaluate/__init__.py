"""Evaluation as the field does it: a task, a first stage, models behind it, and the published figures beside ours."""

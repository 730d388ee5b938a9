"""What leaves a public page in a file: no folder of this machine."""

from __future__ import annotations

import base64
import gzip
import shutil
import threading
from dataclasses import replace
from pathlib import Path

from playground.core.types import ModelChoice, Passage, RerankRequest
from playground.engine.manifest import from_manifest, manifest
from playground.settings import Settings
from playground.ui.services import Services
from playground.ui.training_jobs import dev_set
from playground.ui.views.history.view import on_export as export_history
from playground.ui.views.ranking.view import Visit, on_export
from playground.ui.wiring import Caller
from tests.ui.test_training_jobs import ask, data


def test_files_of_a_public_page_name_a_trained_model_and_its_weights_and_not_its_folder(
    tmp_path: Path, tiny_bert: Path, caller: Caller
) -> None:
    settings = Settings(db=tmp_path / "history.db", public=True, train=True, offline=True, worker=False)
    services = Services.from_settings(settings)
    folder = services.trained.root / "my-own-0123456789abcdef"
    shutil.copytree(tiny_bert, folder)
    choice = ModelChoice(str(folder), device="cpu", precision="fp32")
    request = RerankRequest(
        "what is panda?", (Passage("1", "The panda is a bear."), Passage("2", f"It is in {folder}."))
    )
    *_, last = services.engine.rerank(request, choice)
    assert last.result is not None
    services.history.save(caller.owner, manifest(last.result, choice))
    labelled = dev_set(ask(tiny_bert), data().dev)
    for step in services.engine.score_set(labelled, choice, known=lambda *_: None, stop=threading.Event()):
        if step.scored and step.spec is not None and step.scale is not None:
            services.history.sets.put_scores(caller.owner, step.spec, step.scale, step.instruction, step.scored)

    visit = Visit(last.result, choice)
    table, record = (
        on_export(services, replace(caller, event={"format": kind}), visit).download["text"] for kind in ("csv", "json")
    )
    packed = base64.b64decode(export_history(services, caller)["base64"])
    *texts, history = table, record, gzip.decompress(packed).decode()
    lines = [line for line in history.splitlines() if not line.startswith('{"text":')]
    for text in (*texts, *lines):
        assert str(services.trained.root) not in text
    assert ",my-own," in table
    for kind in ("run", "scorer"):
        (line,) = (line for line in lines if line.startswith(f'{{"{kind}":'))
        assert '"model_id":"my-own"' in line
        assert f'"fingerprint":"{last.result.spec.fingerprint}"' in line
    assert '"model_id": "my-own"' in record
    # A passage keeps its text, by which a run finds it again.
    assert services.history.import_("visitor-two", packed).runs == 1
    (row,) = services.history.search("visitor-two")
    again, _ = from_manifest(services.history.get(row.id, "visitor-two").manifest)
    assert (again.request, again.spec.model_id) == (request, "my-own")
    services.close()

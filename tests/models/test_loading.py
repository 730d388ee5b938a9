"""Loading from two threads at once, as a page does that loads one model while another is asked for."""

from __future__ import annotations

import subprocess
import sys

TWO_AT_ONCE = """
import threading
from playground.models import loading
start = threading.Barrier(2)
def load(name):
    start.wait()
    loading.family(name)
threads = [threading.Thread(target=load, args=[name]) for name in ("cross_encoder", "bi_encoder")]
for thread in threads: thread.start()
for thread in threads: thread.join()
from playground.models import bi_encoder, cross_encoder
bi_encoder.transformers.AutoModel, cross_encoder.transformers.AutoModelForSequenceClassification
print("both")
"""


def test_two_families_can_be_imported_at_the_same_time() -> None:
    done = subprocess.run([sys.executable, "-c", TWO_AT_ONCE], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "both", done.stderr

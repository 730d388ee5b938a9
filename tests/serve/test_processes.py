"""`--api` beside the page, and the endpoints alone, in processes of their own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cohere
import httpx
import pytest
from mcp import Client

from playground.core.types import RerankResult
from tests.running import ROOT, Page, awaited, environment, running
from tests.serve.servers import DOCUMENTS, QUERY, RERANKER

README = ROOT / "README.md"
ADDRESS = "http://127.0.0.1:7860"

ALONE = """
import sys
from playground.serve.alone import serve
from playground.settings import Settings
serve(Settings(api=True, offline=True, port=int(sys.argv[1])))
print(sorted({"gradio", "torch"} & sys.modules.keys()))
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with running(tmp_path_factory.mktemp("page"), "--api", "--offline") as page:
        yield page


def serve_section() -> str:
    """What the README says of serving, with nothing after it."""
    return README.read_text(encoding="utf-8").split("\n## Serve\n")[1].split("\n## ")[0]


def test_the_page_and_the_endpoints_share_a_port(page: Page, ranked: RerankResult) -> None:
    said = cohere.ClientV2("none", base_url=page.url).rerank(model=RERANKER, query=QUERY, documents=DOCUMENTS)
    front = httpx.get(page.url, trust_env=False)

    assert [(each.index, each.relevance_score) for each in said.results] == [
        (each.index, each.score) for each in ranked
    ]
    assert "<gradio-app" in front.text


def test_agents_are_answered_beside_the_page(page: Page) -> None:
    async def listed() -> set[str]:
        async with Client(f"{page.url}/mcp") as client:
            return {tool.name for tool in (await client.list_tools()).tools}

    assert awaited(listed) == {"rerank", "compare", "explain_threshold"}


def test_a_page_of_another_site_gets_no_leave_from_gradio_either(page: Page) -> None:
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}

    before = httpx.options(f"{page.url}/v1/rerank", headers=asked, trust_env=False)
    itself = httpx.post(f"{page.url}/v1/rerank", json={}, headers={"Origin": asked["Origin"]}, trust_env=False)
    rebound = httpx.get(f"{page.url}/v1/models", headers={"Host": "evil.example"}, trust_env=False)

    assert "access-control-allow-origin" not in before.headers
    assert itself.status_code == 403
    assert rebound.status_code == 400


def test_the_code_of_the_readme_runs(page: Page, capsys: pytest.CaptureFixture[str]) -> None:
    section = serve_section().replace(ADDRESS, page.url)
    (shell,) = (block for block in re.findall(r"```bash\n(.*?)```", section, re.DOTALL) if "curl" in block)
    code = "\n".join(re.findall(r"```python\n(.*?)```", section, re.DOTALL))

    curl = subprocess.run(["bash", "-euc", shell], capture_output=True, text=True, check=True)
    exec(compile(code, "README.md", "exec"), {"__name__": "readme"})

    assert '"index":1' in curl.stdout
    index, score, *_ = capsys.readouterr().out.split()
    # `auto` takes a precision by timing, so the third digit is the machine's.
    assert (index, float(score)) == ("1", pytest.approx(0.620, abs=0.004))


def test_the_endpoints_run_without_the_page(tmp_path: Path, unused_port: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", ALONE, str(unused_port)],
        cwd=ROOT,
        env=environment(tmp_path, {"PYTHONPATH": str(ROOT)}),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process:
        assert re.match(r"Rerank playground for programs: http://127.0.0.1:\d+/docs", process.stdout.readline())
        transport = httpx.HTTPTransport(retries=8)
        with httpx.Client(transport=transport, base_url=f"http://127.0.0.1:{unused_port}", trust_env=False) as client:
            assert client.get("/health").json()["status"] == "ok"
            assert client.get("/health", headers={"Host": "evil.example"}).status_code == 400
        process.send_signal(signal.SIGINT if os.name == "posix" else signal.SIGTERM)
        assert process.stdout.read() == "[]\n"
    assert process.returncode == 0

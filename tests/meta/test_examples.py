"""Every example runs without a warning and prints what is checked in.

After a change that is meant: `python examples/NAME.py > tests/meta/examples/NAME.txt`, and read the difference.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

EXAMPLES = Path(__file__).parents[2] / "examples"
EXPECTATIONS = Path(__file__).with_name("examples")

NAMES = sorted({path.stem for path in [*EXAMPLES.glob("*.py"), *EXPECTATIONS.glob("*.txt")]})


def test_there_are_examples() -> None:
    assert NAMES


@pytest.mark.parametrize("name", NAMES)
def test_an_example_prints_what_is_expected(name: str, tmp_path: Path) -> None:
    script, expectation = EXAMPLES / f"{name}.py", EXPECTATIONS / f"{name}.txt"
    assert script.exists(), f"{expectation} has no example {script}: remove it"
    assert expectation.exists(), f"{script} has no expectation {expectation}: write what it prints there"
    result = subprocess.run(
        [sys.executable, "-W", "error", script],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == expectation.read_text(encoding="utf-8")
    assert not list(tmp_path.iterdir()), "an example leaves nothing behind"


@pytest.mark.parametrize("name", NAMES)
def test_an_example_names_its_recipe_at_the_end(name: str) -> None:
    last = (EXAMPLES / f"{name}.py").read_text(encoding="utf-8").splitlines()[-1]
    assert last.startswith("# ")
    assert "noex." in last


def test_prometheus_reads_what_the_metrics_example_prints() -> None:
    text = (EXPECTATIONS / "request_metrics.txt").read_text(encoding="utf-8")
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert {name: family.type for name, family in families.items()} == {
        "http_request_seconds": "histogram",
        "http_requests_in_flight": "gauge",
        "http_requests": "counter",
        "searches": "counter",
    }
    buckets = [
        sample.value
        for sample in families["http_request_seconds"].samples
        if sample.name.endswith("_bucket") and sample.labels["method"] == "GET"
    ]
    assert buckets == sorted(buckets) == [1, 2, 3, 3, 3, 3]
    assert [sample.labels for sample in families["searches"].samples] == [{"term": 'he said "10\\20"\n'}]

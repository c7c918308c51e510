"""The commands: what they print, what they write, and their exit statuses."""

from __future__ import annotations

import gzip
import json
import os
import platform
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from noex._version import __version__
from noex.cli._charts import bar, printable, time_chart
from noex.cli._commands import cli
from noex.cli._demo_log import demo_lines
from noex.kernel import KERNEL

if TYPE_CHECKING:
    from pathlib import Path

GOOD = 'h{n}.secret.example - - [01/Aug/1995:0{hour}:{minute:02}:00 -0400] "{request} HTTP/1.0" {status} {size}\n'
FIELDS = {
    "lines", "valid", "rejected", "first", "last", "methods", "statuses", "bytes", "hosts", "sessions", "cache",
    "peak_minute", "top_targets", "sizes", "seconds", "requests_per_second",
}  # fmt: skip


def good(
    n: int = 1, hour: int = 2, minute: int = 0, request: str = "GET /a", status: int = 200, size: int = 500
) -> str:
    return GOOD.format(n=n, hour=hour, minute=minute, request=request, status=status, size=size)


def run(*arguments: str | Path, stdin: str | bytes | None = None) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments], input=stdin)


def process(*arguments: str | Path, stdin: bytes = b"", **environment: str) -> subprocess.CompletedProcess[bytes]:
    clean = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "FORCE_COLOR", "NO_COLOR")}
    return subprocess.run(
        [sys.executable, "-m", "noex", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        check=False,
        env=clean | environment,
        timeout=120,
    )


def document(*arguments: str | Path, stdin: str | bytes | None = None) -> dict[str, object]:
    result = run("replay", *arguments, "--json", "-", stdin=stdin)
    assert result.exit_code == 0, result.output
    found: dict[str, object] = json.loads(result.stdout)
    return found


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "access.log"
    path.write_text(
        good(1) + "broken\n" + good(2, minute=1, request="POST /b", status=302, size=2000) + good(1, minute=2)
    )
    return path


def test_the_document_has_exactly_the_promised_fields(log: Path) -> None:
    found = document(log)
    assert set(found) == FIELDS
    assert found["seconds"] > 0  # type: ignore[operator]
    assert found["requests_per_second"] > 0  # type: ignore[operator]
    del found["seconds"], found["requests_per_second"]
    assert found == {
        "lines": 4,
        "valid": 3,
        "rejected": 1,
        "first": "1995-08-01T06:00:00+00:00",
        "last": "1995-08-01T06:02:00+00:00",
        "methods": {"GET": 2, "POST": 1},
        "statuses": {"200": 2, "302": 1},
        "bytes": 3000,
        "hosts": 2,
        "sessions": {"opened": 2, "active_at_end": 2, "peak_active": 2},
        "cache": {"hits": 1, "misses": 1, "hit_ratio": 0.5, "evictions": 0, "expirations": 0, "entries": 1},
        "peak_minute": {"start": "1995-08-01T06:00:00+00:00", "requests": 1},
        "top_targets": [["/a", 2], ["/b", 1]],
        "sizes": {"100": 0, "1000": 2, "10000": 3, "100000": 3, "1000000": 3, "+Inf": 3, "sum": 3000, "count": 3},
    }


def test_the_report_shows_every_part_and_no_host(log: Path) -> None:
    result = run("replay", log)
    assert result.exit_code == 0
    for part in ("access.log", "Requests over time", "Answers", "Top 2 targets", "Cache", "Sessions", "Rates", "Sizes"):
        assert part in result.stdout
    assert "secret" not in result.output
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_hosts_are_nowhere_in_what_is_written(log: Path, tmp_path: Path) -> None:
    result = run("replay", log, "--show-rejected", "--json", tmp_path / "j", "--metrics", tmp_path / "m")
    assert result.exit_code == 0
    assert "secret" not in result.output + (tmp_path / "j").read_text() + (tmp_path / "m").read_text()


def test_hashes_of_hosts_are_salted_anew_each_time(log: Path) -> None:
    first, second = ([line for line in run("replay", log).stdout.splitlines() if "1 session" in line] for _ in range(2))
    assert first
    assert first != second


def test_stamps_that_go_back_do_not_turn_log_time_back(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text(good(minute=10) + good(minute=5) + good(minute=9))
    found = document(path)
    assert (found["first"], found["last"]) == ("1995-08-01T06:10:00+00:00", "1995-08-01T06:10:00+00:00")
    assert found["peak_minute"] == {"start": "1995-08-01T06:10:00+00:00", "requests": 3}


def test_the_earliest_of_equal_peak_minutes_and_the_smallest_of_equal_targets_come_first(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    targets = ["/b", "/a", "/é", "/c", "/B"]
    path.write_text("".join(good(minute=n, request=f"GET {t}") for n, t in enumerate(targets)), encoding="utf-8")
    found = document(path)
    assert found["peak_minute"] == {"start": "1995-08-01T06:00:00+00:00", "requests": 1}
    assert found["top_targets"] == [["/B", 1], ["/a", 1], ["/b", 1], ["/c", 1], ["/é", 1]]


def test_a_session_ends_exactly_at_its_idle_timeout(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text(good(minute=0) + good(minute=29) + good(hour=2, minute=58) + good(hour=3, minute=28))
    sessions = document(path)["sessions"]
    assert sessions == {"opened": 2, "active_at_end": 1, "peak_active": 1}
    assert document(path, "--idle", "1801")["sessions"] == {"opened": 1, "active_at_end": 1, "peak_active": 1}


def test_cache_options_bound_its_life_and_its_size(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    lines = [good(minute=m, request=f"GET /{t}") for m, t in [(0, "a"), (0, "b"), (1, "a"), (2, "c"), (3, "a")]]
    path.write_text("".join(lines))
    cache = document(path, "--entries", "2", "--ttl", "180", "--policy", "lru")["cache"]
    assert cache == {"hits": 1, "misses": 4, "hit_ratio": 0.2, "evictions": 1, "expirations": 1, "entries": 2}


@pytest.mark.parametrize(
    ("request_text", "status"), [("HEAD /a", 200), ("GET /a", 404), ("GET /a", 301), ("get /a", 200)]
)
def test_only_a_get_that_was_answered_well_goes_to_the_cache(tmp_path: Path, request_text: str, status: int) -> None:
    path = tmp_path / "a.log"
    path.write_text(good(request=request_text, status=status))
    assert document(path)["cache"] == {
        "hits": 0, "misses": 0, "hit_ratio": 0.0, "evictions": 0, "expirations": 0, "entries": 0,
    }  # fmt: skip


def test_several_files_are_read_in_the_order_given(tmp_path: Path) -> None:
    early, late = tmp_path / "early.log", tmp_path / "late.log.gz"
    early.write_text(good(minute=1))
    late.write_bytes(gzip.compress(good(minute=9).encode()))
    forwards, backwards = document(early, late), document(late, early)
    assert (forwards["first"], forwards["last"]) == ("1995-08-01T06:01:00+00:00", "1995-08-01T06:09:00+00:00")
    assert (backwards["first"], backwards["last"]) == ("1995-08-01T06:09:00+00:00", "1995-08-01T06:09:00+00:00")
    assert document(early, early)["lines"] == 2


def test_the_standard_input_is_read_in_its_place(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text(good(minute=9))
    assert document("-", path, stdin=good(minute=1))["first"] == "1995-08-01T06:01:00+00:00"
    assert document(path, "-", stdin=good(minute=1))["first"] == "1995-08-01T06:09:00+00:00"


def test_a_last_line_without_an_end_counts(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text(good().rstrip("\n"))
    assert document(path)["lines"] == 1


def test_bytes_that_are_no_utf8_are_kept_apart(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(
        good(request="GET /X").encode().replace(b"X", b"\xe9") + good(request="GET /X").encode().replace(b"X", b"\xe8")
    )
    assert document(path)["top_targets"] == [["/\udce8", 1], ["/\udce9", 1]]
    assert "/\\xe8" in run("replay", path).stdout


def test_controls_in_a_target_never_reach_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text(good(request="GET /\x1b[2J[bold]x[/bold]\x07"))
    shown = run("replay", path).stdout
    assert "/\\x1b[2J[bold]x[/bold]\\x07" in shown
    assert "\x1b" not in shown


def test_rejected_lines_are_shown_with_file_number_and_reason(tmp_path: Path) -> None:
    a, b = tmp_path / "a.log", tmp_path / "b.log"
    a.write_text("\n" + good() + "secret\n" * 2)
    b.write_text(good() + "x\n" * 7)
    result = run("replay", a, b, "--show-rejected")
    assert result.exit_code == 0
    assert "10 rejected lines, the first 5:" in result.stdout
    for place in (f"{a}:1: the line is empty", f"{a}:3: ", f"{a}:4: ", f"{b}:2: ", f"{b}:3: "):
        assert place in result.stdout
    assert f"{b}:4: " not in result.stdout
    assert "rejected lines" not in run("replay", a, b).stdout


def test_rejected_lines_go_to_the_standard_error_when_the_document_has_the_output(log: Path) -> None:
    result = run("replay", log, "--show-rejected", "--json", "-")
    json.loads(result.stdout)
    assert f"{log}:2: " in result.stderr


def test_the_metrics_file_is_prometheus_text(log: Path, tmp_path: Path) -> None:
    from prometheus_client.parser import text_string_to_metric_families

    assert run("replay", log, "--metrics", tmp_path / "out.prom").exit_code == 0
    text = (tmp_path / "out.prom").read_text()
    assert text == run("replay", log, "--metrics", "-").stdout
    samples = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert samples[("http_requests_total", ("method", "GET"))] == 2
    assert samples[("http_responses_total", ("status", "302"))] == 1
    assert samples[("http_response_bytes_total",)] == 3000
    assert samples[("http_sessions_active",)] == 2
    assert samples[("http_cache_lookups_total", ("result", "hit"))] == 1
    assert samples[("http_response_size_bytes_count",)] == 3
    assert samples[("http_response_size_bytes_sum",)] == 3000
    buckets = {key[1][1]: value for key, value in samples.items() if key[0] == "http_response_size_bytes_bucket"}
    assert {float(limit): count for limit, count in buckets.items()} == {
        100: 0, 1000: 2, 10_000: 3, 100_000: 3, 1_000_000: 3, float("inf"): 3,
    }  # fmt: skip


def test_json_and_metrics_cannot_both_have_the_standard_output(log: Path) -> None:
    result = run("replay", log, "--json", "-", "--metrics", "-")
    assert result.exit_code == 2
    assert "--json" in result.stderr


def test_a_file_that_cannot_be_written_is_one_error(log: Path, tmp_path: Path) -> None:
    result = run("replay", log, "--json", tmp_path / "no" / "such" / "folder.json")
    assert result.exit_code == 2
    assert "cannot write" in result.stderr


@pytest.mark.parametrize(
    "option",
    [("--idle", "0"), ("--idle", "-1"), ("--idle", "nan"), ("--ttl", "inf"), ("--ttl", "x"), ("--entries", "0"),
     ("--policy", "fifo"), ("--unknown",)],
)  # fmt: skip
def test_bad_options_are_usage_errors(log: Path, option: tuple[str, ...]) -> None:
    result = run("replay", log, *option)
    assert result.exit_code == 2
    assert "Error" in result.stderr
    assert isinstance(result.exception, SystemExit)


def test_replay_without_a_log_is_a_usage_error() -> None:
    assert run("replay").exit_code == 2


def test_a_log_without_one_valid_line_exits_1(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("x\ny\n")
    result = run("replay", path, "--json", tmp_path / "out.json")
    assert result.exit_code == 1
    assert "no valid line among the 2" in result.stderr
    assert result.stdout == ""
    assert not (tmp_path / "out.json").exists()
    assert f"{path}:1: " in run("replay", path, "--show-rejected").stderr


def test_an_empty_log_exits_1(tmp_path: Path) -> None:
    (tmp_path / "a.log").touch()
    assert run("replay", tmp_path / "a.log").exit_code == 1
    assert run("replay", "-", stdin="").exit_code == 1


def one_error(done: subprocess.CompletedProcess[bytes], words: str) -> None:
    assert done.returncode == 2
    error = done.stderr.decode()
    assert len(error.splitlines()) == 1, error
    assert words in error
    assert done.stdout == b""


def test_a_missing_file_is_one_error_and_status_2(log: Path, tmp_path: Path) -> None:
    one_error(process("replay", log, tmp_path / "none.log"), "none.log: No such file")


def test_a_directory_is_one_error_and_status_2(tmp_path: Path) -> None:
    one_error(process("replay", tmp_path), "directory")


@pytest.mark.parametrize(
    ("data", "words"),
    [(gzip.compress(good().encode() * 1000)[:-9], "cut off"), (good().encode(), "Not a gzipped file")],
    ids=["cut off", "not compressed"],
)
def test_damaged_compressed_files_are_one_error_and_status_2(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "a.log.gz"
    path.write_bytes(data)
    one_error(process("replay", path), words)
    one_error(process("replay", path, "--json", "-", "--metrics", tmp_path / "m"), words)
    assert not (tmp_path / "m").exists()


def test_flipped_bits_in_a_compressed_file_are_one_error_and_status_2(tmp_path: Path) -> None:
    data = bytearray(gzip.compress("".join(demo_lines(2000)).encode("utf-8", "surrogateescape")))
    data[len(data) // 2] ^= 0xFF
    path = tmp_path / "a.log.gz"
    path.write_bytes(data)
    result = run("replay", path)
    assert result.exit_code == 2
    assert "cannot read" in result.stderr


def test_a_real_process_replays_the_standard_input() -> None:
    done = process("replay", "-", "--json", "-", stdin=good().encode())
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["valid"] == 1
    assert done.stderr == b""  # no progress bar where there is no terminal


def test_a_real_process_exits_1_without_a_valid_line() -> None:
    done = process("replay", "-", stdin=b"\xff\n")
    assert done.returncode == 1
    assert done.stdout == b""


def test_a_terminal_that_knows_only_ascii_gets_ascii() -> None:
    done = process(
        "replay", "-", stdin=good(request="GET /é").encode(), PYTHONIOENCODING="ascii", PYTHONUTF8="0", COLUMNS="80"
    )
    assert done.returncode == 0, done.stderr
    assert b"####" in done.stdout
    assert done.stdout.isascii()


@pytest.mark.parametrize("columns", ["30", "60", "80", "200"])
def test_the_report_fits_the_width(log: Path, columns: str) -> None:
    done = process("replay", log, COLUMNS=columns, PYTHONIOENCODING="utf-8")
    assert done.returncode == 0, done.stderr
    assert max(map(len, done.stdout.decode().splitlines())) <= int(columns)


def test_the_demo_replays_its_own_log_and_keeps_it_where_told(tmp_path: Path) -> None:
    path = tmp_path / "demo.log"
    result = run("demo", "--lines", "3000", "--seed", "4", "--save", path, "--entries", "50")
    assert result.exit_code == 0, result.output
    assert "seed 4" in result.stdout
    assert "Top 10 targets" in result.stdout
    assert path.read_bytes() == "".join(demo_lines(3000, 4)).encode("utf-8", "surrogateescape")
    saved = document(path, "--entries", "50")
    shown = json.loads(run("demo", "--lines", "3000", "--seed", "4", "--entries", "50", "--json", "-").stdout)
    for field in FIELDS - {"seconds", "requests_per_second"}:
        assert saved[field] == shown[field]


def test_the_demo_says_that_it_cannot_save(tmp_path: Path) -> None:
    result = run("demo", "--lines", "10", "--save", tmp_path / "no" / "folder.log")
    assert result.exit_code == 2
    assert "cannot write" in result.stderr


def test_info_names_version_kernel_python_and_platform() -> None:
    result = run("info")
    assert result.exit_code == 0
    for part in (__version__, "kernel", KERNEL, platform.python_version(), platform.platform()):
        assert part in result.stdout


def test_version_and_help() -> None:
    assert run("--version").stdout == f"noex {__version__}\n"
    for arguments in ((), ("replay",), ("demo",), ("info",)):
        assert run(*arguments, "--help").exit_code == 0
        assert "Usage" in run(*arguments, "-h").stdout


def test_a_log_may_reach_from_the_first_to_the_last_second_that_there_is(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    first, last = "01/Jan/1970:00:00:00 +0000", "31/Dec/9999:23:59:59 +0000"
    path.write_text("".join(f'h - - [{time}] "GET / HTTP/1.0" 200 1\n' for time in (first, last, first)))
    found = document(path)
    assert (found["first"], found["last"]) == ("1970-01-01T00:00:00+00:00", "9999-12-31T23:59:59+00:00")
    assert found["sessions"] == {"opened": 2, "active_at_end": 1, "peak_active": 1}
    assert found["peak_minute"] == {"start": "9999-12-31T23:59:00+00:00", "requests": 2}
    assert run("replay", path).exit_code == 0


def test_an_output_that_is_closed_early_brings_no_traceback(log: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "noex", "replay", log], stdout=writer, stderr=subprocess.PIPE, check=False, timeout=60
    )
    os.close(writer)
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("missing", ["click", "rich"])
def test_without_the_extra_one_line_says_what_to_install(missing: str) -> None:
    code = f"import sys; sys.modules[{missing!r}] = None; from noex.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert done.stderr == f"noex: the command line needs {missing}: pip install 'noex[cli]'\n"


def test_a_bar_fills_its_share_and_shows_the_smallest_part() -> None:
    assert [bar(share, 4) for share in (0, 0.001, 0.25, 0.5, 1, 2)] == ["", "▏", "█", "██", "████", "████"]
    assert [bar(share, 4, ascii_only=True) for share in (0, 0.001, 1)] == ["", "#", "####"]
    assert bar(0.5, 0) == ""


def test_a_time_chart_puts_each_minute_in_its_column() -> None:
    chart = time_chart({0: 4, 60: 2, 180: 1}, width=20, height=2)
    assert (chart.step, chart.highest, chart.start, chart.end) == ("minute", 4, "1970-01-01 00:00", "1970-01-01 00:04")
    assert chart.rows == ["█████               ", "██████████     ▄▄▄▄▄"]


@pytest.mark.parametrize("last", [0, 60, 59 * 60, 86_400, 40 * 86_400, 253_402_300_740])
@pytest.mark.parametrize("width", [10, 37, 100])
def test_a_time_chart_fits_its_width_however_long_the_log(last: int, width: int) -> None:
    chart = time_chart({0: 1, last: 3}, width, 4)
    assert all(len(row) <= width for row in chart.rows)
    assert len({len(row) for row in chart.rows}) == 1
    assert chart.highest in (3, 4)


def test_printable_escapes_what_a_terminal_would_obey() -> None:
    assert printable("a\x1b\x85\u202e\U000e0001\udc80é☃") == "a\\x1b\\x85\\u202e\\U000e0001\\x80é☃"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this platform has no device that is always full")
@pytest.mark.parametrize("options", [[], ["--json", "-"], ["--metrics", "-"]])
def test_a_standard_output_that_is_full_is_one_line_and_exit_2(options: list[str]) -> None:
    with open("/dev/full", "wb") as full:
        result = subprocess.run(
            [sys.executable, "-m", "noex", "demo", "--lines", "50", *options],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
            check=False,
        )
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    assert "cannot write the standard output: No space left on device" in result.stderr


def test_a_reader_that_has_gone_gets_no_traceback() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "noex", "demo", "--lines", "50", "--json", "-"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(120) != 0


@pytest.mark.parametrize(
    ("option", "value"), [("--idle", "0"), ("--idle", "-3"), ("--idle", "nan"), ("--ttl", "inf"), ("--entries", "0")]
)
def test_an_option_out_of_range_names_the_option(option: str, value: str) -> None:
    result = CliRunner().invoke(cli, ["demo", "--lines", "5", option, value])
    assert result.exit_code == 2
    assert option in result.output
    assert "None" not in result.output

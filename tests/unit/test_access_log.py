"""The grammar of access logs, and opening them."""

from __future__ import annotations

import gzip
import io
import zlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from noex.cli._access_log import LONGEST_LINE, Parser, Rejection, Request, open_log

if TYPE_CHECKING:
    from pathlib import Path


def line(
    host: str = "h.example",
    time: str = "01/Aug/1995:02:00:00 -0400",
    request: str = "GET /a HTTP/1.0",
    status: str = "200",
    size: str = "12",
    tail: str = "",
) -> str:
    return f'{host} - - [{time}] "{request}" {status} {size}{tail}'


def accepted(text: str) -> Request:
    request = Parser().parse(text)
    assert isinstance(request, Request), request
    return request


def reason(text: str) -> str:
    rejection = Parser().parse(text)
    assert isinstance(rejection, Rejection), rejection
    return rejection.reason


def at(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp())  # type: ignore[misc]


def test_a_line_of_common_log_format() -> None:
    assert accepted(line()) == ("h.example", at(1995, 8, 1, 6, 0, 0), "GET", "/a", 200, 12)


def test_a_line_of_combined_log_format_with_escaped_quotes() -> None:
    tail = r' "http://e.example/?q=\"x\"" "agent \"1\" \\"'
    assert accepted(line(tail=tail)) == accepted(line())


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_line_end_is_allowed(end: str) -> None:
    assert accepted(line() + end) == accepted(line())
    assert accepted(line(tail=' "-" "-"') + end) == accepted(line())


@pytest.mark.parametrize(
    ("request_text", "method", "target"),
    [
        ("GET /a", "GET", "/a"),
        ("GET /a HTTP/1.1", "GET", "/a"),
        ("GET /a HTTP/2", "GET", "/a"),
        ("M-SEARCH * HTTP/1.1", "M-SEARCH", "*"),
        ("OPTIONS rtsp://h/x RTSP/1.0", "OPTIONS", "rtsp://h/x"),
        ("CONNECT h.example:443 HTTP/1.1", "CONNECT", "h.example:443"),
        (r"GET /a\"b\\c HTTP/1.1", "GET", r"/a\"b\\c"),
        ("GET /caf\udce9 HTTP/1.1", "GET", "/caf\udce9"),
        ("GET /\u00a0\u2028 HTTP/1.1", "GET", "/\u00a0\u2028"),
        ("get /a HTTP/1.1", "get", "/a"),
    ],
)
def test_requests(request_text: str, method: str, target: str) -> None:
    request = accepted(line(request=request_text))
    assert (request.method, request.target) == (method, target)


@pytest.mark.parametrize(
    "request_text",
    ["", "-", "GET", "GET ", " /a", "GET  /a", "GET /a b HTTP/1.1", "GET /a HTTP/1.1 x", "GET /a HTTP", 'GET /"a',
     "GET /a\\",
     "GET /a\tHTTP/1.1", "G(T /a", r"\x16\x03\x01", "GET /a\\ b"],
)  # fmt: skip
def test_requests_that_are_none(request_text: str) -> None:
    assert "METHOD target" in reason(line(request=request_text))


@pytest.mark.parametrize(("size", "number"), [("0", 0), ("-", 0), ("007", 7), ("9" * 18, 10**18 - 1)])
def test_bytes(size: str, number: int) -> None:
    assert accepted(line(size=size)).size == number


@pytest.mark.parametrize("size", ["", "--", "-1", "1.5", "x", "9" * 19, "9" * 5000, "\u0663", "12x", "1,2"])
def test_bytes_that_are_no_number(size: str) -> None:
    assert "bytes" in reason(line(size=size))


@pytest.mark.parametrize("status", ["", "-", "20", "2000", "099", "abc", "\u0662\u0660\u0660"])
def test_statuses_that_are_none(status: str) -> None:
    assert "status" in reason(line(status=status))


@pytest.mark.parametrize(
    "tail", [" ", " x", ' "-"', ' "-" "-" ', ' "-" "-" "-"', ' "-" "a', ' "-"  "-"', "\r", "\n\n", " \n"]
)
def test_what_follows_the_bytes_is_all_or_nothing(tail: str) -> None:
    if tail == "\r":
        assert accepted(line(tail=tail)) == accepted(line())
    else:
        assert "what follows the bytes" in reason(line(tail=tail))


@pytest.mark.parametrize(
    ("time", "stamp"),
    [
        ("01/Jan/1970:00:00:00 +0000", 0),
        ("01/Jan/1970:00:00:00 -0000", 0),
        ("01/Jan/1970:05:30:00 +0530", 0),
        ("31/Dec/1969:19:00:00 -0500", 0),
        ("29/Feb/2024:12:34:56 +0000", at(2024, 2, 29, 12, 34, 56)),
        ("29/Feb/2000:00:00:00 +0000", at(2000, 2, 29)),
        ("31/Dec/2024:23:30:00 -0100", at(2025, 1, 1, 0, 30)),
        ("01/Jan/2025:00:30:00 +1400", at(2024, 12, 31, 10, 30)),
        ("01/Mar/2024:00:00:00 +2359", at(2024, 2, 29, 0, 1)),
        ("31/Dec/9999:23:59:59 +0000", at(9999, 12, 31, 23, 59, 59)),
    ],
)
def test_times(time: str, stamp: int) -> None:
    assert accepted(line(time=time)).stamp == stamp


@pytest.mark.parametrize(
    ("time", "why"),
    [
        ("30/Feb/2024:00:00:00 +0000", "no such day"),
        ("29/Feb/2023:00:00:00 +0000", "no such day"),
        ("29/Feb/1900:00:00:00 +0000", "no such day"),
        ("31/Apr/2024:00:00:00 +0000", "no such day"),
        ("00/Jan/2024:00:00:00 +0000", "no such day"),
        ("01/Jan/0000:00:00:00 +0000", "no such day"),
        ("01/Jan/2024:24:00:00 +0000", "no such hour"),
        ("01/Jan/2024:00:60:00 +0000", "no such hour"),
        ("01/Jan/2024:00:00:60 +0000", "no such hour"),
        ("01/jan/2024:00:00:00 +0000", "month"),
        ("01/Foo/2024:00:00:00 +0000", "month"),
        ("01/Jan/2024:00:00:00 +2400", "zone"),
        ("01/Jan/2024:00:00:00 +0060", "zone"),
        ("31/Dec/1969:23:59:59 +0000", "before 1970"),
        ("01/Jan/1970:00:00:00 +0001", "before 1970"),
        ("31/Dec/9999:23:59:59 -0100", "9999"),
        ("1/Jan/2024:00:00:00 +0000", "form"),
        ("01/Jan/2024:00:00:00", "form"),
        ("01/Jan/2024:00:00:00 0000", "form"),
        ("01/Jan/2024:00:00:00 +00:00", "form"),
        ("01/01/2024:00:00:00 +0000", "form"),
        ("01/Jan/2024 00:00:00 +0000", "form"),
        ("\u0660\u0661/Jan/2024:00:00:00 +0000", "form"),
        ("", "form"),
    ],
)
def test_times_that_do_not_exist(time: str, why: str) -> None:
    assert why in reason(line(time=time))


def test_a_time_that_does_not_exist_is_no_better_after_a_good_one_of_the_same_minute() -> None:
    parse = Parser().parse
    assert isinstance(parse(line(time="01/Jan/2024:00:00:59 +0000")), Request)
    assert isinstance(parse(line(time="01/Jan/2024:00:00:60 +0000")), Rejection)
    assert isinstance(parse(line(time="01/Jan/2024:00:00:5 +00000")), Rejection)
    assert isinstance(parse(line(time="01/Jan/2024:00:00 +0000:59")), Rejection)
    assert isinstance(parse(line(time="01/Jan/2024:00:00:58 +0000")), Request)


def test_more_times_than_are_remembered_are_all_read_right() -> None:
    parse = Parser().parse
    for _ in range(2):
        for second in range(9000):
            time = f"01/Jan/2024:{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02} +0000"
            request = parse(line(time=time))
            assert isinstance(request, Request)
            assert request.stamp == at(2024, 1, 1) + second


@pytest.mark.parametrize("text", ["", "\n", "  \t", "\r\n"])
def test_an_empty_line_is_rejected(text: str) -> None:
    assert reason(text) == "the line is empty"


@pytest.mark.parametrize("text", ["x", "h - [01/Jan/2024:00:00:00", "h  - -", " h - - [", "\x00\x01\x02"])
def test_missing_fields_at_the_start(text: str) -> None:
    assert "host, ident and user" in reason(text)


def test_a_missing_time_is_told() -> None:
    assert "square brackets" in reason('h - - "GET /a HTTP/1.0" 200 12')


def test_no_reason_repeats_what_stands_in_the_line() -> None:
    secret = "secret-host.example"
    whole = line(host=secret)
    for cut in range(len(whole)):
        rejection = Parser().parse(whole[:cut])
        if isinstance(rejection, Rejection):
            assert "secret" not in rejection.reason


def test_a_long_hostile_line_is_rejected_without_trying_everything() -> None:
    for text in ('h - - [01/Jan/2024:00:00:00 +0000] "GET ' + "\\a" * 200_000, "a " * 200_000, '"' * 200_000):
        assert isinstance(Parser().parse(text), Rejection)


def read(path: Path | str) -> list[str]:
    with open_log(path) as log:
        return list(log.lines)


def test_plain_and_compressed_files_give_the_same_lines(tmp_path: Path) -> None:
    data = b"one\ntwo\r\n\n\xff\xe9 three\x85\xe2\x80\xa8still three\rand still"
    (tmp_path / "a.log").write_bytes(data)
    (tmp_path / "a.log.gz").write_bytes(gzip.compress(data))
    expected = ["one\n", "two\r\n", "\n", "\udcff\udce9 three\udc85\u2028still three\rand still"]
    assert read(tmp_path / "a.log") == read(tmp_path / "a.log.gz") == read(str(tmp_path / "a.log")) == expected


def test_the_standard_input_is_read_and_left_open(monkeypatch: pytest.MonkeyPatch) -> None:
    stdin = io.TextIOWrapper(io.BytesIO(b"one\n\xff\n"))
    monkeypatch.setattr("sys.stdin", stdin)
    assert read("-") == ["one\n", "\udcff\n"]
    assert not stdin.buffer.closed


def test_the_position_grows_to_the_size_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"x\n" * 50_000)
    with open_log(path) as log:
        assert log.position() == 0
        assert len(list(log.lines)) == 50_000
        assert log.position() == 100_000


def test_a_missing_file_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "none.log")


@pytest.mark.parametrize("damage", ["cut", "no gzip", "flipped"])
def test_damaged_compressed_files_raise(tmp_path: Path, damage: str) -> None:
    data = bytearray(gzip.compress(b"".join(b"%d\n" % number for number in range(10_000))))
    if damage == "cut":
        data = data[:-20]
    elif damage == "no gzip":
        data = bytearray(b"plain text\n")
    else:
        data[len(data) // 2] ^= 0xFF
    path = tmp_path / "a.log.gz"
    path.write_bytes(data)
    with pytest.raises((EOFError, OSError, zlib.error)):
        read(path)


def test_a_line_beyond_all_measure_is_rejected_and_read_past(tmp_path: Path) -> None:
    good = '1.2.3.4 - - [01/Aug/1995:02:00:00 -0400] "GET /a HTTP/1.0" 200 120\n'
    agent = '1.2.3.4 - - [01/Aug/1995:02:00:00 -0400] "GET /a HTTP/1.0" 200 120 "-" "{}"\n'
    longest = agent.format("a" * (LONGEST_LINE - len(agent) + 3))
    assert len(longest) == LONGEST_LINE + 1
    log = tmp_path / "long.log"
    log.write_text(good + agent.format("b" * 5 * LONGEST_LINE) + longest + good + "z" * 3 * LONGEST_LINE)
    with open_log(log) as opened:
        lines = [line for batch in opened.batches(2) for line in batch]
    parser = Parser()
    found = [parser.parse(line) for line in lines]
    assert [type(request) for request in found] == [Request, Rejection, Request, Request, Rejection]
    assert {request.reason for request in found if isinstance(request, Rejection)} == {
        "the line is longer than 65,536 characters"
    }
    assert max(map(len, lines)) <= LONGEST_LINE + 2


@pytest.mark.parametrize("cut", range(1, 90))
def test_the_beginning_of_a_line_that_is_too_long_is_never_valid(tmp_path: Path, cut: int) -> None:
    """Wherever the limit falls, also where what stands before it would be a line."""
    head = '1.2.3.4 - - [01/Aug/1995:02:00:00 -0400] "GET /a HTTP/1.0" 200 1234567 "ref \\" er" "agent"'
    host = "h" * (LONGEST_LINE + 1 - cut)
    log = tmp_path / "long.log"
    log.write_text(host + head[7:] + " and more\n")
    with open_log(log) as opened:
        lines = [line for batch in opened.batches(2) for line in batch]
    assert len(lines) == 1
    assert isinstance(Parser().parse(lines[0]), Rejection)

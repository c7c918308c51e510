"""The Erlang that the tests compare with, started once."""

from collections.abc import Iterator

import pytest

from ._erlang import Erlang, why_not


@pytest.fixture(scope="session")
def erlang(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Erlang]:
    """A running Erlang; where there is none, the tests that want it are skipped."""
    reason = why_not()
    if reason is not None:
        pytest.skip(reason)
    with Erlang(tmp_path_factory.mktemp("erlang")) as erlang:
        yield erlang

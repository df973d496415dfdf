"""Every decoder of untrusted bytes: what it does not know it refuses by the errors it names, and by nothing else."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.hostile import DECODERS, REACHED_OTHERWISE, hostile, parsing_functions, reached, try_one

names = st.sampled_from(sorted(DECODERS))


@pytest.mark.parametrize("name", sorted(DECODERS))
def test_what_a_decoder_wrote_is_taken(name: str) -> None:
    assert try_one(name, DECODERS[name].seed) in ("taken", "WrongKey")


@given(name=names, data=st.binary(max_size=300))
def test_any_bytes_are_refused_by_name(name: str, data: bytes) -> None:
    try_one(name, data)


@given(name=names, seed=st.integers(0, 2**32))
def test_changed_bytes_and_values_are_taken_or_refused_by_name(name: str, seed: int) -> None:
    try_one(name, hostile(DECODERS[name], Random(seed)))


def test_most_changes_are_refused() -> None:
    """The changes reach what the decoders look at: else the tests above would prove nothing."""
    random = Random(1)
    refused = sum(try_one(name, hostile(DECODERS[name], random)) != "taken" for name in DECODERS for _ in range(60))
    assert refused > 0.4 * 60 * len(DECODERS)


def test_every_function_that_takes_bytes_apart_is_run_by_a_decoder_of_the_list_or_says_why_not() -> None:
    parsing = parsing_functions()
    assert parsing - reached(DECODERS) - REACHED_OTHERWISE.keys() == set()
    assert REACHED_OTHERWISE.keys() - parsing == set()


def test_the_list_would_miss_a_decoder_that_is_left_out() -> None:
    left_out = ("tree node", "references of a tree node", "key file", "vault job")
    without = [name for name in DECODERS if name not in left_out]
    missed = parsing_functions() - reached(without) - REACHED_OTHERWISE.keys()
    assert {"backup.tree._values_of", "vault.jobs.parse_job"} <= missed

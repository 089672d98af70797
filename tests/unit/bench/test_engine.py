"""`make bench` fails where the engine became slow, and never for the machine that it runs on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.engine import Row, allowed_share, faults
from bench.engine_worker import Rounds

HOUR = Row(
    format="v1", minutes=60, file_megabytes=87.1, seconds=0.9, ratio=1.6, channels=10,
    twin_share=1.6, megabytes_per_second=97, peak_megabytes=160, repeatable=True, stages={},
)  # fmt: skip


def test_an_engine_that_takes_half_as_long_again_fails_the_check() -> None:
    assert not faults([HOUR])
    (fault,) = faults([replace(HOUR, twin_share=1.5 * 1.6)])
    assert fault.startswith("v1, 60 min: 2.40 of its plain twin's time")


def test_a_short_recording_is_allowed_what_every_file_takes() -> None:
    short = replace(HOUR, minutes=5, twin_share=2.3)
    assert not faults([short])
    assert allowed_share(short) > allowed_share(HOUR)


def test_memory_and_answers_that_differ_fail_the_check_too() -> None:
    found = faults([replace(HOUR, peak_megabytes=450, repeatable=False)])
    assert found == [
        "v1, 60 min: 450 MB, at most 400",
        "v1, 60 min: the same file gave different results",
    ]


@pytest.mark.parametrize("slowness", [1.0, 4.0])
@pytest.mark.parametrize("channels", [6, 10])
def test_a_slower_machine_and_fewer_channels_do_not_change_the_share(
    slowness: float, channels: int
) -> None:
    channel = 0.02 * slowness  # s, of 20 minutes
    rounds = Rounds(
        seconds=[9.0, 2.0],
        processor=[9 * channel * channels, 4.8 * channel * channels],  # the first was disturbed
        twin=[channel] * (2 * channels - 1) + [50 * channel],
        answers=["same", "same"],
    )
    facts = rounds.facts(channels=channels, scale=3)
    assert facts["twin_share"] == pytest.approx(1.6)
    assert facts["ratio"] == pytest.approx(1.6 * channels / 10)
    assert facts["answers"] == ["same"]

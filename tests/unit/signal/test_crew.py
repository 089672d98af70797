"""Threads share the work of an analysis, and answers do not depend on how many there are."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from femo_signal.crew import Crew, usual_threads
from femo_signal.detection.building import build_profile
from femo_signal.settings import AnalysisSettings

from .recordings import REFERENCE

METHODS = (REFERENCE, AnalysisSettings(method="adaptive"))


@pytest.mark.parametrize("settings", METHODS, ids=lambda settings: settings.method)
def test_the_number_of_threads_changes_no_bit(v1_path, settings):
    alone, shared = (
        build_profile(v1_path, settings=settings, chunk_bytes=100_000, threads=threads)
        for threads in (1, 3)
    )
    assert alone.info == shared.info
    assert alone.thresholds == shared.thresholds
    assert np.array_equal(alone.detections, shared.detections)
    assert np.array_equal(alone.body_movement, shared.body_movement)
    for name, channel in alone.signals.sensors.items():
        assert np.array_equal(channel.samples, shared.signals.sensors[name].samples)
    for name in ("acceleration", "roll", "pitch", "yaw"):
        a, b = getattr(alone.signals, name), getattr(shared.signals, name)
        assert np.array_equal(a.samples, b.samples)
    for name, channel in alone.signals.slow.items():
        assert np.array_equal(channel.samples, shared.signals.slow[name].samples, equal_nan=True)
    if alone.findings is not None:
        assert np.array_equal(alone.findings.evidence.z, shared.findings.evidence.z)
        assert np.array_equal(alone.findings.candidates.rise, shared.findings.candidates.rise)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_results_come_in_the_order_of_what_was_asked(threads):
    with Crew(threads) as crew:
        assert crew.map(lambda a, b: a * b, range(50), range(50)) == [n * n for n in range(50)]


def test_two_threads_work_at_the_same_time():
    both_there = threading.Barrier(2)
    with Crew(2) as crew:
        crew.map(lambda _: both_there.wait(timeout=60), range(2))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("at", [0, 9])
def test_a_fault_in_any_task_is_the_analysis_own(threads, at):
    with Crew(threads) as crew, pytest.raises(ZeroDivisionError):
        crew.map(lambda number: 1 // (number - at), range(10))


def test_processes_that_share_the_cores_by_omp_num_threads_share_them_here_too(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert usual_threads() == 3


@pytest.mark.parametrize("told", ["", "0", "many", "4,2"])
def test_what_is_no_number_of_threads_leaves_a_thread_a_core(monkeypatch, told):
    monkeypatch.setenv("OMP_NUM_THREADS", told)
    assert usual_threads() >= 1


def test_no_thread_at_all_is_refused():
    with pytest.raises(ValueError, match="at least one thread"):
        Crew(0)

"""The public face: what `import femo_signal` gives works as its examples say, and costs nothing."""

from __future__ import annotations

import doctest
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

import femo_signal
from femo_signal.formats.chunk import VOLTS_PER_COUNT

from ..signal.recordings import make_belt, v1_header, v1_records, v2_header, v2_packets, write_v1

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "python.md"
WITH_EXAMPLES = (
    "AnalysisSettings",
    "FemoError",
    "MovementModel",
    "analyze_profile",
    "analyze_recording",
    "build_profile",
    "features",
    "plot",
    "read_recording",
)


def run(examples: list[doctest.Example], source: str) -> None:
    assert examples, f"{source} has no example"
    test = doctest.DocTest(examples, {}, source, source, 0, None)
    told: list[str] = []
    results = doctest.DocTestRunner().run(test, out=told.append)
    assert not results.failed, "".join(told)


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_the_example_of_a_public_name_runs(name: str, at_desk: Path) -> None:
    run(doctest.DocTestParser().get_examples(getattr(femo_signal, name).__doc__ or ""), name)


def test_the_example_of_a_table_runs(at_desk: Path) -> None:
    text = femo_signal.RawRecording.to_dataframe.__doc__
    run(doctest.DocTestParser().get_examples(text or ""), "to_dataframe")


def test_the_examples_of_the_page_run(at_desk: Path) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    run(doctest.DocTestParser().get_examples("\n".join(blocks)), PAGE.name)


def test_every_name_of_the_face_can_be_had_and_is_listed() -> None:
    for name in femo_signal.__all__:
        assert getattr(femo_signal, name) is not None
        assert name in dir(femo_signal)
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = femo_signal.no_such_name


def test_importing_the_package_loads_neither_numpy_nor_pandas() -> None:
    code = (
        "import sys, femo_signal; femo_signal.FemoError; "
        "print([n for n in ('numpy', 'pandas', 'pydantic', 'scipy') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_first_answer_waits_for_no_library_that_an_analysis_does_not_use(desk: Path) -> None:
    code = (
        "import sys, femo_signal\n"
        "model = femo_signal.MovementModel.load('model')\n"
        "model.card.__dict__['classifier'] = 'trees'\n"
        "model.warm_up()\n"
        "femo_signal.analyze_recording('night.dat', model)\n"
        "unused = ('lightgbm', 'sklearn', 'scipy', 'pandas', 'matplotlib')\n"
        "print([name for name in unused if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=desk, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_an_analysis_needs_no_pandas(desk: Path) -> None:
    code = (
        "import sys; sys.modules['pandas'] = None\n"
        "import femo_signal\n"
        "model = femo_signal.MovementModel.load('model')\n"
        "femo_signal.analyze_recording('night.dat', model)\n"
        "femo_signal.read_recording('night.dat')\n"
        "try: femo_signal.features('night.dat')\n"
        "except ImportError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=desk
    )
    assert "femo-cloud[dataframe]" in done.stdout


@pytest.mark.parametrize("name", ["matplotlib", "pandas"])
def test_the_inference_image_gets_nothing_that_draws_or_makes_tables(name: str) -> None:
    locked = (ROOT / "requirements" / "container.txt").read_text()
    assert re.search(r"^numpy==", locked, re.M)
    assert not re.search(rf"^{name}==", locked, re.M)


def test_a_profile_is_drawn_with_each_sensor_and_where_it_was_off(at_desk: Path) -> None:
    profile = femo_signal.build_profile("night.dat")
    figure = femo_signal.plot(profile)
    assert isinstance(figure, Figure)
    labels = [axes.get_ylabel() for axes in figure.axes]
    assert [label.split("\n")[0] for label in labels[1:]] == sorted(profile.signals.sensors)
    (bars,) = [c for c in figure.axes[0].collections if c.get_gid() == "candidates"]
    assert len(bars.get_paths()) == len(profile.detections)
    with pytest.raises(TypeError, match="Profile"):
        femo_signal.plot("night.dat")  # type: ignore[arg-type]


# What the belt measured


def test_raw_signals_are_the_counts_in_volts_at_their_own_time(tmp_path: Path) -> None:
    belt = make_belt(20, seed=5)
    recording = femo_signal.read_recording(write_v1(tmp_path / "n.dat", belt))
    assert recording.format == "v1"
    assert recording.duration_seconds == 20
    for number, name in enumerate(("sensor_3", "sensor_4", "sensor_5", "sensor_6")):
        expected = belt.piezo[:, number] * VOLTS_PER_COUNT
        np.testing.assert_allclose(recording.sensors[name].values, expected, rtol=1e-6)
    axes = belt.accelerometer[:, 3:] * VOLTS_PER_COUNT
    np.testing.assert_allclose(recording.accelerometers["sensor_2"].values, axes, rtol=1e-6)
    length = np.linalg.norm(axes, axis=1)
    np.testing.assert_allclose(recording.sensors["sensor_2"].values, length, rtol=1e-6)
    assert recording.acceleration is not None
    np.testing.assert_allclose(recording.acceleration.values, belt.imu[:, 7:] / 1000, rtol=1e-6)
    assert recording.acceleration.sample_rate == 128
    down = np.zeros(belt.ticks, dtype=bool)
    for start, end in (recording.presses * 1024).astype(int):
        down[start:end] = True
    assert (down == belt.pressed).all()


def test_a_gap_is_nan_and_what_follows_keeps_its_time(tmp_path: Path) -> None:
    belt = make_belt(20, seed=6)
    packets = v2_packets(belt)
    path = tmp_path / "gap.bin"
    path.write_bytes(v2_header(belt.ticks) + b"".join(packets[:96] + packets[160:]))
    recording = femo_signal.read_recording(path)
    assert [(gap.start_seconds, gap.end_seconds) for gap in recording.info.gaps] == [(6, 10)]
    values = recording.sensors["sensor_3"].values
    assert np.isnan(values[6 * 1024 : 10 * 1024]).all()
    np.testing.assert_allclose(
        values[10 * 1024 :], belt.piezo[10 * 1024 :, 0] * VOLTS_PER_COUNT, rtol=1e-6
    )
    table = recording.to_dataframe()
    at = recording.start + timedelta(seconds=8)
    assert table.loc[at, ["sensor_3", "sensor_6"]].isna().all()
    assert recording.to_dataframe("imu")["acceleration_z"].isna().sum() == 4 * 128
    assert table["pressed"].sum() == pytest.approx(np.diff(recording.presses).sum() * 1024)


def test_accelerometers_at_half_the_rate_keep_their_rate_and_their_rows(tmp_path: Path) -> None:
    belt = make_belt(12, seed=7)
    path = tmp_path / "half.dat"
    path.write_bytes(v1_header(belt.ticks) + b"".join(v1_records(belt, accelerometer_every=2)))
    recording = femo_signal.read_recording(path, sensors=["sensor_1", "sensor_3"])
    assert sorted(recording.sensors) == ["sensor_1", "sensor_3"]
    assert recording.sensors["sensor_1"].sample_rate == 512
    table = recording.to_dataframe()
    assert table["sensor_1"].notna().tolist() == [True, False] * (belt.ticks // 2)
    assert table["sensor_3"].notna().all()


def test_a_part_starts_at_its_own_time_and_leaves_the_facts_whole(tmp_path: Path) -> None:
    belt = make_belt(20, seed=5)
    path = write_v1(tmp_path / "n.dat", belt)
    part = femo_signal.read_recording(path, start_seconds=5, end_seconds=7)
    piezo = part.sensors["sensor_6"]
    np.testing.assert_allclose(
        piezo.values, belt.piezo[5 * 1024 : 7 * 1024, 3] * VOLTS_PER_COUNT, rtol=1e-6
    )
    assert piezo.start == part.start + timedelta(seconds=5)
    assert piezo.seconds[0] == 5
    assert part.duration_seconds == 20


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"sensors": ["sensor_9"]}, "has no sensor_9"),
        ({"start_seconds": 7, "end_seconds": 5}, "start_seconds < end_seconds"),
        ({"start_seconds": 30}, "behind the recording's end"),
    ],
)
def test_a_part_that_is_not_there_is_refused(tmp_path, options, words) -> None:
    path = write_v1(tmp_path / "n.dat", make_belt(20, seed=5))
    with pytest.raises(ValueError, match=words):
        femo_signal.read_recording(path, **options)


def test_more_memory_than_allowed_is_refused_and_not_taken(tmp_path: Path) -> None:
    path = write_v1(tmp_path / "n.dat", make_belt(20, seed=5))
    with pytest.raises(femo_signal.RecordingError, match="fewer sensors") as refused:
        femo_signal.read_recording(path, most_bytes=100_000)
    assert refused.value.code == "recording_too_long"
    assert femo_signal.read_recording(path, most_bytes=100_000, end_seconds=0.5).sensors


def test_a_candidate_has_its_absolute_time_in_the_table(at_desk: Path) -> None:
    table = femo_signal.features("night.dat")
    start = femo_signal.build_profile("night.dat").info.start
    since = (table["start_time"] - start).dt.total_seconds()
    assert since.to_numpy() == pytest.approx(table["start_seconds"].to_numpy(), abs=2e-6)
    assert table.attrs["method"] == femo_signal.AnalysisSettings().method

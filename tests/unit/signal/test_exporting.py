"""Exports with signals, read back by others than wrote them: nothing moved, scaled or made up.

EDF+ by pyEDFlib, Parquet by fastparquet; WFDB by hand after its manual, as only its own library
reads it in Python.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import fastparquet
import numpy as np
import pyedflib
import pytest
from click.testing import CliRunner

from femo_cli.main import femo
from femo_result import EventsResponse, read_response
from femo_result.exports import COLUMNS, rows_of
from femo_result.words import RESEARCH_USE
from femo_signal.detection.building import build_profile
from femo_signal.errors import RecordingError
from femo_signal.exporting.counts import Counts, read_counts
from femo_signal.exporting.edf import write_edf
from femo_signal.exporting.marks import Mark, marks_of
from femo_signal.exporting.pairing import check_same_recording
from femo_signal.exporting.parquet import write_parquet
from femo_signal.exporting.wfdb_record import write_wfdb
from femo_signal.formats.chunk import VOLTS_PER_COUNT
from femo_signal.reporting.result import report

from .recordings import START, START_MS, V2_END, Belt, v1_header, v1_records, v2_header, v2_packets
from .test_result import accept_all

GAP = (20.0, 25.0)  # s
LENGTH = 70.0
BERLIN = ZoneInfo("Europe/Berlin")
BEGUN = datetime.fromtimestamp(START, UTC).replace(microsecond=START_MS * 1000)
EDGES = [int(edge * 1024) for edge in GAP]


@pytest.fixture(scope="module")
def v1_gap(belt: Belt, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording whose accelerometer is slower, with one sample at the stop and a gap."""
    piezo = belt.piezo.copy()
    piezo[5000, 0], piezo[5001, 0] = 0, 65535
    records = v1_records(replace(belt, piezo=piezo), accelerometer_every=4)
    path = tmp_path_factory.mktemp("v1gap") / "night.dat"
    path.write_bytes(v1_header(belt.ticks) + b"".join(records[: EDGES[0]] + records[EDGES[1] :]))
    return path


@pytest.fixture(scope="module")
def v2_gap(belt: Belt, tmp_path_factory: pytest.TempPathFactory) -> Path:
    packets = v2_packets(belt)
    kept = packets[: EDGES[0] // 64] + packets[EDGES[1] // 64 :]
    path = tmp_path_factory.mktemp("v2gap") / "night.bin"
    path.write_bytes(v2_header(belt.ticks) + b"".join(kept) + V2_END)
    return path


@pytest.fixture(scope="module", params=["v1_gap", "v2_gap"])
def path(request: pytest.FixtureRequest) -> Path:
    found: Path = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="module")
def response(path: Path) -> EventsResponse:
    told = report(accept_all(build_profile(path)))
    response = read_response(
        {
            "status": "Completed",
            "processing_time_seconds": 1.0,
            **told,
            "completedTimeStamp": "2025-01-07T06:00:00.000Z",
        }
    )
    assert isinstance(response, EventsResponse)
    return response


@pytest.fixture(scope="module")
def counts(path: Path) -> Counts:
    return read_counts(path)


@pytest.fixture(scope="module")
def marks(response: EventsResponse, counts: Counts) -> list[Mark]:
    return marks_of(response, counts)


@pytest.fixture(scope="module")
def edf(counts: Counts, marks: list[Mark], tmp_path_factory: pytest.TempPathFactory) -> Any:
    file = tmp_path_factory.mktemp("edf") / "night.edf"
    write_edf(file, counts, marks, zone=BERLIN, subject="S-7")
    with pyedflib.EdfReader(str(file)) as reader:
        yield reader


def held(belt: Belt) -> np.ndarray[Any, Any]:
    """Tell for each tick whether the file holds a sample."""
    ticks = np.arange(belt.ticks)
    return (ticks < EDGES[0]) | (ticks >= EDGES[1])


def volts_of(counts: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return stored numbers in V, those at the lower stop a step higher: docs/exports.md."""
    return np.maximum(counts, 1) * VOLTS_PER_COUNT


def test_edf_holds_every_stored_number_in_volts_and_nothing_else(
    edf: Any, belt: Belt, path: Path
) -> None:
    columns = {f"piezo sensor_{3 + number}": number for number in range(4)}
    found = [label for label in edf.getSignalLabels() if label in columns]
    assert len(found) == (4 if path.suffix == ".dat" else 2)
    for label in found:
        row = edf.getSignalLabels().index(label)
        assert edf.getPhysicalDimension(row) == "V"
        assert edf.getSampleFrequency(row) == 1024
        volts = edf.readSignal(row)[held(belt)]
        stored = volts_of(belt.piezo[held(belt), columns[label]])
        kept = np.delete(np.arange(len(stored)), [5000, 5001])
        assert np.allclose(volts[kept], stored[kept], rtol=0, atol=1e-9)


def test_edf_tells_the_imu_in_its_own_unit_at_its_own_rate(edf: Any, belt: Belt) -> None:
    row = edf.getSignalLabels().index("imu acc z")
    assert (edf.getPhysicalDimension(row), edf.getSampleFrequency(row)) == ("m/s2", 128)
    kept = held(belt)[::8]
    assert np.allclose(edf.readSignal(row)[kept], belt.imu[kept, 9] / 1000, rtol=0, atol=1e-9)


def test_a_gap_has_a_number_in_edf_that_no_sample_has_and_a_mark_over_it(
    edf: Any, belt: Belt, path: Path
) -> None:
    gaps = [
        (start, length)
        for start, length, label in zip(*edf.readAnnotations(), strict=True)
        if label == "BAD_gap"
    ]
    assert gaps == [pytest.approx((GAP[0], GAP[1] - GAP[0]), abs=0.07)]
    for row in range(edf.signals_in_file):
        digital = edf.readSignal(row, digital=True)
        step = round(1024 / edf.getSampleFrequency(row))
        inside = ~held(belt)[::step]
        assert set(digital[inside]) == {-32768}, edf.getLabel(row)
        assert -32768 not in digital[~inside], edf.getLabel(row)


def test_a_sample_at_either_stop_is_kept_and_is_no_gap(v1_gap: Path) -> None:
    (piezo, *_) = read_counts(v1_gap).signals
    assert piezo.counts[5000:5002].tolist() == [-32767, 32767]
    assert piezo.physical(-32767) == pytest.approx(VOLTS_PER_COUNT)
    assert piezo.physical(32767) == pytest.approx(3.3)


def test_a_slower_accelerometer_keeps_its_rate(v1_gap: Path, belt: Belt) -> None:
    signals = {one.label: one for one in read_counts(v1_gap).signals}
    axis = signals["accel 2 y"]
    assert axis.step_ticks == 4
    kept = held(belt)[::4]
    assert np.array_equal(axis.counts[kept].astype(int) + 32768, belt.accelerometer[::4, 4][kept])
    assert set(axis.counts[~kept]) == {-32768}


def test_edf_has_what_was_found_at_its_time_and_what_was_not_judged(
    edf: Any, response: EventsResponse
) -> None:
    starts, lengths, labels = edf.readAnnotations()
    movements = response.result.movements
    assert movements
    at = [(s, s + d) for s, d, label in zip(starts, lengths, labels, strict=True)
          if label == "movement"]  # fmt: skip
    told = [(one.start_seconds, one.end_seconds) for one in movements]
    assert np.array(at) == pytest.approx(np.array(told), abs=1e-4)
    kinds = Counter(labels)
    assert kinds["press"] == len(response.result.presses) > 0
    unjudged = Counter(f"BAD_unjudged_{one.reason}" for one in response.result.recording.unjudged)
    assert unjudged["BAD_unjudged_gap"]
    assert unjudged.items() <= kinds.items()
    assert kinds[RESEARCH_USE] == 1
    assert kinds[response.result.recording.judged_explanation] == 1


def test_edf_starts_by_the_clock_that_was_asked_for_and_says_how_far_it_is_from_utc(
    edf: Any,
) -> None:
    assert edf.getStartdatetime().replace(microsecond=0) == BEGUN.astimezone(BERLIN).replace(
        tzinfo=None, microsecond=0
    )
    assert "start_in_UTC+02:00" in edf.getRecordingAdditional()
    assert edf.getPatientCode() == "S-7"
    assert edf.getPatientName() == "X"


@pytest.fixture(scope="module")
def record(counts: Counts, marks: list[Mark], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wfdb")
    write_wfdb(folder, "night", counts, marks, zone=UTC)
    return folder


def read_wfdb(folder: Path) -> dict[str, tuple[float, np.ndarray[Any, Any]]]:
    """Read the signals as header(5) and signal(5) of the WFDB manual say; NaN: no sample."""
    first, *lines = (
        line for line in (folder / "night.hea").read_text().splitlines() if line[0] != "#"
    )
    _, number, rate, frames = first.split()[:4]
    raw = np.fromfile(folder / "night.dat", dtype="<i2").reshape(int(frames), -1)
    found, column = {}, 0
    assert len(lines) == int(number)
    for line in lines:
        _, kind, gain, _, _, _, checksum, _, label = line.split(maxsplit=8)
        per_frame = int(kind.removeprefix("16").removeprefix("x") or 1)
        counts = raw[:, column : column + per_frame].ravel()
        assert int(counts.astype(np.int64).sum()) % 65536 == int(checksum)
        scale, _, rest = gain.partition("(")
        values = (counts - float(rest.partition(")")[0])) / float(scale)
        values[counts == -32768] = np.nan
        found[label] = (float(rate) * per_frame, values)
        column += per_frame
    assert column == raw.shape[1]
    return found


def read_annotations(path: Path) -> list[tuple[int, str]]:
    """Read an annotation file as annot(5) of the WFDB manual says."""
    words = np.fromfile(path, dtype="<u2").tolist()
    found: list[tuple[int, str]] = []
    at = place = 0
    while words[place]:
        code, value = words[place] >> 10, words[place] & 1023
        place += 1
        if code == 59:  # SKIP: 32 bits, the higher half first
            skipped = (words[place] << 16) + words[place + 1]
            at += skipped - (1 << 32) * (skipped >> 31)
            place += 2
        elif code == 63:  # AUX
            taken = (value + 1) // 2
            note = np.array(words[place : place + taken], "<u2").tobytes()[:value].decode()
            found[-1] = (found[-1][0], note.rstrip("\0"))
            place += taken
        elif code < 59:
            at += value
            found += [(at, "")] if code else []  # 0 is no annotation
    assert found[0] == (0, "## time resolution: 128")
    return found[1:]


def test_wfdb_holds_every_stored_number_and_nothing_in_a_gap(record: Path, belt: Belt) -> None:
    signals = read_wfdb(record)
    rate, volts = signals["piezo sensor_6"]
    assert rate == 1024
    kept = held(belt)
    stored = volts_of(belt.piezo[kept, 3])
    assert np.allclose(volts[kept], stored, rtol=0, atol=1e-9)
    assert np.isnan(volts[~kept]).all()
    rate, acceleration = signals["imu acc z"]
    assert rate == 128
    assert np.allclose(acceleration[kept[::8]], belt.imu[kept[::8], 9] / 1000, rtol=0, atol=1e-9)


def test_wfdb_keeps_what_the_mother_pressed_apart_from_what_the_device_found(
    record: Path, response: EventsResponse
) -> None:
    found, pressed = (read_annotations(record / f"night.{name}") for name in ("femo", "mother"))
    assert {note for _, note in pressed} == {"(press", "press)"}
    assert len(pressed) == 2 * len(response.result.presses)
    assert not {"(press", "press)"} & {note for _, note in found}
    movements = response.result.movements
    assert movements
    for edge, note in (("start_seconds", "(movement"), ("end_seconds", "movement)")):
        at = [sample / 128 for sample, told in found if told == note]
        assert at == pytest.approx([getattr(one, edge) for one in movements], abs=0.5 / 128)
    assert tuple(
        note for at, note in found if "BAD_gap" in note
    ) == ("(BAD_gap", "BAD_gap)")  # fmt: skip


def test_wfdb_opens_every_mark_before_it_closes_it_however_short(
    counts: Counts, tmp_path: Path
) -> None:
    marks = [
        Mark(10.0, 0.002, "sensor_off imu"),
        Mark(10.0, 0.0, "movement"),
        Mark(11.0, 1.0, "movement"),
        Mark(12.0, 0.001, "movement"),  # where one ends the next one starts
    ]
    write_wfdb(tmp_path, "night", counts, marks, zone=UTC)
    opened: Counter[str] = Counter()
    found = read_annotations(tmp_path / "night.femo")
    for _, note in found:
        opened[note.strip("()")] += 1 if note.startswith("(") else -1
        assert opened[note.strip("()")] in (0, 1), found
    assert len(found) == 2 * len(marks)


def test_a_wfdb_header_says_when_it_began_and_how_much_was_judged(
    record: Path, response: EventsResponse
) -> None:
    text = (record / "night.hea").read_text()
    assert text.splitlines()[0].endswith(f"{BEGUN:%H:%M:%S}.{START_MS} {BEGUN:%d/%m/%Y}")
    for told in (RESEARCH_USE, response.result.recording.judged_explanation, "start in UTC"):
        assert f"# {told}" in text


def test_parquet_holds_the_rows_of_the_table_with_their_types(
    response: EventsResponse, tmp_path: Path
) -> None:
    file = tmp_path / "night.parquet"
    write_parquet(file, response, zone=BERLIN)
    table = fastparquet.ParquetFile(str(file)).to_pandas()
    rows = rows_of(response, zone=BERLIN)
    assert list(table.columns) == [column.name for column in COLUMNS]
    assert table["kind"].to_list() == [row["kind"] for row in rows]
    kind = fastparquet.ParquetFile(str(file)).schema.schema_element("start").logicalType
    assert kind.TIMESTAMP.isAdjustedToUTC
    assert table["start"].iloc[0] == BEGUN.replace(tzinfo=None)
    assert table["start_local"].iloc[0].endswith("+02:00")
    assert table["movement_count"].iloc[0] == len(response.result.movements or ())
    assert table["movement_count"].iloc[1:].isna().all()
    for name in ("start_seconds", "probability"):
        told = np.array([row.get(name, np.nan) for row in rows], dtype=float)
        assert np.array_equal(table[name].to_numpy(dtype=float), told, equal_nan=True)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": "v3"}, "format"),
        ({"start": "2024-06-10T06:13:21.437Z"}, "starts"),
        ({"duration_seconds": LENGTH + 1}, "lasts"),
        ({"gaps": []}, "gaps"),
    ],
)
def test_a_recording_of_another_night_is_refused(
    response: EventsResponse, counts: Counts, path: Path, change: dict[str, Any], words: str
) -> None:
    check_same_recording(response, counts.info, path)
    body = response.model_dump(mode="json")
    body["result"]["recording"] |= change
    with pytest.raises(RecordingError, match=f"not the recording.*{words}") as caught:
        check_same_recording(read_response(body), counts.info, path)
    assert caught.value.code == "other_recording"


@pytest.mark.parametrize("own", [True, False])
def test_a_recording_of_other_content_than_was_uploaded_is_refused(
    response: EventsResponse, counts: Counts, path: Path, own: bool
) -> None:
    content = hashlib.sha256(path.read_bytes() if own else b"another night").digest()
    name = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
    body = response.model_dump(mode="json")
    body["source"] = {"s3Key": f"s3://bucket/uploads/{name}", "versionId": None, "etag": None}
    told = read_response(body)
    if own:
        check_same_recording(told, counts.info, path)
        return
    with pytest.raises(RecordingError, match="content"):
        check_same_recording(told, counts.info, path)


def test_a_file_that_is_no_recording_is_refused_by_its_name(tmp_path: Path) -> None:
    file = tmp_path / "empty.dat"
    file.write_bytes(b"")
    with pytest.raises(RecordingError, match=r"empty\.dat"):
        read_counts(file)


@pytest.mark.parametrize("kind", ["edf", "wfdb"])
def test_the_command_writes_the_signals_of_that_recording_and_of_no_other(
    kind: str, path: Path, response: EventsResponse, v1_path: Path, tmp_path: Path
) -> None:
    result = tmp_path / "night.json"
    result.write_text(response.model_dump_json())
    target = tmp_path / {"edf": "night.edf", "wfdb": "night.hea"}[kind]
    told = ["export", str(result), "--format", kind, "--output", str(target)]
    if kind == "wfdb":
        (tmp_path / "night.mother").write_bytes(b"of an older record")
        assert CliRunner().invoke(femo, [*told, "--recording", str(path)]).exit_code != 0
    other = CliRunner().invoke(femo, [*told, "--recording", str(v1_path), "--overwrite"])
    assert isinstance(other.exception, RecordingError)
    assert not target.exists()
    done = CliRunner().invoke(femo, [*told, "--recording", str(path), "--overwrite"])
    assert done.exit_code == 0, done.output
    if kind == "edf":
        with pyedflib.EdfReader(str(target)) as reader:
            assert reader.getSignalLabels()[0] == "piezo sensor_3"
        return
    assert np.isnan(read_wfdb(tmp_path)["piezo sensor_3"][1]).any()
    assert read_annotations(tmp_path / "night.mother")


@pytest.mark.parametrize("kind", ["edf", "wfdb"])
def test_what_a_sentence_holds_breaks_no_header_and_no_annotation(
    kind: str, v2_gap: Path, response: EventsResponse, tmp_path: Path
) -> None:
    body = response.model_dump(mode="json")
    body["result"]["recording"]["judged_explanation"] = "Half\nof\x14it – so."
    counts = read_counts(v2_gap)
    marks = marks_of(read_response(body), counts)
    if kind == "wfdb":
        write_wfdb(tmp_path, "night", counts, marks, zone=UTC)
        assert read_wfdb(tmp_path)
        return
    write_edf(tmp_path / "night.edf", counts, marks, zone=UTC)
    with pyedflib.EdfReader(str(tmp_path / "night.edf")) as reader:
        assert "Half of it – so." in reader.readAnnotations()[2]


def test_an_older_records_annotations_do_not_outlive_it(v2_gap: Path, tmp_path: Path) -> None:
    told = report(accept_all(build_profile(v2_gap)))
    told["result"] |= {"presses": [], "press_match": None}
    result = tmp_path / "night.json"
    result.write_text(json.dumps(told | {
        "status": "Completed", "processing_time_seconds": 1.0,
        "completedTimeStamp": "2025-01-07T06:00:00.000Z",
    }))  # fmt: skip
    (tmp_path / "night.mother").write_bytes(b"of an older record")
    arguments = ["export", str(result), "--format", "wfdb", "--output", str(tmp_path / "night"),
                 "--recording", str(v2_gap), "--overwrite"]  # fmt: skip
    done = CliRunner().invoke(femo, arguments)
    assert done.exit_code == 0
    assert not (tmp_path / "night.mother").exists()
    there = [tmp_path / f"night.{ending}" for ending in ("hea", "dat", "femo")]
    assert f"Written: {', '.join(map(str, there))}\n" in done.stderr  # and nothing that is not
    assert all(file.exists() for file in there)


@pytest.mark.parametrize("kind", ["edf", "wfdb"])
def test_a_recording_is_never_written_over_by_its_own_export(
    kind: str, v1_gap: Path, tmp_path: Path
) -> None:
    recording = tmp_path / "night.dat"
    recording.write_bytes(v1_gap.read_bytes())
    target = {"edf": recording, "wfdb": tmp_path / "night.hea"}[kind]
    done = CliRunner().invoke(
        femo,
        ["export", "none.json", "--format", kind, "--recording", str(recording), "--output",
         str(target), "--overwrite"],
    )  # fmt: skip
    assert done.exit_code == 2
    assert "night.dat would be written over" in done.stderr
    assert recording.read_bytes() == v1_gap.read_bytes()

"""`femo convert`: what a session of a public set would lose on its way into a recording."""

from __future__ import annotations

import json
import struct
import subprocess
import sys

import numpy as np
import pytest
from scipy.io import savemat
from scipy.sparse import csc_matrix

from femo_signal.errors import ConversionError, OutputError
from femo_signal.formats import open_recording
from femo_signal.formats.conversion import convert_file, convert_folder
from femo_signal.intervals import as_intervals
from femo_signal.manifest import load_manifest
from femo_signal.reporting.inspection import inspect_recording

RATE = 1024
VOLTS = 3.3 / 65535
SECONDS = 50
FIRST, SECOND = "S2_Day6_dataFile_005.mat", "Subject_001_Session_1_MS.mat"


def down(spans, length, *, rate=RATE):
    """A button that is down in some spans, s."""
    button = np.zeros((length, 1))
    for start, end in spans:
        button[round(start * rate) : round(end * rate)] = 1
    return button


def first_set(*, seconds=SECONDS, spans=((20, 20.3), (30, 30.2), (41, 41.25)), stop_mark=True,
              lag=0, longer=0, seed=3):  # fmt: skip
    """The four cells of a session; card two starts ``lag`` ticks early and is ``longer``."""
    rng = np.random.default_rng(seed)
    n = seconds * RATE
    t = np.arange(n + abs(lag) + longer) / RATE
    waves = 1.6 + 0.2 * np.sin(2 * np.pi * np.arange(3, 17)[:, None] * t).T
    waves += rng.normal(0, 0.003, waves.shape)
    waves[:, 4:7] = rng.normal((1.5, 1.6, 1.9), 0.0005, (len(t), 3))
    spans = [*spans, (seconds - 4, seconds - 1)] if stop_mark else list(spans)
    other = waves[:, 7:]
    other = np.concatenate((np.repeat(other[:1], lag, axis=0), other)) if lag > 0 else other[-lag:]
    late = [(start + lag / RATE, end + lag / RATE) for start, end in spans]
    return [
        waves[:n, :7].copy(),
        down(spans, n),
        other[: n + longer].copy(),
        down(late, n + longer),
    ]


def second_set(*, seconds=SECONDS, pressed=(20, 21, 40), seed=4):
    rng = np.random.default_rng(seed)
    event = np.zeros((seconds, 1))
    event[list(pressed)] = 1
    return {
        "Acoustic": rng.normal(0, 0.01, (seconds * RATE, 4)),
        "IMU": rng.normal((0.1, 0.2, 0.97), 0.002, (seconds * 64, 3)),
        "Event": event,
    }


def write_first(path, cells=None, *, compressed=False):
    cell = np.empty((1, 4), dtype=object)
    for at, value in enumerate(first_set() if cells is None else cells):
        cell[0, at] = value
    savemat(path, {"data_var": cell}, do_compression=compressed)
    return path


def write_second(path, fields=None):
    savemat(path, {"Subject_data": second_set() if fields is None else fields})
    return path


def read_back(path):
    """The counts of a recording and its presses, by the reader that everything else uses."""
    reader = open_recording(path)
    chunks = list(reader.chunks())
    assert reader.gaps == []
    return (
        np.concatenate([chunk.piezo for chunk in chunks]),
        np.concatenate([chunk.accelerometer for chunk in chunks]),
        np.concatenate([chunk.imu for chunk in chunks]),
        np.concatenate([chunk.imu_ticks for chunk in chunks]),
        as_intervals(np.concatenate([chunk.presses for chunk in chunks])).tolist(),
    )


def refused(path, tmp_path, code):
    with pytest.raises(ConversionError) as caught:
        convert_file(path, tmp_path / "out.dat")
    assert caught.value.code == code
    assert not (tmp_path / "out.dat").exists()
    assert path.name in str(caught.value)
    return str(caught.value)


def told(conversion, words):
    return [notice for notice in conversion.notices if words in notice]


def femo(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "femo_cli.main", *map(str, arguments)],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


@pytest.mark.parametrize("compressed", [False, True])
def test_every_sample_of_the_first_set_lands_on_its_sensor(tmp_path, compressed):
    cells = first_set()
    source = write_first(tmp_path / FIRST, cells, compressed=compressed)
    conversion = convert_file(source, tmp_path / "out.dat")
    piezo, accelerometer, imu, imu_ticks, _ = read_back(tmp_path / "out.dat")
    one, two = cells[0], cells[2]
    wanted = np.column_stack((one[:, 1], one[:, 3], two[:, 0], one[:, 2]))
    assert np.abs(piezo * VOLTS - wanted).max() <= 0.51 * VOLTS
    left_then_right = np.column_stack((two[:, 4:7], two[:, 1:4]))
    assert np.abs(accelerometer * VOLTS - left_then_right).max() <= 0.51 * VOLTS
    assert imu_ticks.tolist() == list(range(0, SECONDS * RATE, 8))
    assert (imu[:, :7] == (10000, 0, 0, 0, 0, 0, 0)).all()
    assert [channel.sensor for channel in conversion.channels] == [
        "sensor_1", "sensor_2", "sensor_3", "sensor_4", "sensor_5", "sensor_6"
    ]  # fmt: skip
    assert {channel.sensor: channel.source for channel in conversion.channels} == {
        "sensor_1": "accelerometer left",
        "sensor_2": "accelerometer right",
        "sensor_3": "piezo left",
        "sensor_4": "acoustic left",
        "sensor_5": "acoustic right",
        "sensor_6": "piezo right",
    }


def test_every_sample_of_the_second_set_lands_on_its_sensor(tmp_path):
    fields = second_set()
    conversion = convert_file(write_second(tmp_path / SECOND, fields), tmp_path / "out.dat")
    piezo, accelerometer, imu, imu_ticks, presses = read_back(tmp_path / "out.dat")
    offsets = np.array([channel.offset_volts for channel in conversion.channels])
    assert np.abs(piezo * VOLTS - (fields["Acoustic"] + offsets)).max() <= 0.51 * VOLTS
    assert accelerometer.size == 0
    assert imu_ticks.tolist() == list(range(0, SECONDS * RATE, 16))
    assert np.abs(imu[:, 7:] / 1000 - 9.81 * fields["IMU"]).max() <= 0.00051
    assert presses == [[20 * RATE, 22 * RATE], [40 * RATE, 41 * RATE]]
    assert told(conversion, "to the second only")
    assert len(told(conversion, "not within 0 to 3.3 V")) == 4


@pytest.mark.parametrize(("write", "name"), [(write_first, FIRST), (write_second, SECOND)])
def test_a_converted_session_is_analysed_like_any_recording(tmp_path, write, name):
    conversion = convert_file(write(tmp_path / name), tmp_path / "out.dat")
    facts = inspect_recording(tmp_path / "out.dat")
    assert facts["start"] == "2020-01-01T00:00:00.000Z"
    assert facts["duration_seconds"] == conversion.duration_seconds == SECONDS
    assert facts["gaps"] == []
    assert len(facts["intervals"]["presses"]) == conversion.presses
    assert all("accelerometers are absent" in notice for notice in facts["notices"])
    assert len(facts["notices"]) == (name == SECOND)
    assert told(conversion, "does not tell when it was recorded")


def test_a_bounced_press_is_one_press_and_two_presses_are_two(tmp_path):
    spans = ((20, 20.1), (20.15, 20.3), (20.85, 20.9), (30, 30.1), (30.75, 30.9))
    conversion = convert_file(
        write_first(tmp_path / FIRST, first_set(spans=spans)), tmp_path / "out.dat"
    )
    presses = np.array(read_back(tmp_path / "out.dat")[-1]) / RATE
    assert np.abs(presses - [(20, 20.9), (30, 30.1), (30.75, 30.9)]).max() <= 1 / RATE
    assert conversion.presses == 3


def test_the_mark_that_ends_a_session_is_no_felt_movement(tmp_path):
    conversion = convert_file(write_first(tmp_path / FIRST), tmp_path / "out.dat")
    presses = np.array(read_back(tmp_path / "out.dat")[-1]) / RATE
    assert np.abs(presses - [(20, 20.3), (30, 30.2), (41, 41.25)]).max() <= 1 / RATE
    (notice,) = told(conversion, "stop mark")
    assert "46.0 s, 3.0 s long" in notice
    assert "left out" in notice


def test_a_last_press_that_marks_no_stop_stays_a_felt_movement(tmp_path):
    conversion = convert_file(
        write_first(tmp_path / FIRST, first_set(stop_mark=False)), tmp_path / "out.dat"
    )
    assert conversion.presses == len(read_back(tmp_path / "out.dat")[-1]) == 3
    assert told(conversion, "was kept")


def test_a_stop_mark_that_the_end_of_the_file_cuts_short_is_no_felt_movement(tmp_path):
    spans = ((20, 20.3), (30, 30.2), (SECONDS - 0.4, SECONDS))
    conversion = convert_file(
        write_first(tmp_path / FIRST, first_set(spans=spans, stop_mark=False)), tmp_path / "out.dat"
    )
    assert conversion.presses == 2


def test_a_session_without_presses_says_that_it_holds_no_label(tmp_path):
    conversion = convert_file(
        write_first(tmp_path / FIRST, first_set(spans=(), stop_mark=False)), tmp_path / "out.dat"
    )
    assert conversion.presses == 0
    assert told(conversion, "holds no label")
    assert read_back(tmp_path / "out.dat")[-1] == []


@pytest.mark.parametrize("lag", [20, -20])
def test_the_second_card_is_moved_onto_the_clock_of_the_first(tmp_path, lag):
    cells = first_set(lag=lag, longer=3)
    conversion = convert_file(write_first(tmp_path / FIRST, cells), tmp_path / "out.dat")
    piezo, accelerometer, _, _, presses = read_back(tmp_path / "out.dat")
    straight = first_set()
    inner = slice(abs(lag), (SECONDS - 1) * RATE)
    assert np.abs(piezo[inner, 2] * VOLTS - straight[2][inner, 0]).max() < 0.05
    assert np.abs(accelerometer[inner, 0] * VOLTS - straight[2][inner, 4]).max() < 0.05
    assert np.abs(piezo[inner, 0] * VOLTS - cells[0][inner, 1]).max() <= 0.51 * VOLTS
    assert [start for start, _ in presses] == [20 * RATE, 30 * RATE, 41 * RATE]
    (notice,) = told(conversion, "presses come 20 ms")
    assert ("later" in notice) == (lag > 0)


def test_cards_whose_presses_disagree_are_not_moved_by_guess(tmp_path):
    cells = first_set()
    cells[3] = down(((20.2, 20.4), (30.05, 30.2), (41.35, 41.5)), len(cells[3]))
    conversion = convert_file(write_first(tmp_path / FIRST, cells), tmp_path / "out.dat")
    piezo = read_back(tmp_path / "out.dat")[0]
    assert np.abs(piezo[:, 2] * VOLTS - cells[2][:, 0]).max() <= 0.51 * VOLTS
    assert told(conversion, "could not be compared")
    assert told(conversion, "saw 4 presses, the second 3")


def test_presses_that_only_the_second_card_saw_are_not_lost(tmp_path):
    cells = first_set()
    cells[1][:] = 0
    conversion = convert_file(write_first(tmp_path / FIRST, cells), tmp_path / "out.dat")
    assert conversion.presses == 3
    assert told(conversion, "those of the second were taken")


def test_parts_of_unequal_length_are_cut_to_the_shortest_and_told(tmp_path):
    cells = first_set()
    cells[0], cells[3] = cells[0][:-7], cells[3][:-4]
    conversion = convert_file(write_first(tmp_path / FIRST, cells), tmp_path / "out.dat")
    assert len(read_back(tmp_path / "out.dat")[0]) == SECONDS * RATE - 7
    assert told(conversion, "cut to the shortest")


def test_the_header_tells_rates_and_end_of_what_was_written(tmp_path):
    cells = [part[: 30 * RATE + 512] for part in first_set()]
    convert_file(write_first(tmp_path / FIRST, cells), tmp_path / "out.dat")
    header = struct.unpack("<IHIH4H", (tmp_path / "out.dat").read_bytes()[:20])
    assert header == (1577836800, 0, 1577836830, 500, 1024, 1024, 128, 64)


def test_gravity_is_gravity_whatever_volt_the_accelerometer_gives(tmp_path):
    cells = first_set()
    cells[0][:, 4:7] = 0.11 * cells[0][:, 4:7]
    cells[0][5000:25000, 4:7] += np.random.default_rng(0).normal(0, 0.2, (20000, 3))
    conversion = convert_file(write_first(tmp_path / FIRST, cells), tmp_path / "out.dat")
    lengths = np.linalg.norm(read_back(tmp_path / "out.dat")[2][:, 7:] / 1000, axis=1)
    assert abs(np.median(lengths) - 9.81) < 0.02
    assert told(conversion, "was taken as gravity")


def test_an_imu_without_gravity_is_not_blown_up_to_it(tmp_path):
    cells = first_set()
    cells[0][:, 4:7] = np.random.default_rng(0).normal(0, 0.01, (len(cells[0]), 3))
    conversion = convert_file(write_first(tmp_path / FIRST, cells), tmp_path / "out.dat")
    assert told(conversion, "show no gravity")
    assert np.abs(read_back(tmp_path / "out.dat")[2][:, 7:]).max() < 1000


def test_an_imu_in_another_unit_is_told(tmp_path):
    fields = second_set()
    fields["IMU"] *= 9.81
    conversion = convert_file(write_second(tmp_path / SECOND, fields), tmp_path / "out.dat")
    assert told(conversion, "its unit may be another")
    assert told(conversion, "values of the IMU were clipped")


def test_a_channel_around_zero_keeps_its_shape(tmp_path):
    cells = first_set()
    cells[0][:, 1] -= 1.6
    conversion = convert_file(write_first(tmp_path / FIRST, cells), tmp_path / "out.dat")
    written = read_back(tmp_path / "out.dat")[0][:, 0] * VOLTS
    shift = conversion.channels[2].offset_volts
    assert np.abs(written - shift - cells[0][:, 1]).max() <= 0.51 * VOLTS
    assert conversion.channels[2].clipped_samples == 0
    assert len(told(conversion, "not within 0 to 3.3 V")) == 1


def test_a_channel_beyond_the_range_is_scaled_and_told(tmp_path):
    cells = first_set()
    cells[0][:, 2] *= 20
    conversion = convert_file(write_first(tmp_path / FIRST, cells), tmp_path / "out.dat")
    scale = conversion.channels[5]
    assert scale.sensor == "sensor_6"
    written = read_back(tmp_path / "out.dat")[0][:, 3] * VOLTS
    assert np.abs(written - (cells[0][:, 2] * scale.factor + scale.offset_volts)).max() < 2 * VOLTS
    assert told(conversion, f"scaled by {scale.factor:.4g}")


def test_a_single_wild_sample_does_not_shrink_the_whole_channel(tmp_path):
    cells = [np.concatenate([part] * 2) for part in first_set(spans=(), stop_mark=False)]
    cells[0][1000, 1] = 80.0
    conversion = convert_file(write_first(tmp_path / FIRST, cells), tmp_path / "out.dat")
    scale = conversion.channels[2]
    assert (scale.factor, scale.clipped_samples) == (1.0, 1)
    assert told(conversion, "1 samples of sensor_3 (piezo left) were clipped")
    written = read_back(tmp_path / "out.dat")[0][:, 0] * VOLTS - scale.offset_volts
    written[1000] = cells[0][1000, 1]
    assert np.abs(written - cells[0][:, 1]).max() <= 0.51 * VOLTS


def test_the_axes_of_an_accelerometer_are_scaled_together(tmp_path):
    cells = first_set()
    cells[2][:, 5] *= 4
    conversion = convert_file(write_first(tmp_path / FIRST, cells), tmp_path / "out.dat")
    scale = conversion.channels[0]
    assert scale.factor < 1
    written = read_back(tmp_path / "out.dat")[1][:, :3] * VOLTS
    wanted = cells[2][:, 4:7] * scale.factor + scale.offset_volts
    assert np.abs(written - wanted).max() < 2 * VOLTS


def test_missing_values_are_held_and_told_never_bridged(tmp_path):
    cells = first_set()
    whole = cells[0][:, 1].copy()
    cells[0][:5, 1] = np.nan
    cells[0][30000:33000, 1] = np.nan
    cells[0][40000, 1] = np.inf
    conversion = convert_file(write_first(tmp_path / FIRST, cells), tmp_path / "out.dat")
    written = read_back(tmp_path / "out.dat")[0][:, 0]
    wanted = np.rint(whole / VOLTS)
    assert (written[30000:33000] == wanted[29999]).all()
    assert (written[:5] == wanted[5]).all()
    assert written[40000] == wanted[39999]
    assert told(conversion, "3006 values of data_var{1,1}(:,2)")


def test_a_sensor_without_any_value_is_constant_and_told(tmp_path):
    cells = first_set()
    cells[0][:, 1] = np.nan
    conversion = convert_file(write_first(tmp_path / FIRST, cells), tmp_path / "out.dat")
    assert np.ptp(read_back(tmp_path / "out.dat")[0][:, 0].astype(int)) == 0
    assert told(conversion, "data_var{1,1}(:,2) holds no number at all")


def test_the_same_session_gives_the_same_bytes(tmp_path):
    source = write_first(tmp_path / FIRST)
    convert_file(source, tmp_path / "a.dat")
    convert_file(source, tmp_path / "b.dat")
    assert (tmp_path / "a.dat").read_bytes() == (tmp_path / "b.dat").read_bytes()


def test_a_long_session_does_not_change_where_stretches_meet(tmp_path):
    cells = first_set(seconds=130, spans=((59.9, 60.1), (90, 90.2), (119.99, 120.2)))
    conversion = convert_file(write_first(tmp_path / FIRST, cells), tmp_path / "out.dat")
    piezo, _, imu, _, presses = read_back(tmp_path / "out.dat")
    assert np.abs(piezo[:, 0] * VOLTS - cells[0][:, 1]).max() <= 0.51 * VOLTS
    assert conversion.presses == len(presses) == 3
    around = cells[0][60 * RATE - 4 : 60 * RATE + 4, 4:7].mean(axis=0)
    lengths = np.linalg.norm(around) / np.linalg.norm(cells[0][:, 4:7].mean(axis=0)) * 9.81
    assert abs(np.linalg.norm(imu[60 * 128, 7:]) / 1000 - lengths) < 0.005


def test_whole_numbers_and_sparse_buttons_are_read_as_matlab_stores_them(tmp_path):
    cells = first_set()
    cells[1] = csc_matrix(cells[1] > 0)
    cells[3] = cells[3].T.astype(np.uint8)
    cells[0][:, 0] = 2
    assert convert_file(write_first(tmp_path / FIRST, cells), tmp_path / "out.dat").presses == 3


def test_what_is_no_matlab_file_is_refused(tmp_path):
    for content in (b"", b"hello", b"\0" * 600, b"a,b\n" * 300, b"\xff" * 600):
        path = tmp_path / "x.mat"
        path.write_bytes(content)
        assert "download it again" in refused(path, tmp_path, "not_matlab")


@pytest.mark.parametrize("compressed", [False, True])
def test_a_damaged_matlab_file_is_refused_or_read_but_never_a_fault_of_ours(tmp_path, compressed):
    cells = [part[: 20 * RATE] for part in first_set()]
    content = write_first(tmp_path / "whole.mat", cells, compressed=compressed).read_bytes()
    rng = np.random.default_rng(5)
    path = tmp_path / "x.mat"
    refusals = 0
    for share in (0.01, 0.3, 0.9, 0.9999):
        path.write_bytes(content[: int(share * len(content))])
        refused(path, tmp_path, "not_matlab")
    for _ in range(40):
        damaged = bytearray(content)
        damaged[int(rng.integers(128, 500))] = int(rng.integers(256))
        path.write_bytes(damaged)
        try:
            convert_file(path, tmp_path / "out.dat", overwrite=True)
        except ConversionError:
            refusals += 1
    assert refusals


def test_a_wrong_type_of_an_element_is_refused_rather_than_ending_the_process(tmp_path):
    cells = [part[: 20 * RATE] for part in first_set()]
    content = write_first(tmp_path / "whole.mat", cells).read_bytes()
    path = tmp_path / "x.mat"
    at = content.index(struct.pack("<II", 9, cells[0].nbytes))
    for kind in (0, 8, 10, 217, 65535):
        path.write_bytes(content[:at] + struct.pack("<I", kind) + content[at + 4 :])
        refused(path, tmp_path, "not_matlab")


def test_numbers_said_to_be_complex_are_refused_rather_than_ending_the_process(tmp_path):
    content = write_first(tmp_path / "whole.mat").read_bytes()
    flags = struct.pack("<III", 6, 8, 6)
    path = tmp_path / "x.mat"
    path.write_bytes(content.replace(flags, struct.pack("<III", 6, 8, 0x0806), 1))
    refused(path, tmp_path, "not_matlab")


@pytest.mark.parametrize(("write", "shape"), [(write_first, (1, 4)), (write_second, (1, 1))])
def test_a_shape_of_millions_is_refused_before_anyone_waits_for_it(tmp_path, write, shape):
    content = write(tmp_path / "whole.mat").read_bytes()
    dimensions = struct.pack("<II", 5, 8)
    path = tmp_path / "x.mat"
    path.write_bytes(
        content.replace(
            dimensions + struct.pack("<ii", *shape), dimensions + struct.pack("<ii", 1, 2**29), 1
        )
    )
    assert str(2**29) in refused(path, tmp_path, "malformed_layout")


def test_a_damaged_sparse_button_is_refused_rather_than_ending_the_process(tmp_path):
    cells = first_set()
    sparse = csc_matrix(cells[1])
    cells[1] = sparse
    content = write_first(tmp_path / "whole.mat", cells).read_bytes()
    rows = sparse.indices.astype("<i4").tobytes()
    path = tmp_path / "x.mat"
    path.write_bytes(content.replace(rows, rows[:-4] + struct.pack("<i", 2**30)))
    refused(path, tmp_path, "not_matlab")


def test_a_file_of_version_7_3_is_refused_with_the_way_out(tmp_path):
    path = tmp_path / "x.mat"
    text = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124)
    path.write_bytes(text + b"\x00\x02IM" + b"\0" * 384 + b"\x89HDF\r\n\x1a\n" + b"\0" * 100)
    assert "-v7" in refused(path, tmp_path, "matlab_hdf5")
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + b"\0" * 600)
    refused(path, tmp_path, "matlab_hdf5")


def test_a_matlab_file_of_something_else_is_refused_by_what_it_holds(tmp_path):
    path = tmp_path / "x.mat"
    savemat(path, {"speed": np.ones(3)})
    assert "it holds speed" in refused(path, tmp_path, "unknown_layout")
    savemat(path, {})
    refused(path, tmp_path, "unknown_layout")
    savemat(path, {"data_var": np.ones((1, 4)), "Subject_data": {"IMU": 1}})
    refused(path, tmp_path, "unknown_layout")


@pytest.mark.parametrize(
    ("at", "value", "word"),
    [
        (0, np.ones((RATE * SECONDS, 6)), "data_var{1,1}"),
        (0, np.ones((7, RATE * SECONDS)), "N x 7"),
        (2, np.array([["text"]]), "data_var{1,3}"),
        (2, np.ones((RATE * SECONDS, 7)) * 1j, "complex128"),
        (1, np.ones((RATE * SECONDS, 2)), "data_var{1,2}"),
        (3, np.ones((RATE * SECONDS, 1)), "100 %"),
        (2, first_set(seconds=42)[2], "not of one session"),
    ],
)
def test_a_first_set_of_another_shape_is_refused_by_name(tmp_path, at, value, word):
    cells = first_set()
    cells[at] = value
    path = write_first(tmp_path / FIRST, cells)
    assert word in refused(path, tmp_path, "malformed_layout")


def test_a_first_set_that_is_no_cell_of_four_is_refused(tmp_path):
    for value in (np.ones((1, 4)), np.array([["a", 1, 2]], dtype=object), {"a": 1}):
        path = tmp_path / FIRST
        savemat(path, {"data_var": value})
        assert "expected is a cell of 1 x 4" in refused(path, tmp_path, "malformed_layout")


@pytest.mark.parametrize("field", ["Acoustic", "IMU", "Event"])
def test_a_second_set_that_lacks_a_field_is_refused_by_name(tmp_path, field):
    fields = second_set()
    del fields[field]
    path = write_second(tmp_path / SECOND, fields)
    assert f"lacks the field {field}" in refused(path, tmp_path, "malformed_layout")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("Acoustic", np.ones((SECONDS * RATE, 3))),
        ("IMU", np.ones((SECONDS * 64, 4))),
        ("IMU", np.ones((SECONDS * 128, 3))),
        ("Event", np.zeros((SECONDS * RATE, 1))),
        ("Event", "none"),
    ],
)
def test_a_second_set_of_another_shape_or_rate_is_refused_by_name(tmp_path, field, value):
    path = write_second(tmp_path / SECOND, {**second_set(), field: value})
    assert f"Subject_data.{field}" in refused(path, tmp_path, "malformed_layout")


def test_empty_parts_are_refused_by_name(tmp_path):
    for at in range(4):
        cells = first_set()
        cells[at] = np.zeros((0, 0))
        path = write_first(tmp_path / FIRST, cells)
        assert f"data_var{{1,{at + 1}}} is empty" in refused(path, tmp_path, "empty_recording")
    cells = first_set()
    cells[2][:] = np.nan
    path = write_first(tmp_path / FIRST, cells)
    assert "holds no number" in refused(path, tmp_path, "empty_recording")


def test_a_recording_that_is_there_is_kept_unless_asked_for(tmp_path):
    source = write_first(tmp_path / FIRST)
    target = tmp_path / "out.dat"
    target.write_bytes(b"precious")
    with pytest.raises(OutputError, match="--overwrite"):
        convert_file(source, target)
    assert target.read_bytes() == b"precious"
    convert_file(source, target, overwrite=True)
    assert target.stat().st_size > 1000


def test_nothing_is_left_of_a_conversion_that_fails(tmp_path):
    source = write_first(tmp_path / FIRST)

    def interrupt(share):
        if share > 0.3:
            raise KeyboardInterrupt

    (tmp_path / "out").mkdir()
    for convert in (
        lambda: convert_file(source, tmp_path / "out" / "a.dat", progress=interrupt),
        lambda: convert_folder(tmp_path, tmp_path / "out", progress=interrupt),
    ):
        with pytest.raises(KeyboardInterrupt):
            convert()
        assert list((tmp_path / "out").iterdir()) == []


def test_a_folder_becomes_recordings_whose_presses_are_the_labels(tmp_path):
    source, out = tmp_path / "set", tmp_path / "out"
    (source / "deeper").mkdir(parents=True)
    write_first(source / FIRST)
    write_first(source / "deeper" / "S12_Day1_dataFile_001.mat")
    write_second(source / SECOND)
    write_first(source / "Session2.mat")
    savemat(source / "other.mat", {"speed": np.ones(3)})
    shares = []
    result = convert_folder(source, out, progress=shares.append)
    manifest = load_manifest(out / "manifest.json")
    assert {item.dat_file_key: item.subject_id for item in manifest.items} == {
        "S2_Day6_dataFile_005.dat": "S2",
        "S12_Day1_dataFile_001.dat": "S12",
        "Subject_001_Session_1_MS.dat": "Subject_001",
        "Session2.dat": None,
    }
    assert all(item.csv_file_key is None for item in manifest.items)
    assert all((out / item.dat_file_key).is_file() for item in manifest.items)
    assert list(result.left_out) == ["other.mat"]
    summary = json.loads((out / "conversion.json").read_text())
    assert [row["presses"] for row in summary["recordings"]] == [3, 3, 2, 3]
    assert summary["left_out"].keys() == {"other.mat"}
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_a_folder_without_sessions_or_with_two_of_one_name_is_refused(tmp_path):
    with pytest.raises(ConversionError, match=r"holds no \.mat file"):
        convert_folder(tmp_path, tmp_path / "out")
    savemat(tmp_path / "other.mat", {"speed": np.ones(3)})
    with pytest.raises(ConversionError, match="none of the 1"):
        convert_folder(tmp_path, tmp_path / "out")
    (tmp_path / "again").mkdir()
    savemat(tmp_path / "again" / "other.mat", {"speed": np.ones(3)})
    with pytest.raises(ConversionError, match="rename one"):
        convert_folder(tmp_path, tmp_path / "out")
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_the_command_writes_one_file_into_a_file_or_a_folder(tmp_path):
    source = write_first(tmp_path / FIRST)
    done = femo("convert", source, tmp_path / "out.dat", "--json")
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["recording"] == str(tmp_path / "out.dat")
    assert (facts["presses"], facts["subject_id"], facts["layout"]) == (3, "S2", "data_var")
    done = femo("convert", source, tmp_path / "folder")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "folder" / "S2_Day6_dataFile_005.dat").is_file()
    assert "3 presses" in done.stdout
    assert "stop mark" in done.stderr
    done = femo("inspect", tmp_path / "out.dat")
    assert len(json.loads(done.stdout)["intervals"]["presses"]) == 3


def test_the_command_refuses_in_one_line_what_it_cannot_do(tmp_path):
    source = write_first(tmp_path / FIRST)
    before = source.read_bytes()
    for arguments in (
        (tmp_path / "none.mat", tmp_path / "out.dat"),
        (tmp_path, tmp_path / "out.dat"),
        (source, source, "--overwrite"),
    ):
        done = femo("convert", *arguments)
        assert done.returncode == 2, done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
        assert done.stderr.startswith("femo: error: ")
    assert source.read_bytes() == before

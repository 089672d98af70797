"""What is written is there whole or not at all, whoever is interrupted."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from femo_signal.errors import OutputError
from femo_signal.synthetic import synthesize_cohort
from femo_signal.writing import check_target, whole_file, whole_files


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def write_and_be_interrupted(partial, text):
    partial.write_text(text)
    raise KeyboardInterrupt


def write_two(*paths):
    for path in paths:
        path.write_text("new")


def test_an_interrupted_file_leaves_the_old_one_and_nothing_else(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(KeyboardInterrupt), whole_file(target) as partial:
        write_and_be_interrupted(partial, "ne")
    assert target.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_a_finished_file_may_be_read_by_those_who_could_read_any_new_file(tmp_path):
    with whole_file(tmp_path / "b.txt") as partial:
        partial.write_text("new")
    (tmp_path / "any").touch()
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("b.txt", "any")}
    assert len(modes) == 1


def test_interrupted_files_leave_the_folder_as_it_was(tmp_path):
    (tmp_path / "one").write_text("old")
    with pytest.raises(KeyboardInterrupt), whole_files(tmp_path, last="one") as partial:
        write_and_be_interrupted(partial / "one", "new")
    assert (tmp_path / "one").read_text() == "old"
    assert names(tmp_path) == ["one"]


def test_the_file_that_counts_comes_last(tmp_path, monkeypatch):
    moved = []
    replace = os.replace

    def noted(source, target):
        moved.append(Path(target).name)
        replace(source, target)

    monkeypatch.setattr(os, "replace", noted)
    with whole_files(tmp_path / "new", last="b") as partial:
        for name in "abc":
            (partial / name).touch()
    assert moved == ["a", "c", "b"]


def test_a_cohort_that_was_interrupted_has_no_manifest_and_no_half_recording(tmp_path):
    def stop(_seconds):
        raise KeyboardInterrupt

    folder = tmp_path / "c"
    with pytest.raises(KeyboardInterrupt):
        synthesize_cohort(folder, recordings=2, minutes=0.5, progress=stop)
    assert names(folder) == []


@pytest.mark.parametrize("place", ["file", "file/in/it", "broken"])
def test_a_place_that_can_hold_no_folder_is_told_and_nothing_is_made(tmp_path, place):
    (tmp_path / "file").touch()
    (tmp_path / "broken").symlink_to("nowhere")
    with pytest.raises(OutputError) as caught:
        check_target(tmp_path / place, ["a"], overwrite=True)
    assert caught.value.code == "output_unwritable"
    assert names(tmp_path) == ["broken", "file"]


def test_a_file_that_is_only_a_broken_link_is_not_overwritten_either(tmp_path):
    (tmp_path / "a").symlink_to("nowhere")
    with pytest.raises(OutputError, match="exists already"):
        check_target(tmp_path, ["a"], overwrite=False)


@pytest.fixture
def places(tmp_path):
    """A folder with a pipe, links to a file elsewhere, to a pipe and in a circle."""
    folder, elsewhere = tmp_path / "folder", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    (elsewhere / "real").write_text("old")
    os.mkfifo(folder / "pipe")
    (folder / "to-pipe").symlink_to("pipe")
    (folder / "link").symlink_to(elsewhere / "real")
    (folder / "circle").symlink_to("circle")
    return folder


@pytest.mark.parametrize("name", ["pipe", "to-pipe", "circle"])
def test_no_pipe_and_no_device_is_replaced_by_a_file_even_where_overwriting_was_asked_for(
    places, name
):
    before = {path.name: path.lstat().st_ino for path in places.iterdir()}
    with pytest.raises(OutputError, match=r"no regular file|leads to itself") as caught:
        check_target(places, [name], overwrite=True)
    assert caught.value.code == "output_unwritable"
    with (
        pytest.raises(OSError, match=r"no regular file|leads to itself"),
        whole_file(places / name),
    ):
        pass
    with (
        pytest.raises(OSError, match=r"no regular file|leads to itself"),
        whole_files(places, last=name) as partial,
    ):
        write_two(partial / "a", partial / name)
    assert {path.name: path.lstat().st_ino for path in places.iterdir()} == before


def test_the_machines_own_devices_are_refused_before_any_work():
    with pytest.raises(OutputError, match="no regular file"):
        check_target(Path("/dev"), ["null"], overwrite=True)


def test_a_link_stays_a_link_and_the_file_that_it_names_is_written(places):
    real = places.parent / "elsewhere" / "real"
    check_target(places, ["link"], overwrite=True)
    with pytest.raises(OutputError, match="exists already"):
        check_target(places, ["link"], overwrite=False)
    with whole_file(places / "link") as partial:
        partial.write_text("one")
    assert ((places / "link").is_symlink(), real.read_text()) == (True, "one")
    with whole_files(places, last="link") as partial:
        (partial / "link").write_text("several")
    assert ((places / "link").is_symlink(), real.read_text()) == (True, "several")
    assert names(real.parent) == ["real"]


def test_a_link_to_where_nothing_can_be_written_is_told_before_any_work(places):
    (places / "nowhere").symlink_to(places / "pipe" / "file")
    with pytest.raises(OutputError, match="no folder"):
        check_target(places, ["nowhere"], overwrite=True)

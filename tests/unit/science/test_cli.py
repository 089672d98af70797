"""The command line as a user meets it: output, status, one-line errors."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import redirect_stdout
from importlib import import_module
from pathlib import Path

import pytest
from click.testing import CliRunner

from femo_cli.main import femo as command_line
from femo_result import EventsResponse
from femo_signal.errors import ManifestError, OutputError
from femo_signal.learning.extraction import extract_manifest
from femo_signal.manifest import load_manifest, parse_manifest
from femo_signal.method_version import METHOD_VERSION
from femo_signal.settings import AnalysisSettings
from femo_signal.synthetic import synthesize_cohort

FEMO = [sys.executable, "-m", "femo_cli.main"]


def femo(*arguments, cache=None, cwd=None):
    environment = dict(os.environ)
    if cache is not None:
        environment["XDG_CACHE_HOME"] = str(cache)
    return subprocess.run(
        [*FEMO, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env=environment,
        timeout=120,
    )


def complains(done, status=2):
    lines = done.stderr.strip().splitlines()
    assert done.returncode == status, done.stderr
    assert len(lines) == 1
    assert lines[0].startswith("femo: error: ")
    assert done.stdout == ""
    return lines[0]


def test_a_recording_is_inspected_as_json(cohort):
    done = femo("inspect", cohort.parent / "recording-001.dat")
    facts = json.loads(done.stdout)
    assert done.returncode == 0
    assert facts["start"] == "2025-01-06T21:00:00.250Z"
    assert facts["duration_seconds"] == 600
    assert set(facts["intervals"]) == {"body_movement", "detections", "sensation", "presses"}
    assert facts["trim_seconds"] <= facts["intervals"]["detections"][0][0]


def test_a_cohort_is_trained_evaluated_and_used(tmp_path):
    cache = tmp_path / "cache"
    done = femo("synthesize", tmp_path / "c", "--recordings", 4, "--minutes", 5, "--kind", "rich")
    assert done.returncode == 0, done.stderr
    manifest = tmp_path / "c" / "manifest.json"
    trained = femo("train", manifest, "--output", tmp_path / "m", "--json", cache=cache)
    assert trained.returncode == 0, trained.stderr
    outcome = json.loads(trained.stdout)
    assert outcome["status"] == "Trained"
    assert len(list((cache / "femo" / "features").iterdir())) == 4
    done = femo("evaluate", manifest, "--model", tmp_path / "m", "--output", tmp_path / "e",
                cache=cache)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "by chance" in done.stdout
    assert (tmp_path / "e" / "evaluation.png").read_bytes()[:4] == b"\x89PNG"
    again = femo("evaluation", tmp_path / "e" / "evaluation.json", "--plot", tmp_path / "e.svg")
    assert again.returncode == 0, again.stderr
    assert again.stdout == done.stdout.replace(f"Written: {tmp_path / 'e'}\n", "")
    assert "Calibration" in (tmp_path / "e.svg").read_text()
    done = femo("compare", tmp_path / "m", tmp_path / "m", manifest, "--json",
                "--output", tmp_path / "d", cache=cache)  # fmt: skip
    assert done.returncode == 0, done.stderr
    compared = json.loads(done.stdout)
    assert compared["first"]["tested"] == compared["second"]["tested"] == "out of fold"
    assert compared["differences"]["f1"] == {"difference": 0.0, "low": 0.0, "high": 0.0}
    assert json.loads((tmp_path / "d" / "comparison.json").read_text()) == compared
    done = femo("analyze", tmp_path / "c" / "recording-002.dat", "--model", tmp_path / "m",
                "--remove-hiccups", "--plot", tmp_path / "p.png")  # fmt: skip
    assert done.returncode == 0, done.stderr
    response = json.loads(done.stdout)
    assert response["status"] == "Completed"
    assert response["output_type"] == "events"
    EventsResponse.model_validate(response)
    assert (tmp_path / "p.png").read_bytes()[:4] == b"\x89PNG"
    assert "Judged:" in done.stderr
    assert "For research use" in done.stderr


def test_features_are_cached_until_a_recording_changes(tmp_path):
    path = synthesize_cohort(tmp_path / "c", recordings=3, minutes=1)
    options = {"folder": path.parent, "settings": AnalysisSettings(), "cache": tmp_path / "cache"}
    manifest = load_manifest(path)
    assert extract_manifest(manifest, **options).cached == 0
    assert extract_manifest(manifest, **options).cached == 3
    assert extract_manifest(manifest, **options, force=True).cached == 0
    (path.parent / "recording-001.annotations.csv").write_text("start_seconds,end_seconds\n9,10\n")
    assert extract_manifest(manifest, **options).cached == 2
    other = AnalysisSettings.model_validate({"detection": {"noise_multiplier": 35.0}})
    assert extract_manifest(manifest, **{**options, "settings": other}).cached == 0
    for entry in (tmp_path / "cache").iterdir():
        entry.write_bytes(b"damaged")
    assert extract_manifest(manifest, **options).cached == 0


def test_a_cache_knows_a_recording_by_its_content_and_not_by_its_date_or_edges(
    tmp_path, monkeypatch
):
    path = synthesize_cohort(tmp_path / "c", recordings=1, minutes=2.5)
    options = {"folder": path.parent, "settings": AnalysisSettings(), "cache": tmp_path / "cache"}
    manifest = load_manifest(path)
    recording = path.parent / "recording-001.dat"
    facts = recording.stat()
    assert extract_manifest(manifest, **options).cached == 0
    os.utime(recording, (1, 1))
    assert extract_manifest(manifest, **options).cached == 1, "the same content"
    content = bytearray(recording.read_bytes())
    content[len(content) // 2] ^= 1
    recording.write_bytes(content)
    os.utime(recording, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert extract_manifest(manifest, **options).cached == 0, "same size, date and edges"
    assert extract_manifest(manifest, **options).cached == 1
    for module in ("extraction", "dataset"):
        monkeypatch.setattr(f"femo_signal.learning.{module}.METHOD_VERSION", METHOD_VERSION + 1)
    assert extract_manifest(manifest, **options).cached == 0, "another method"


def test_a_cache_does_not_keep_whose_recordings_it_holds(tmp_path):
    path = synthesize_cohort(tmp_path / "c", recordings=1, minutes=1)
    options = {"folder": path.parent, "settings": AnalysisSettings(), "cache": tmp_path / "cache"}
    (found,) = extract_manifest(load_manifest(path), **options).recordings
    assert found.subject_id == "rich-0-subject-01"
    (entry,) = (tmp_path / "cache").iterdir()
    kept = entry.read_bytes().replace(b"\0", b"")
    assert b"subject-01" not in kept
    assert b"recording-001" not in kept


def unusable(folder, kind):
    """A manifest's item whose files cannot be used."""
    if kind == "pipe":
        os.mkfifo(folder / "bad.dat")
    if kind == "folder":
        (folder / "bad.dat").mkdir()
    if kind == "circle":
        (folder / "bad.dat").symlink_to("bad.dat")
    if kind == "device":
        (folder / "bad.dat").symlink_to("/dev/zero")
    if kind == "text":
        (folder / "bad.dat").write_text("no recording")
    item = {"datFileKey": {"long": "x" * 1000, "nul": "a\0b"}.get(kind, "bad.dat")}
    if kind.startswith("labels"):
        item = {"datFileKey": "recording-001.dat", "csvFileKey": "labels.csv"}
        (folder / "recording-001.dat").rename(folder / "labelled.dat")
        item["datFileKey"] = "labelled.dat"
    if kind == "labels that are a pipe":
        os.mkfifo(folder / "labels.csv")
    if kind == "labels that are none":
        (folder / "labels.csv").write_text("hello\n")
    return item


UNUSABLE = [
    "missing", "pipe", "folder", "circle", "device", "long", "nul", "text", "labels missing",
    "labels that are a pipe", "labels that are none",
]  # fmt: skip


@pytest.mark.parametrize("kind", UNUSABLE)
def test_an_item_that_cannot_be_used_is_left_out_and_told_and_strictly_refused(tmp_path, kind):
    path = synthesize_cohort(tmp_path / "c", recordings=2, minutes=0.5)
    bad = unusable(path.parent, kind)
    items = [bad, {"datFileKey": "recording-002.dat"}]
    manifest = parse_manifest(json.dumps({"version": "1", "items": items}))
    options = {"folder": path.parent, "settings": AnalysisSettings(), "cache": tmp_path / "cache"}
    extraction = extract_manifest(manifest, **options)
    assert [found.recording_id for found in extraction.recordings] == ["recording-002.dat"]
    (notice,) = extraction.notices
    assert notice.startswith(f"left out {bad['datFileKey']}: ")
    assert "\n" not in notice
    with pytest.raises(ManifestError, match="correct or remove the item"):
        extract_manifest(manifest, **options, strict=True)


def test_a_cache_that_was_asked_for_and_cannot_be_written_is_told_before_any_work(tmp_path, cohort):
    (tmp_path / "file").touch()
    options = {"folder": cohort.parent, "settings": AnalysisSettings()}
    with pytest.raises(OutputError, match="cannot write into"):
        extract_manifest(load_manifest(cohort), **options, cache=tmp_path / "file" / "cache")


def test_one_unreadable_recording_is_reported_and_left_out(cohort, tmp_path):
    items = json.loads(cohort.read_text())["items"]
    for item in items:
        item["datFileKey"] = str(cohort.parent / item["datFileKey"])
        item["csvFileKey"] = str(cohort.parent / item["csvFileKey"])
    (tmp_path / "broken.dat").write_bytes(b"")
    items.insert(2, {"datFileKey": "broken.dat"})
    (tmp_path / "manifest.json").write_text(json.dumps({"version": "1", "items": items}))
    done = femo("train", tmp_path / "manifest.json", "--output", tmp_path / "m", "--json",
                cache=tmp_path / "cache")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "left out broken.dat" in done.stderr
    assert len(json.loads(done.stdout)["evaluation"]["per_recording"]) == 6
    assert "broken.dat" in json.loads(done.stdout)["evaluation"]["notices"][0]


@pytest.mark.parametrize("command", ["train", "evaluate", "compare"])
def test_an_empty_manifest_does_nothing_and_says_so(tmp_path, command, model_folder):
    (tmp_path / "m.json").write_text('{"version": "1", "items": []}')
    given = {
        "train": [tmp_path / "m.json", "--output", tmp_path / "m"],
        "evaluate": [tmp_path / "m.json", "--model", model_folder],
        "compare": [model_folder, model_folder, tmp_path / "m.json"],
    }
    done = femo(command, *given[command])
    assert done.returncode == 0
    assert "no items" in done.stdout
    assert not (tmp_path / "m").exists()


BROKEN = {
    "empty": b"",
    "text": b"2024-06-10 a diary, not a recording\n" * 400,
    "random": bytes((k * 7919 + k // 251) % 256 for k in range(200_000)),
    "header": b"\x00" * 20,
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_is_one_line_and_status_2(tmp_path, kind, model_folder):
    path = tmp_path / "recording.dat"
    path.write_bytes(BROKEN[kind])
    complains(femo("inspect", path))
    complains(femo("analyze", path, "--model", model_folder))


def test_a_missing_file_a_missing_model_and_a_wrong_option_are_one_line(tmp_path, cohort):
    recording = cohort.parent / "recording-001.dat"
    assert "nowhere" in complains(femo("inspect", tmp_path / "nowhere.dat"))
    assert "model" in complains(femo("analyze", recording, "--model", tmp_path / "none"))
    assert "--frobnicate" in complains(femo("inspect", recording, "--frobnicate"))
    assert "conquer" in complains(femo("conquer"))
    assert "cannot read" in complains(femo("train", tmp_path / "x.json", "--output", tmp_path))
    assert "known are" in complains(
        femo("train", cohort, "--output", tmp_path, "--set", "bushes=3", cache=tmp_path / "c")
    )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--set", "bushes=3"], "known are num_iterations"),
        (["--set", "num_leaves=many"], "num_leaves"),
        (["--set", "num_leaves=3", "--set", "num_leaves=4"], "given twice"),
        (["--set", "learning_rate=nan"], "learning_rate"),
        (["--output", "a-file/model"], "a-file is no folder"),
        (["--output", "held"], "exists already"),
        (["--cache", "a-file/cache"], "a-file is no folder"),
        (["--strict"], "missing.dat"),
    ],
)
def test_a_wrong_option_of_a_training_is_told_before_a_recording_is_analysed(
    tmp_path, cohort, arguments, told
):
    (tmp_path / "a-file").touch()
    (tmp_path / "held").mkdir()
    (tmp_path / "held" / "model.json").touch()
    # The first would take long, the second is missing: neither may have been looked into
    items = [
        {"datFileKey": str(cohort.parent / "recording-001.dat")},
        {"datFileKey": "missing.dat"},
    ]
    (tmp_path / "m.json").write_text(json.dumps({"version": "1", "items": items}))
    output = [] if "--output" in arguments else ["--output", "new"]
    done = femo("train", "m.json", *output, *arguments, cache=tmp_path / "cache", cwd=tmp_path)
    assert told in complains(done)
    assert not (tmp_path / "cache").exists()
    assert not (tmp_path / "new").exists()


def test_nothing_is_overwritten_unless_that_is_asked_for(tmp_path, cohort, model_folder):
    synthesize = ["synthesize", tmp_path / "c", "--recordings", 1, "--minutes", 0.5]
    assert femo(*synthesize).returncode == 0
    first = (tmp_path / "c" / "recording-001.dat").read_bytes()
    assert "exists already" in complains(femo(*synthesize, "--seed", 9))
    assert (tmp_path / "c" / "recording-001.dat").read_bytes() == first
    assert femo(*synthesize, "--seed", 9, "--overwrite").returncode == 0
    assert (tmp_path / "c" / "recording-001.dat").read_bytes() != first

    (tmp_path / "p.png").write_text("mine")
    analyze = ["analyze", tmp_path / "c" / "recording-001.dat", "--model", model_folder,
               "--plot", tmp_path / "p.png"]  # fmt: skip
    assert "exists already" in complains(femo(*analyze))
    assert (tmp_path / "p.png").read_text() == "mine"
    assert femo(*analyze, "--overwrite").returncode == 0
    assert (tmp_path / "p.png").read_bytes()[:4] == b"\x89PNG"

    (tmp_path / "e").mkdir()
    (tmp_path / "e" / "metrics.json").write_text("mine")
    evaluate = ["evaluate", cohort, "--model", model_folder, "--output", tmp_path / "e"]
    assert "exists already" in complains(femo(*evaluate, cache=tmp_path / "cache"))
    assert (tmp_path / "e" / "metrics.json").read_text() == "mine"
    assert not list(tmp_path.rglob(".partial-*"))


def test_an_evaluation_finds_its_output_wrong_before_a_recording_is_analysed(
    tmp_path, cohort, model_folder
):
    (tmp_path / "a-file").touch()
    done = femo("evaluate", cohort, "--model", model_folder, "--output", tmp_path / "a-file" / "e",
                cache=tmp_path / "cache")  # fmt: skip
    assert "is no folder" in complains(done)
    assert not (tmp_path / "cache").exists()


def test_help_names_and_describes_the_hyperparameters():
    listed = femo("train", "--help").stdout
    for name in ("num_iterations", "min_data_in_leaf", "lambda_l2", "Number of trees"):
        assert name in listed


@pytest.mark.parametrize("minutes", ["nan", "inf", "-1"])
def test_a_length_that_is_no_number_is_one_line(tmp_path, minutes):
    complains(femo("synthesize", tmp_path / "c", "--recordings", 1, "--minutes", minutes))


def test_a_picture_of_unknown_kind_is_refused_before_anything_is_printed(cohort, model_folder):
    recording = cohort.parent / "recording-001.dat"
    assert "--plot" in complains(
        femo("analyze", recording, "--model", model_folder, "--plot", "picture.docx")
    )


EMPTY_PAGE = '<script type="application/json" id="embedded"></script>'


@pytest.fixture
def night(cohort, model_folder, tmp_path, monkeypatch):
    """Arguments that analyse a recording into a page of our own: no console need be built."""
    (tmp_path / "viewer").mkdir()
    (tmp_path / "viewer" / "viewer.html").write_text(EMPTY_PAGE)
    monkeypatch.setattr("femo_cli.viewing.files", lambda _package: tmp_path)
    return ["analyze", str(cohort.parent / "recording-001.dat"), "--model", str(model_folder),
            "--report", str(tmp_path / "night.html")]  # fmt: skip


def test_an_analysis_writes_its_night_as_a_page_too(night, tmp_path):
    done = CliRunner().invoke(command_line, [*night, "--zone", "Europe/London"])
    assert done.exit_code == 0, done.output
    page = (tmp_path / "night.html").read_text()
    data = json.loads(page.removeprefix(EMPTY_PAGE[:-9]).removesuffix("</script>"))
    assert data["responses"] == [json.loads(done.stdout)]
    assert (data["recording"], data["zone"]) == ("recording-001.dat", "Europe/London")


def test_page_and_picture_are_there_also_where_nobody_takes_the_json(night, tmp_path):
    picture = tmp_path / "night.png"
    with (
        pytest.raises(OSError, match="No space"),
        Path("/dev/full").open("w") as full,
        redirect_stdout(full),
    ):
        command_line([*night, "--plot", str(picture), "--json"], standalone_mode=False)
    assert picture.read_bytes()[:4] == b"\x89PNG"
    assert (tmp_path / "night.html").is_file()


def test_an_analysis_is_not_lost_with_a_page_that_cannot_be_written(night, tmp_path, monkeypatch):
    def fail(*_given):
        raise OSError("no space left")

    monkeypatch.setattr(import_module("femo_cli.analyze"), "write_page", fail)
    done = CliRunner().invoke(command_line, night)
    assert isinstance(done.exception, OSError)
    assert json.loads(done.stdout)["status"] == "Completed"


def signalled(number, folder, *, first=""):
    """Synthesize into a folder in a process that signals itself as it writes a recording."""
    program = (
        "import os, signal, sys\n"
        "from femo_cli.main import main\n"
        f"{first}\n"
        "def hook(event, given):\n"
        "    if event == 'open' and given[1] == 'w' and '.partial-' in str(given[0]):\n"
        f"        os.kill(os.getpid(), {int(number)})\n"
        "sys.addaudithook(hook)\n"
        f"words = ['synthesize', {str(folder)!r}, '--recordings', '1', '--minutes', '0.5']\n"
        "sys.argv = ['femo', *words]\n"
        "main()"
    )
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_who_is_ended_by_a_signal_leaves_no_part_of_a_file(tmp_path, number):
    done = signalled(number, tmp_path / "c")
    assert done.returncode == 128 + number, done.stderr
    assert not list((tmp_path / "c").iterdir())
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("femo: error: ")


def test_who_asked_for_it_goes_on_though_the_terminal_is_closed(tmp_path):
    done = signalled(
        signal.SIGHUP, tmp_path / "c", first="signal.signal(signal.SIGHUP, signal.SIG_IGN)"
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "c" / "recording-001.dat").is_file()


def test_a_manifest_in_s3_is_refused_locally(tmp_path):
    items = [{"bucketName": "b", "datFileKey": "k.dat"}]
    (tmp_path / "m.json").write_text(json.dumps({"version": "1", "items": items}))
    assert "lies in S3" in complains(femo("train", tmp_path / "m.json", "--output", tmp_path / "m"))


def test_help_is_quick_and_loads_no_science(tmp_path):
    probe = (
        "import sys; from femo_cli.main import femo; femo(['--help'], standalone_mode=False); "
        "heavy = {'numpy', 'scipy', 'pydantic', 'httpx', 'tqdm'} & set(sys.modules); "
        "sys.exit(', '.join(sorted(heavy)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    listed = femo("--help").stdout
    for command in ("inspect", "synthesize", "train", "evaluate", "analyze"):
        assert command in listed


def test_synthesize_says_what_it_wrote(tmp_path: Path):
    done = femo("synthesize", tmp_path, "--recordings", 1, "--minutes", 0.5, "--format", "v2",
                "--start", "2024-02-29T12:00:00+01:00", "--json")  # fmt: skip
    assert json.loads(done.stdout)["recordings"] == 1
    facts = json.loads(femo("inspect", tmp_path / "recording-001.bin").stdout)
    assert facts["start"] == "2024-02-29T11:00:00.000Z"
    assert facts["format"] == "v2"
    complains(femo("synthesize", tmp_path, "--recordings", 1, "--minutes", 0.5, "--start", "soon"))


def loaded_by(words, watched):
    """Run `femo` in a process of its own and return which of the watched modules it loaded."""
    program = (
        "import sys\n"
        "from femo_cli.main import femo\n"
        f"try: femo({[str(word) for word in words]!r}, standalone_mode=False)\n"
        f"finally: print([n for n in {watched!r} if n in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return done.stderr.strip().splitlines()[-1]


def test_help_waits_for_no_library():
    assert loaded_by(["--help"], ("numpy", "pydantic", "httpx", "boto3", "tqdm")) == "[]"


def test_an_answer_at_the_command_line_waits_for_no_library_it_does_not_use(cohort, model_folder):
    unused = ("scipy", "lightgbm", "sklearn", "matplotlib", "pandas", "boto3", "httpx")
    words = ["analyze", cohort.parent / "recording-001.dat", "--model", model_folder, "--json"]
    assert loaded_by(words, unused) == "[]"

"""What a training run sees of `process extract`: features, cache, shards, and bad recordings."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from .harness import CONTAINER, INTERPRETER, PATIENCE, Bucket, Pipe, run, variables


class Job:
    """A processing job's folder, and what comes out of it."""

    def __init__(self, root: Path, environment: dict[str, str], bucket: Bucket) -> None:
        self.root = root
        self.bucket = bucket
        self.environment = {
            **environment,
            "FEMO_ML_ROOT": str(root),
            "FEATURE_CACHE_URI": f"s3://{bucket.name}/cache/",
        }
        self.features = root / "processing/output/features"

    def write(self, path: str, content: Any) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(content))

    def manifest(self, *items: dict[str, str], name: str = "manifest.json") -> None:
        content = {"version": "1", "items": [{"bucketName": self.bucket.name, **i} for i in items]}
        self.write(f"processing/input/manifest/{name}", content)

    def run(self, **more: str) -> subprocess.CompletedProcess[str]:
        return run("process", "extract", environment={**self.environment, **more}, stand_in=True)

    def report(self, host: str = "algo-1") -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.features / f"report-{host}.json").read_text())
        return content

    def counts(self, **more: str) -> dict[str, int]:
        ended = self.run(**more)
        assert ended.returncode == 0, ended.stderr
        counts: dict[str, int] = self.report()["counts"]
        return counts


@pytest.fixture
def job(tmp_path: Path, s3_environment: dict[str, str], bucket: Bucket) -> Job:
    made = Job(tmp_path / "ml", s3_environment, bucket)
    (made.root / "processing/input/manifest").mkdir(parents=True)
    return made


def put(bucket: Bucket, *names: str) -> list[dict[str, str]]:
    for name in names:
        bucket.put(f"in/{name}.dat", {"name": name})
    return [{"datFileKey": f"in/{name}.dat"} for name in names]


def test_each_recording_gives_features_that_name_its_host_and_subject(
    job: Job, bucket: Bucket
) -> None:
    bucket.put("in/one.dat", {})
    job.manifest({"datFileKey": "in/one.dat", "subjectId": "s1"})
    assert job.counts() == {"ok": 1, "cached": 0, "failed": 0}
    (path,) = job.features.glob("*.npz")
    assert path.name.startswith("algo-1-one-")
    features = json.loads(path.read_text())
    assert features["recording_id"] == f"s3://{bucket.name}/in/one.dat"
    assert features["subject_id"] == "s1"


def test_a_second_run_extracts_only_what_is_new(job: Job, bucket: Bucket) -> None:
    job.manifest(*put(bucket, "a", "b", "c"))
    assert job.counts() == {"ok": 3, "cached": 0, "failed": 0}
    job.manifest(*put(bucket, "a", "b", "c", "d"))
    assert job.counts() == {"ok": 1, "cached": 3, "failed": 0}


def test_a_replaced_recording_other_settings_or_force_miss_the_cache(
    job: Job, bucket: Bucket
) -> None:
    job.manifest(*put(bucket, "a", "b"))
    job.counts()
    bucket.put("in/a.dat", {"name": "another"})
    assert job.counts() == {"ok": 1, "cached": 1, "failed": 0}
    assert job.counts(FORCE_EXTRACT="true") == {"ok": 2, "cached": 0, "failed": 0}
    job.write("processing/input/settings/s.json", {"preprocessing": {"filter_order": 4}})
    assert job.counts() == {"ok": 2, "cached": 0, "failed": 0}


def test_changed_labels_miss_the_cache(job: Job, bucket: Bucket) -> None:
    (item,) = put(bucket, "a")
    bucket.put("in/a.csv", b"start_seconds,end_seconds\n")
    job.manifest({**item, "csvFileKey": "in/a.csv"})
    job.counts()
    assert job.counts()["cached"] == 1
    bucket.put("in/a.csv", b"start_seconds,end_seconds\n1,2\n")
    assert job.counts()["ok"] == 1


def test_a_subject_renamed_in_the_manifest_is_renamed_in_cached_features(
    job: Job, bucket: Bucket
) -> None:
    (item,) = put(bucket, "a")
    job.manifest({**item, "subjectId": "before"})
    job.counts()
    job.manifest({**item, "subjectId": "after"})
    assert job.counts()["cached"] == 1
    (path,) = job.features.glob("*.npz")
    assert json.loads(path.read_text())["subject_id"] == "after"


def test_a_damaged_cache_entry_is_made_again(job: Job, bucket: Bucket) -> None:
    job.manifest(*put(bucket, "a"))
    job.counts()
    (entry,) = bucket.keys("cache/")
    bucket.put(entry, b"garbage")
    assert job.counts() == {"ok": 1, "cached": 0, "failed": 0}
    assert job.counts()["cached"] == 1


def test_bad_and_missing_recordings_are_reported_with_their_reasons_and_not_fatal(
    job: Job, bucket: Bucket
) -> None:
    bucket.put("in/short.dat", {"do": "refuse"})
    job.manifest(
        *put(bucket, "good"), {"datFileKey": "in/short.dat"}, {"datFileKey": "in/missing.dat"}
    )
    assert job.counts() == {"ok": 1, "cached": 0, "failed": 2}
    failed = {r["recording_id"].rsplit("/")[-1]: r for r in job.report()["recordings"]
              if r["status"] == "failed"}  # fmt: skip
    assert failed["short.dat"]["code"] == "recording_too_short"
    assert failed["short.dat"]["reason"] == "recording.dat: too short"
    assert failed["missing.dat"]["code"] == "recording_not_found"
    assert len(list(job.features.glob("*.npz"))) == 1


def test_an_empty_share_is_a_success(job: Job) -> None:
    assert job.counts() == {"ok": 0, "cached": 0, "failed": 0}


def test_hosts_that_were_each_given_the_whole_manifest_divide_it(job: Job, bucket: Bucket) -> None:
    job.manifest(*put(bucket, "a", "b", "c"))
    job.write(
        "config/processingjobconfig.json",
        {"ProcessingInputs": [{"InputName": "manifest",
                               "S3Input": {"S3DataDistributionType": "FullyReplicated"}}]},
    )  # fmt: skip
    taken: list[str] = []
    for host in ("algo-2", "algo-1"):
        hosts = {"current_host": host, "hosts": ["algo-1", "algo-2"]}
        job.write("config/resourceconfig.json", hosts)
        assert job.run().returncode == 0
        taken += [r["recording_id"][-5] for r in job.report(host)["recordings"]]
    assert sorted(taken) == ["a", "b", "c"]


def test_a_host_that_was_given_its_share_takes_all_of_it(job: Job, bucket: Bucket) -> None:
    for item in put(bucket, "a", "b"):
        job.manifest(item, name=item["datFileKey"].replace("/", "-") + ".json")
    job.write("config/resourceconfig.json",
              {"current_host": "algo-2", "hosts": ["algo-1", "algo-2"]})  # fmt: skip
    job.write(
        "config/processingjobconfig.json",
        {"ProcessingInputs": [{"InputName": "manifest",
                               "S3Input": {"S3DataDistributionType": "ShardedByS3Key"}}]},
    )  # fmt: skip
    assert job.run().returncode == 0
    assert job.report("algo-2")["counts"]["ok"] == 2
    assert all(path.name.startswith("algo-2-") for path in job.features.glob("*.npz"))


def test_a_worker_killed_once_costs_a_second_try_and_nothing_else(
    job: Job, bucket: Bucket, tmp_path: Path
) -> None:
    bucket.put("in/big.dat", {"do": "die once", "mark": str(tmp_path / "mark")})
    bucket.put("in/deadly.dat", {"do": "die"})
    job.manifest(*put(bucket, "a"), {"datFileKey": "in/big.dat"}, {"datFileKey": "in/deadly.dat"})
    assert job.counts() == {"ok": 2, "cached": 0, "failed": 1}


def test_features_that_are_all_cached_start_no_worker(job: Job, bucket: Bucket) -> None:
    job.manifest(*put(bucket, "a"))
    job.counts()
    assert "workers starting" not in job.run().stderr


def test_a_cache_that_cannot_be_written_fails_the_job_instead_of_staying_empty(
    job: Job, bucket: Bucket
) -> None:
    job.manifest(*put(bucket, "a"))
    ended = job.run(FEATURE_CACHE_URI="s3://no-such-bucket/cache")
    assert ended.returncode == 1
    assert "cache_unwritable" in (job.root / "output/failure").read_text()


def test_progress_is_logged_recording_by_recording(job: Job, bucket: Bucket) -> None:
    job.manifest(*put(bucket, "a", "b"))
    lines = [json.loads(line) for line in job.run().stderr.splitlines()]
    progress = [(x["done"], x["total"]) for x in lines if x["event"] == "progress"]
    assert progress == [(1, 2), (2, 2)]


def test_an_s3_that_is_down_fails_the_job_with_one_line_that_says_so(
    job: Job, bucket: Bucket
) -> None:
    job.manifest(*put(bucket, "a"))
    ended = job.run(AWS_ENDPOINT_URL="http://127.0.0.1:9")
    assert ended.returncode == 1
    for name in ("failure", "message"):
        told = (job.root / "output" / name).read_text()
        assert told.startswith("extract: storage_unavailable: ")
        assert "\n" not in told
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("path", "content", "code"),
    [
        ("processing/input/manifest/m.json", {"version": "1"}, "invalid_manifest"),
        ("processing/input/manifest/m.json", [], "invalid_manifest"),
        ("processing/input/settings/s.json", {"color": "blue"}, "invalid_settings"),
        ("config/resourceconfig.json", {"current_host": "x", "hosts": ["y"]}, "invalid_job_input"),
    ],
)
def test_a_malformed_input_fails_the_job_with_its_reason(
    job: Job, path: str, content: Any, code: str
) -> None:
    job.write(path, content)
    ended = job.run()
    assert ended.returncode == 1
    assert (job.root / "output/failure").read_text().startswith(f"extract: {code}: ")


def test_sigterm_ends_the_job_its_workers_and_its_files(
    job: Job, bucket: Bucket, pipe: Pipe
) -> None:
    bucket.put("in/long.dat", pipe.order())
    job.manifest({"datFileKey": "in/long.dat"})
    process = subprocess.Popen(
        [INTERPRETER, str(CONTAINER / "process"), "extract"],
        env=variables(stand_in=True, **job.environment),
        stderr=subprocess.DEVNULL,
    )
    try:
        pipe.wait_until_running()
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 143
        with pytest.raises(BrokenPipeError):  # no worker holds the other end any more
            os.write(pipe.handle, b"x")
        assert not list((job.root / "processing").glob("scratch-*"))
        assert "stopped" in (job.root / "output/message").read_text()
    finally:
        process.kill()
        process.wait()


def test_a_stage_that_does_not_exist_is_a_wrong_call() -> None:
    ended = run("process", "paint", environment={})
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr

"""A small service on this machine's own HTTP, for examples and for a client in a bare environment.

It knows what a caller sees of the service: sign-in, uploads by content, jobs under their ids, and
results behind an address of their own. Every recording holds the one movement of
`examples.events_result`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.unit.result.examples import events_response, events_result

CLIENT = ("local-client", "local-password")
_CREATED = "2025-01-07T05:59:{:02d}.000Z"
_WAIT = {"fromSeconds": 1, "toSeconds": 9, "basis": "measured"}
_SERVICE = {
    "endpoint": {"status": "InService"},
    "modelPackage": "femo-dev/7",
    "lanes": {
        "asynchronous": {"state": "cold", "currentInstances": 0, "desiredInstances": 0,
                         "expectedWait": _WAIT},
        "serverless": {"state": "ready", "expectedWait": _WAIT},
    },
    "backlog": {"openJobs": 0},
}  # fmt: skip
Reply = tuple[int, Any]


class LocalService(ThreadingHTTPServer):
    """Keeps recordings by their content and jobs by their ids."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.recordings: dict[str, bytes] = {}
        self.jobs: dict[str, dict[str, Any]] = {}
        self.environment = {
            "FEMO_API_URL": f"{self.url}/dev",
            "FEMO_TOKEN_URL": f"{self.url}/oauth2/token",
            "FEMO_CLIENT_ID": CLIENT[0],
            "FEMO_CLIENT_SECRET": CLIENT[1],
        }

    def answer(self, method: str, url: str, headers: Any, body: bytes) -> Reply:
        path, query = urlsplit(url).path, parse_qs(urlsplit(url).query)
        if path == "/oauth2/token":
            basic = base64.b64encode(":".join(CLIENT).encode()).decode()
            if headers["Authorization"] != f"Basic {basic}":
                return 400, {"error": "invalid_client"}
            return 200, {"access_token": "t", "expires_in": 3600}
        if path.startswith("/s3/"):
            return self._stored(method, path.removeprefix("/s3/"), body)
        if headers["Authorization"] != "Bearer t":
            return 401, _error("unauthorized", "Sign in.")
        route = (method, path.removeprefix("/dev"))
        match route:
            case ("POST", "/uploads"):
                return self._upload(json.loads(body))
            case ("POST", "/jobs"):
                return self._submit(json.loads(body), has_time=headers["Prefer"] is not None)
            case ("GET", "/jobs"):
                return self._page(query)
            case ("GET", "/service"):
                return 200, _SERVICE
        job = self.jobs.get(path.removeprefix("/dev/jobs/"))
        if job is None:
            return 404, _error("job_not_found", "There is no such job.")
        if job["status"] == "Queued":
            job |= self._completion(job["jobId"])
        return 200, job

    def _stored(self, method: str, name: str, body: bytes) -> Reply:
        if method == "GET":
            return 200, events_response()
        self.recordings[name] = body
        return 200, {}

    def _upload(self, asked: dict[str, Any]) -> Reply:
        key = hashlib.sha256("".join(asked["sha256"]).encode()).hexdigest()
        kind = "present" if key in self.recordings else "single"
        url = f"{self.url}/s3/{key}"
        return 201, {"uploadId": "u", "s3Key": key, "kind": kind, "url": url, "headers": {}}

    def _submit(self, asked: dict[str, Any], *, has_time: bool) -> Reply:
        if asked["s3Key"] not in self.recordings:
            return 404, _error("recording_not_found", "There is no such recording.", "s3Key")
        known = self.jobs.get(asked["jobId"])
        if known is not None:
            if known["s3Key"] != f"s3://recordings/{asked['s3Key']}":
                return 409, _error("job_id_conflict", "The id is in use.", "jobId")
            return 200, known
        created = _CREATED.format(len(self.jobs))
        job = {**asked, "status": "Queued", "createdAt": created,
               "s3Key": f"s3://recordings/{asked['s3Key']}"}  # fmt: skip
        if has_time:
            job |= self._completion(asked["jobId"])
        self.jobs[asked["jobId"]] = job
        return 202, job

    def _completion(self, job_id: str) -> dict[str, Any]:
        response = events_response()
        return {
            **{name: response[name] for name in ("status", "output_type", "completedTimeStamp")},
            "result": events_result(),
            "resultUrl": f"{self.url}/s3/results/{job_id}",
        }

    def _page(self, query: dict[str, list[str]]) -> Reply:
        start, size = int(query.get("nextToken", ["0"])[0]), int(query["limit"][0])
        subject = query.get("subjectId", [None])[0]
        found = [
            {name: value for name, value in job.items() if name not in ("result", "resultUrl")}
            for job in reversed(self.jobs.values())
            if subject in (None, job.get("subjectId"))
        ]
        more = {"nextToken": str(start + size)} if start + size < len(found) else {}
        return 200, {"jobs": found[start : start + size], **more}


class _Handler(BaseHTTPRequestHandler):
    server: LocalService

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        status, answer = self.server.answer(self.command, self.path, self.headers, body)
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("x-amzn-RequestId", "local-request")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def _error(code: str, message: str, field: str | None = None) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, **({"field": field} if field else {})}}


@contextmanager
def local_service() -> Iterator[LocalService]:
    """Run a service until the end of the block."""
    with LocalService() as service:
        thread = threading.Thread(target=service.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield service
        finally:
            service.shutdown()
            thread.join()

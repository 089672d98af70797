"""Write docs/errors.md from the catalogue of errors in `femo_result.errors`.

``python -m scripts.describe_errors`` writes it anew; a test fails while it is older.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from femo_result.errors import ApiCode, CommandCode, JobCode, Kind

PAGE = Path(__file__).resolve().parent.parent / "docs" / "errors.md"

INTRODUCTION = """# Errors

Written by `python -m scripts.describe_errors` from the catalogue in `femo_result/errors/`, of which
the API, the container and the science take their codes; change the catalogue, not this page.

An error has one shape everywhere: `{"error": {"code", "message", "field"?}}`. A program goes by the
`code`, which keeps its meaning; the `message` is for people and says more where more is known, such
as a byte's offset in a recording; `field` is the request's field at fault, where it is one. Later
versions may add codes. None of them says anything about a person.
"""
_KINDS = {
    Kind.FINAL: "Of a `Failed` job, at once: the request or its recording is at fault, or the "
    "analysis had all of its time. The same again would fail again.",
    Kind.PASSING: "Of a `Failed` job, once the analysis has been tried as often as it may be: the "
    "service is at fault. The same recording under a new `jobId` may well go through.",
    Kind.EXPIRED: "Of an `Expired` job.",
    Kind.UNTOLD: "Of a job that is completed, or of a listing: nothing is wrong with how the job "
    "ended, but it cannot be told.",
}


def page() -> str:
    """Return the page."""
    parts = [INTRODUCTION, _of_the_api()]
    parts.append(
        "## Of a job\n\nWhat `error.code` of an accepted job can be, and what `femo analyze` says "
        "of a recording.\n"
    )
    for kind, words in _KINDS.items():
        rows = [_job_row(code) for code in JobCode if code.kind is kind]
        head = ("code", "attempts", "meaning") if kind is Kind.PASSING else ("code", "meaning")
        parts.append(f"{words}\n\n{_table(head, rows)}")
    parts.append(
        "## Of commands and of training\n\nWhat only `femo` and the jobs of a training execution "
        "meet.\n\n"
        + _table(("code", "meaning"), [(f"`{code}`", code.sentence) for code in CommandCode])
    )
    return "\n".join(parts)


def _of_the_api() -> str:
    rows = [
        (str(int(code.status)), f"`{code}`", "yes" if code.waits else "", code.sentence)
        for code in sorted(ApiCode, key=lambda code: (code.status, code))
    ]
    return (
        "## Of the API\n\nThe answer to a request that is refused, by its HTTP status. Where "
        "`Retry-After` is told, ask again after that many seconds, and not before.\n\n"
        + _table(("status", "code", "`Retry-After`", "meaning"), rows)
    )


def _job_row(code: JobCode) -> tuple[str, ...]:
    attempts = (str(code.attempts),) if code.kind is Kind.PASSING else ()
    return (f"`{code}`", *attempts, code.sentence)


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    heads = list(head)
    lines = [heads, ["---"] * len(heads), *(list(row) for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n".replace("|  |", "| |") for line in lines)


def main() -> None:
    """Write the page."""
    PAGE.write_text(page())


if __name__ == "__main__":
    main()

"""Copies the jobs of a table with earlier keys into the one that an upgrade has made.

``python scripts/copy_jobs.py OLD_TABLE NEW_TABLE``: see docs/operating.md, "Upgrade of a stack with
data in it". Safe to repeat, and while the stack works: a job that is in the new table stays as it
is.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import click
from tqdm import tqdm

ROOT = Path(__file__).resolve().parents[1]
# What names the same under the earlier keys.
RENAMED = {"checkAt": "nextCheckAt"}


def copy(client: Any, old: str, new: str) -> Counter[str]:
    """Write each row of ``old`` that can be read, with its keys, into ``new``.

    Returns
    -------
    collections.Counter
        How many were ``copied``, ``there`` already, and ``unreadable``.
    """
    from femo_jobs.errors import UnreadableRowError
    from femo_jobs.jobs import Job
    from femo_jobs.table import JobTable

    table, done = JobTable(client, new), Counter[str]()
    for item in tqdm(_rows(client, old), desc="Copying jobs", unit="job", delay=1.0):
        try:
            job = Job.from_item({RENAMED.get(name, name): value for name, value in item.items()})
        except UnreadableRowError as error:
            done["unreadable"] += 1
            click.echo(f"{item['jobId']['S']}: {error.why}", err=True)
            continue
        done["copied" if table.add(job) else "there"] += 1
    return done


def _rows(client: Any, table: str) -> Iterator[dict[str, Any]]:
    for page in client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
        yield from page["Items"]


@click.command()
@click.argument("old")
@click.argument("new")
def main(old: str, new: str) -> None:
    """Copy the jobs of table OLD into table NEW."""
    sys.path.insert(0, str(ROOT / "functions" / "shared" / "python"))
    done = copy(boto3.client("dynamodb"), old, new)
    click.echo(
        f"{done['copied']} jobs copied, {done['there']} were there already, "
        f"{done['unreadable']} cannot be read and were left out"
    )
    sys.exit(1 if done["unreadable"] else 0)


if __name__ == "__main__":
    main()

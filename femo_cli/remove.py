"""`femo remove`: a deployed stack away, with what its machines have made."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from femo_cli.options import json_option
from femo_cli.output import print_json
from femo_cli.pipeline import LOCAL_STATE, pipeline_errors

if TYPE_CHECKING:
    from femo_pipeline.removal.account import Account
    from femo_pipeline.removal.kept import Kept
    from femo_pipeline.removal.removal import Plan, Report

__all__ = ["remove"]


@click.command()
@click.argument("stack")
@click.option("--yes", is_flag=True, help="Do not ask, and give up the jobs that are open.")
@click.option("--dry-run", is_flag=True, help="Only tell what would go, and what would stay.")
@json_option("Print what was found, removed and kept as JSON.")
@click.option("-l", "--local", is_flag=True, help="On the AWS of this machine (make up).")
@click.option(
    "--state-file",
    type=click.Path(path_type=Path, dir_okay=False),
    default=LOCAL_STATE,
    help="stack.json of the local stack, where it is not this project's own.",
)
def remove(
    stack: str, yes: bool, dry_run: bool, as_json: bool, local: bool, state_file: Path
) -> None:
    """Remove the CloudFormation stack named STACK, and the models and endpoint that it made.

    Recordings, results, models in S3, the job table and the user pool are kept, and the commands
    printed that end those too. May be repeated: what a removal has left that failed goes then.
    """
    from femo_pipeline.removal.account import cloud_account, find_target, local_account
    from femo_pipeline.removal.removal import look
    from femo_pipeline.removal.removal import remove as take_away

    with pipeline_errors():
        account = local_account(state_file) if local else cloud_account()
        plan = look(account, find_target(account, stack))
        _tell_plan(plan, account)
        if dry_run or plan.is_empty:
            _tell_untouched(plan, as_json=as_json, dry_run=dry_run)
            return
        if not yes:
            _ask(plan)
        report = take_away(account, plan.target, lambda line: click.echo(line, err=True))
    _tell_report(report, as_json=as_json)
    if report.failures:
        sys.exit(1)


def _tell_plan(plan: Plan, account: Account) -> None:
    target = plan.target
    status = target.status or "there is no such stack"
    click.echo(f"{target.stack} in {account.region}: {status}", err=True)
    if not target.owns_names:
        click.echo(
            f"Another stack is named {target.names} by its parameters: its endpoint, models and "
            "packages stay.",
            err=True,
        )
    for title, names in plan.found.items():
        for name in names:
            click.echo(f"  goes: {title}: {name}", err=True)
    for one in plan.kept:
        click.echo(f"  stays: {one.name}: {one.holds}", err=True)
    if plan.target.is_there:
        jobs = "not known" if plan.open_jobs is None else str(plan.open_jobs)
        click.echo(f"Jobs without an outcome: {jobs}", err=True)


def _tell_untouched(plan: Plan, *, as_json: bool, dry_run: bool) -> None:
    if as_json:
        print_json({**plan.as_json(), "dryRun": dry_run})
        return
    click.echo("Nothing was removed." if dry_run else "There is nothing left to remove.")
    _tell_kept(plan.kept)


def _ask(plan: Plan) -> None:
    """Have the stack's name typed; open jobs are given up with --yes alone.

    Raises
    ------
    click.ClickException
        If it is another name, or jobs are open.
    """
    if plan.open_jobs:
        raise click.ClickException(
            f"{plan.open_jobs} jobs of {plan.target.stack} have no outcome yet, and would never "
            "get one: wait for them, or give --yes"
        )
    typed = click.prompt(f"Type {plan.target.stack} to remove it", default="", err=True)
    if typed != plan.target.stack:
        raise click.ClickException("another name was typed: nothing was removed")


def _tell_report(report: Report, *, as_json: bool) -> None:
    if as_json:
        print_json(report.as_json())
        return
    for failure in report.failures:
        click.echo(f"NOT REMOVED {failure.step}: {failure.name}: {failure.reason}")
        click.echo(f"  {failure.todo}")
    if not report.failures:
        click.echo(f"{report.target.stack} is removed ({len(report.removed)} things).")
    _tell_kept(report.kept)


def _tell_kept(left: tuple[Kept, ...]) -> None:
    if not left:
        return
    click.echo("Kept, with its data. To end that too, which nothing brings back:")
    for one in left:
        click.echo(f"# {one.holds}")
        for line in one.commands:
            click.echo(line)

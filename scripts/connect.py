"""Tell how to call the local stack: its console, its machine client, ready-made lines."""

from __future__ import annotations

import sys

import boto3
import click

from local_stack.layout import Project, StackFolder
from local_stack.supervisor import read_description
from scripts.person import ensure_person


def main() -> int:
    """Print the lines; return the exit status."""
    folder = StackFolder(Project().root / ".local")
    description = read_description(folder)
    if description is None:
        click.echo("No local stack runs. Start one with: make up", err=True)
        return 3
    outputs, environment = description["outputs"], description["environment"]
    pool = boto3.Session(
        environment["AWS_ACCESS_KEY_ID"],
        environment["AWS_SECRET_ACCESS_KEY"],
        region_name=environment["AWS_DEFAULT_REGION"],
    ).client("cognito-idp", endpoint_url=environment["AWS_ENDPOINT_URL"])
    secret = pool.describe_user_pool_client(
        UserPoolId=outputs["UserPoolId"], ClientId=outputs["MachineClientId"]
    )["UserPoolClient"]["ClientSecret"]
    person = ensure_person(pool, outputs["UserPoolId"], folder.path / "person.json")
    click.echo(
        f"""
Look at it in a browser (the password is kept in .local/person.json):
  {outputs["ConsoleUrl"]}
  E-mail:   {person.email}
  Password: {person.password}

Call it (paste into a shell; the secret is this stack's alone):
  export FEMO_API_URL={outputs["ApiUrl"]}
  export FEMO_TOKEN_URL={outputs["TokenUrl"]}
  export FEMO_CLIENT_ID={outputs["MachineClientId"]}
  export FEMO_CLIENT_SECRET={secret}
  TOKEN=$(curl -s -u "$FEMO_CLIENT_ID:$FEMO_CLIENT_SECRET" "$FEMO_TOKEN_URL" \\
    -d grant_type=client_credentials -d "scope=jobs/read jobs/write" \\
    | python3 -c 'import json, sys; print(json.load(sys.stdin)["access_token"])')
  curl -s "$FEMO_API_URL/jobs" -H "Authorization: Bearer $TOKEN"

Put a model into service and submit a recording:
  make demo                                      # on this stack, which keeps running
  .venv/bin/femo submit demo-output/new-recording/recording-001.dat

Point the AWS CLI and SDKs at it:  eval "$(.venv/bin/python -m local_stack status --env)"
Stop it:                           make down"""
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())

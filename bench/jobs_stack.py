"""The local stack of the fault run: it is kept, so it goes on after its SageMaker was killed."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import boto3
import httpx
import psutil
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from tenacity import retry, retry_if_exception_type, retry_if_result, stop_after_delay, wait_fixed

from bench.engine import ROOT
from femo_client import Credentials, FemoClient
from local_stack.layout import StackFolder
from local_stack.processes import members
from local_stack.supervisor import read_description, supervisor_pid
from local_stack.target import STACK_NAME

Result = TypeVar("Result")

POLL_SECONDS = 0.5


class KeptStack:
    """A stack of its own, which goes on where it was after a kill.

    Parameters
    ----------
    folder
        Its state directory; what is in it is removed.
    parameters
        NAME=VALUE of the template, in place of its defaults.
    """

    def __init__(self, folder: Path, parameters: Sequence[str] = ()) -> None:
        self._parameters = [word for one in parameters for word in ("--parameter", one)]
        self._folder = StackFolder(folder)
        self._starting = threading.Lock()
        self._ended = False
        self._clients: dict[str, Any] = {}
        self.outputs: dict[str, str] = {}
        self._description: dict[str, Any] = {}
        self._stack("stop")
        shutil.rmtree(folder, ignore_errors=True)

    def start(self) -> None:
        """Start it and wait until it is ready; nothing where it was stopped for good."""
        with self._starting:
            if self._ended:
                return
            self._stack("start", *self._parameters, check=True)
            description = read_description(self._folder)
            if description is None:
                raise RuntimeError("the stack ended right after its start")
            self._description = description
            self.outputs = description["outputs"]
            self._clients.clear()

    def stop(self) -> None:
        """Stop it for good."""
        self._ended = True
        with self._starting:
            self._stack("stop")

    def _stack(self, word: str, *options: str, check: bool = False) -> None:
        command = [sys.executable, "-m", "local_stack", word]
        # In a session of its own: Ctrl-C is this process's to handle, and must not stop the stop
        subprocess.run(
            [*command, "--state-dir", str(self._folder.path), *options],
            cwd=ROOT,
            check=check,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )

    def kill_sagemaker(self) -> None:
        """SIGKILL local SageMaker, and wait until all of the stack has ended for it."""
        psutil.Process(self._description["processes"]["SageMaker"]).kill()

        @retry(retry=retry_if_result(bool), wait=wait_fixed(0.1), stop=stop_after_delay(120))
        def pid() -> int | None:
            return supervisor_pid(self._folder)

        pid()

    def containers(self, endpoint: str) -> list[psutil.Process]:
        """Return every process of an endpoint's containers."""

        def is_its(environment: Mapping[str, str]) -> bool:
            folder = Path(environment.get("FEMO_ML_ROOT", "/")).parent.name
            return folder.rpartition("-")[0] == endpoint

        return self._processes(is_its)

    def functions(self, name: str | None = None) -> list[psutil.Process]:
        """Return every process of one function, or of all."""

        def is_one(environment: Mapping[str, str]) -> bool:
            function = environment.get("AWS_LAMBDA_FUNCTION_NAME")
            return function is not None and name in (None, function)

        return self._processes(is_one)

    def _processes(self, is_meant: Callable[[Mapping[str, str]], bool]) -> list[psutil.Process]:
        found = []
        for process in members(self._description["id"]):
            with suppress(psutil.Error):
                if is_meant(process.environ()):
                    found.append(process)
        return found

    def client(self, service: str) -> Any:
        """Return an AWS client of the stack."""
        if service not in self._clients:
            environment = self._description["environment"]
            variable = "AWS_ENDPOINT_URL_" + service.upper().replace("-", "_")
            session = boto3.Session(
                environment["AWS_ACCESS_KEY_ID"],
                environment["AWS_SECRET_ACCESS_KEY"],
                region_name=environment["AWS_DEFAULT_REGION"],
            )
            self._clients[service] = session.client(  # type: ignore[call-overload]
                service,
                endpoint_url=environment.get(variable, environment["AWS_ENDPOINT_URL"]),
                config=Config(read_timeout=300, max_pool_connections=32),
            )
        return self._clients[service]

    def api(self) -> FemoClient:
        """Return a new client of the jobs API."""
        pool = self.client("cognito-idp").describe_user_pool_client(
            UserPoolId=self.outputs["UserPoolId"], ClientId=self.outputs["MachineClientId"]
        )["UserPoolClient"]
        credentials = Credentials(self.outputs["TokenUrl"], pool["ClientId"], pool["ClientSecret"])
        return FemoClient(self.outputs["ApiUrl"], credentials)

    def control(self, route: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Ask the local AWS for what no AWS has: failures, time that passes at once, quotas."""
        ministack = psutil.Process(self._description["processes"]["MiniStack"])
        answer = httpx.post(
            f"{self._description['environment']['AWS_ENDPOINT_URL']}/_local/{route}",
            json=request,
            headers={"X-Local-Aws-Key": ministack.environ()["LOCAL_AWS_KEY"]},
            timeout=120,
        )
        found: dict[str, Any] = answer.raise_for_status().json()
        return found

    def model_servers(self) -> list[psutil.Process]:
        """Return the processes of the endpoints' containers."""
        found = []
        for process in members(self._description["id"]):
            try:
                if any(word.endswith("inference_container/serve") for word in process.cmdline()):
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def queued(self) -> dict[str, str]:
        """Return the jobs in the endpoint's queue, and whether each waits or runs."""
        path = self._folder.state / "sagemaker.sqlite"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as store:
            rows = store.execute("SELECT document, state FROM invocations").fetchall()
        return {job_of(json.loads(document)): state for document, state in rows}

    def undelivered(self) -> int:
        """Return how many events functions have not answered to yet."""
        return sum(1 for _ in (self._folder.state / "ministack" / "deliveries").glob("*.json"))

    def handed_over(self) -> tuple[int, int]:
        """Return how many jobs wait for the fast lane's function, and how many it has."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.client("sqs").get_queue_attributes(
            QueueUrl=self.outputs["FastLaneQueueUrl"], AttributeNames=names
        )["Attributes"]
        return int(found[names[0]]), int(found[names[1]])

    def throttle(self, places: int) -> None:
        """Have the serverless endpoint refuse with 429 what comes beside so many requests."""
        sagemaker, name = self.client("sagemaker"), self.outputs["FastLaneEndpointName"]
        served = sagemaker.describe_endpoint(EndpointName=name)["EndpointConfigName"]
        config = sagemaker.describe_endpoint_config(EndpointConfigName=served)
        (variant,) = config["ProductionVariants"]
        variant["ServerlessConfig"]["MaxConcurrency"] = places
        wanted = f"{served[:40]}-places-{places}"
        sagemaker.create_endpoint_config(EndpointConfigName=wanted, ProductionVariants=[variant])
        sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=wanted)
        wait_for(lambda: self._carries(name, wanted), 120)

    def _carries(self, name: str, config: str) -> bool:
        found = self.client("sagemaker").describe_endpoint(EndpointName=name)
        return found["EndpointStatus"] == "InService" and found["EndpointConfigName"] == config

    def physical_id(self, logical_id: str) -> str:
        """Return the name that a resource of the template has here."""
        found = self.client("cloudformation").describe_stack_resource(
            StackName=STACK_NAME, LogicalResourceId=logical_id
        )
        name: str = found["StackResourceDetail"]["PhysicalResourceId"]
        return name

    @contextmanager
    def denied(self, role: str, action: str | list[str]) -> Iterator[None]:
        """Deny one or several actions to a role of the template for a while."""
        name, policy = self.physical_id(role), "fault-run"
        statement = {"Effect": "Deny", "Action": action, "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        patiently(
            lambda: self.client("iam").put_role_policy(
                RoleName=name, PolicyName=policy, PolicyDocument=document
            )
        )
        try:
            yield
        finally:
            patiently(
                lambda: self.client("iam").delete_role_policy(RoleName=name, PolicyName=policy)
            )

    @contextmanager
    def unsubscribed(self, topics: list[str]) -> Iterator[None]:
        """Take every function's subscription of topics away for a while."""
        sns = self.client("sns")
        taken = []
        for topic in topics:
            for entry in sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]:
                if entry["Protocol"] == "lambda":
                    arn = entry["SubscriptionArn"]
                    found = sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
                    kept = {k: v for k, v in found.items() if k == "RedrivePolicy"}
                    taken.append((topic, entry["Endpoint"], kept))
                    sns.unsubscribe(SubscriptionArn=arn)
        try:
            yield
        finally:
            for topic, endpoint, attributes in taken:
                sns.subscribe(
                    TopicArn=topic, Protocol="lambda", Endpoint=endpoint, Attributes=attributes
                )


def send(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    """Send processes a signal; one that has ended meanwhile needs none."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def is_running(process: psutil.Process) -> bool:
    """Say whether a process still does something; one that its parent has not seen end does not."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def patiently(work: Callable[[], Result], seconds: float = 180.0) -> Result:
    """Call something until the stack answers, as one part of it may just be starting again."""
    return retry(
        retry=retry_if_exception_type((BotoCoreError, ClientError)),
        wait=wait_fixed(1),
        stop=stop_after_delay(seconds),
        reraise=True,
    )(work)()


def wait_for(look: Callable[[], Any], seconds: float, every: float = 0.1) -> Any:
    """Look until there is something to see, and return it.

    Raises
    ------
    tenacity.RetryError
        If there is nothing in time.
    """
    return retry(
        retry=retry_if_result(lambda found: not found),
        wait=wait_fixed(every),
        stop=stop_after_delay(seconds),
    )(look)()


def job_of(invocation: Mapping[str, str]) -> str:
    """Return the job that an invocation is an attempt at; its own id, for a smoke job."""
    attributes = invocation.get("CustomAttributes", "")
    return attributes.partition(";")[0].removeprefix("job=") or invocation["InferenceId"]

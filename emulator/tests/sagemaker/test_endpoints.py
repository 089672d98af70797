"""Endpoints change state as AWS's do, and go on serving whatever happens to a container."""

import os
import signal
from collections.abc import Iterator
from typing import Any

import psutil
import pytest
from endpoint_programs import config, prepare, wait_for

from local_aws.sagemaker.endpoints import configs as endpoint_configs
from local_aws.sagemaker.endpoints.endpoints import Endpoints
from local_aws.sagemaker.endpoints.model_server import MAX_STARTS
from local_aws.sagemaker.errors import ValidationError
from local_aws.sagemaker.service import Service


@pytest.fixture
def endpoints(service: Service) -> Iterator[Endpoints]:
    prepare(service)
    made = Endpoints(service)
    made.start()
    yield made
    service.stopping.set()
    made.stop()


def settled(endpoints: Endpoints, *statuses: str) -> dict[str, Any]:
    """Wait for one of the statuses and return the description."""

    def look() -> dict[str, Any] | None:
        description = endpoints.describe({"EndpointName": "acme"})
        return description if description["EndpointStatus"] in statuses else None

    found: dict[str, Any] = wait_for(look)
    return found


def served(endpoints: Endpoints) -> str:
    server = endpoints.server("acme")
    assert server is not None
    return server.invoke(b"x", {"Content-Type": "text/plain"}, 10).body.decode()


def create(endpoints: Endpoints, name: str = "one") -> None:
    endpoints.create({"EndpointName": "acme", "EndpointConfigName": name})


def test_an_endpoint_is_created_and_serves_its_model(endpoints: Endpoints) -> None:
    create(endpoints)
    assert endpoints.describe({"EndpointName": "acme"})["EndpointStatus"] == "Creating"
    description = settled(endpoints, "InService")
    assert description["EndpointConfigName"] == "one"
    assert description["ProductionVariants"][0]["CurrentInstanceCount"] == 1
    assert served(endpoints) == "one"


def test_an_endpoint_whose_model_does_not_load_fails_and_says_why(endpoints: Endpoints) -> None:
    create(endpoints, "broken")
    description = settled(endpoints, "Failed", "InService")
    assert description["EndpointStatus"] == "Failed"
    assert "ping health check" in description["FailureReason"]
    assert "cannot load the model" in description["FailureReason"]
    assert endpoints.names() == []


def test_an_update_replaces_the_model(endpoints: Endpoints) -> None:
    create(endpoints)
    settled(endpoints, "InService")
    old = endpoints.server("acme")
    endpoints.update({"EndpointName": "acme", "EndpointConfigName": "two"})
    updating = endpoints.describe({"EndpointName": "acme"})
    assert updating["EndpointStatus"] == "Updating"
    assert updating["EndpointConfigName"] == "one"
    assert updating["PendingDeploymentSummary"]["EndpointConfigName"] == "two"
    description = settled(endpoints, "InService")
    assert description["EndpointConfigName"] == "two"
    assert "PendingDeploymentSummary" not in description
    assert served(endpoints) == "two"
    assert old is not None
    wait_for(lambda: not old.alive())


def test_a_failed_update_goes_on_serving_the_old_model(endpoints: Endpoints) -> None:
    create(endpoints)
    settled(endpoints, "InService")
    endpoints.update({"EndpointName": "acme", "EndpointConfigName": "broken"})
    description = settled(endpoints, "InService", "Failed")
    assert (description["EndpointStatus"], description["EndpointConfigName"]) == (
        "InService",
        "one",
    )
    assert "ping health check" in description["FailureReason"]
    assert served(endpoints) == "one"


def test_an_endpoint_that_is_busy_is_left_alone(endpoints: Endpoints) -> None:
    create(endpoints)
    with pytest.raises(ValidationError, match="in-progress"):
        endpoints.update({"EndpointName": "acme", "EndpointConfigName": "two"})
    with pytest.raises(ValidationError, match="in-progress"):
        endpoints.delete({"EndpointName": "acme"})
    settled(endpoints, "InService")


def test_a_variant_that_autoscaling_is_bound_to_is_not_renamed(
    endpoints: Endpoints, service: Service
) -> None:
    create(endpoints)
    settled(endpoints, "InService")
    renamed = {**config("two", "other"), "EndpointConfigName": "renamed"}
    endpoint_configs.create(service, renamed)
    with pytest.raises(ValidationError, match="variant name 'main'"):
        endpoints.update({"EndpointName": "acme", "EndpointConfigName": "renamed"})


def test_a_container_that_dies_is_started_again(endpoints: Endpoints) -> None:
    create(endpoints)
    settled(endpoints, "InService")
    server = endpoints.server("acme")
    assert server is not None
    first = server.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: server.pid != first and server.ready)
    assert served(endpoints) == "one"


def test_an_endpoint_is_back_after_a_restart(endpoints: Endpoints, service: Service) -> None:
    create(endpoints)
    settled(endpoints, "InService")
    endpoints.stop()
    again = Endpoints(service)
    again.start()
    try:
        wait_for(lambda: again.server("acme"))
        assert served(again) == "one"
    finally:
        again.stop()


def test_an_endpoint_is_back_after_a_restart_in_which_its_container_was_killed_again_and_again(
    endpoints: Endpoints, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local_aws.sagemaker.endpoints.lifecycle.RESTORE_SECONDS", 0.05)
    create(endpoints)
    settled(endpoints, "InService")
    endpoints.stop()
    deaths = service.scratch.parent / "deaths"
    deaths.write_text(str(MAX_STARTS + 1))
    again = Endpoints(service)
    again.start()
    try:
        wait_for(lambda: again.server("acme"))
        assert deaths.read_text() == "0"
        assert again.describe({"EndpointName": "acme"})["EndpointStatus"] == "InService"
        assert served(again) == "one"
    finally:
        service.stopping.set()
        again.stop()


def test_an_update_that_a_restart_interrupted_is_finished_though_the_old_model_is_broken(
    endpoints: Endpoints, service: Service
) -> None:
    create(endpoints)
    settled(endpoints, "InService")
    endpoints.stop()
    service.store.update(
        "endpoint",
        "acme",
        EndpointStatus="Updating",
        EndpointConfigName="broken",
        PendingDeploymentSummary={"EndpointConfigName": "two"},
    )
    again = Endpoints(service)
    again.start()
    try:
        description = settled(again, "InService", "Failed")
        assert description["EndpointStatus"] == "InService"
        assert description["EndpointConfigName"] == "two"
        assert served(again) == "two"
    finally:
        again.stop()


def test_a_deleted_endpoint_leaves_nothing(endpoints: Endpoints, service: Service) -> None:
    create(endpoints)
    settled(endpoints, "InService")
    server = endpoints.server("acme")
    assert server is not None
    pid = server.pid
    assert pid is not None
    service.store.enqueue("acme", {"InferenceId": "late"})
    endpoints.delete({"EndpointName": "acme"})
    wait_for(lambda: service.store.get("endpoint", "acme") is None)
    assert not psutil.pid_exists(pid)
    assert service.store.backlog("acme")[0] == 0
    assert list(service.scratch.iterdir()) == []
    with pytest.raises(ValidationError, match="Could not find endpoint"):
        endpoints.describe({"EndpointName": "acme"})


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"EndpointConfigName": "one"}, "already existing"),
        ({"ProductionVariants": [{"VariantName": "m", "ModelName": "nobody"}]}, "find model"),
        ({"ProductionVariants": [{"VariantName": "m", "ModelName": "one"}]}, "InstanceType"),
        ({"ProductionVariants": [{"VariantName": "m"}]}, "ModelName is required"),
    ],
)
def test_a_configuration_that_cannot_be_served_is_refused(
    endpoints: Endpoints, service: Service, change: dict[str, Any], complaint: str
) -> None:
    assert endpoints.names() == []
    with pytest.raises(ValidationError, match=complaint):
        endpoint_configs.create(service, {**config("one"), "EndpointConfigName": "new", **change})

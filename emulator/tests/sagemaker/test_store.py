"""Nothing that was answered is lost, and the queue keeps its order."""

from pathlib import Path

import pytest

from local_aws.sagemaker.store import NameTakenError, Store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.sqlite"


def test_a_name_is_taken_once(path: Path) -> None:
    store = Store(path)
    store.insert("model", "a", {"x": 1})
    with pytest.raises(NameTakenError):
        store.insert("model", "a", {"x": 2})
    store.insert("endpoint", "a", {})
    assert store.get("model", "a") == {"x": 1}


def test_resources_survive_a_restart_in_the_order_in_which_they_came(path: Path) -> None:
    store = Store(path)
    for name in ("b", "a"):
        store.insert("model", name, {"name": name})
    store.close()
    assert [item["name"] for item in Store(path).all("model")] == ["b", "a"]


def test_an_update_changes_and_removes_members(path: Path) -> None:
    store = Store(path)
    store.insert("endpoint", "e", {"status": "Updating", "pending": 1})
    store.update("endpoint", "e", status="InService", pending=None)
    assert store.get("endpoint", "e") == {"status": "InService"}
    with pytest.raises(KeyError):
        store.update("endpoint", "nobody", status="x")


def test_a_failed_transaction_changes_nothing(path: Path) -> None:
    store = Store(path)

    def fail_half_way() -> None:
        with store.transaction():
            store.insert("model", "a", {})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_half_way()
    assert store.get("model", "a") is None


def test_the_oldest_waiting_invocation_is_taken_first(path: Path) -> None:
    store = Store(path)
    for name in ("first", "second"):
        store.enqueue("e", {"id": name})
    store.enqueue("other", {"id": "elsewhere"})
    first = store.take("e")
    second = store.take("e")
    assert first is not None
    assert second is not None
    assert (first.document["id"], second.document["id"]) == ("first", "second")
    assert store.take("e") is None
    store.put_back(first.number)
    again = store.take("e")
    assert again is not None
    assert (again.number, again.attempts) == (first.number, 2)


def test_what_was_running_when_the_process_died_waits_again_without_a_lost_attempt(
    path: Path,
) -> None:
    store = Store(path)
    store.enqueue("e", {"id": "1"}, received=5.0)
    store.take("e")
    store.close()
    reopened = Store(path)
    assert reopened.put_back_all() == 1
    invocation = reopened.take("e")
    assert invocation is not None
    assert (invocation.attempts, invocation.received) == (1, 5.0)


def test_a_deleted_endpoint_takes_its_waiting_invocations_along(path: Path) -> None:
    store = Store(path)
    store.enqueue("e", {})
    running = store.enqueue("e", {})
    store.take("e")
    assert store.remove_endpoint("e") == 1
    assert store.backlog("e")[0] == 1
    store.remove(running)

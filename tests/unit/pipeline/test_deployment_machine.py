"""What a deployment leaves behind: the right model in service, scaling, or nothing at all."""

from __future__ import annotations

import re
from typing import Any

import pytest

from .deployment_account import FAST, MODEL, PACKAGE, SUBSTITUTIONS, Account
from .machines import Document, ExecutionFailedError, Run, Task, TaskError, load, start


@pytest.fixture
def definition() -> Document:
    return load("deployment", SUBSTITUTIONS)


def test_the_first_deployment_is_served_and_scales(definition: Document) -> None:
    account = Account()
    output = start(definition, MODEL).go_on(account)
    assert output["outcome"] == "DEPLOYED"
    assert account.config == output["endpointConfigName"]
    assert account.scales
    assert not account.alerts


def test_a_new_model_takes_the_place_of_the_old_one_and_scales(definition: Document) -> None:
    account = Account(serving="old")
    output = start(definition, {"modelPackageArn": PACKAGE}).go_on(account)
    assert output["outcome"] == "DEPLOYED"
    assert account.config == output["endpointConfigName"] != "old"
    assert account.scales


def test_who_sees_the_endpoint_or_a_result_can_tell_which_package_answers(
    definition: Document,
) -> None:
    run = start(definition, {"modelPackageArn": PACKAGE})
    run.execution["RedriveCount"] = 99
    output = run.go_on(Account())
    name = output["endpointConfigName"]
    assert re.fullmatch(r"femo-dev-v7-[0-9a-f]{16}-99-0", name)
    # With the longest names and a hundred thousand packages, SageMaker's 63 characters suffice
    assert len(name) - len("femo-dev") - len("7") + 31 + 6 + len("0") <= 63
    assert environment(run)["FEMO_MODEL_PACKAGE"] == "femo-dev/7"

    unregistered = start(definition, MODEL)
    output = unregistered.go_on(Account())
    assert re.fullmatch(r"femo-dev-[0-9a-f]{16}-0-0", output["endpointConfigName"])
    assert environment(unregistered)["FEMO_MODEL_PACKAGE"] == ""


def environment(run: Run) -> Document:
    """The variables of the container that a deployment makes."""
    (created,) = [task.arguments for task in run.tasks if task.state == "CreateModel"]
    variables: Document = created["PrimaryContainer"]["Environment"]
    return variables


def test_a_model_that_fails_its_smoke_job_leaves_the_old_one_in_service_and_scaling(
    definition: Document,
) -> None:
    account = Account(serving="old")
    account.smoke_succeeds = False
    output = start(definition, MODEL).go_on(account)
    assert output["outcome"] == "ROLLED_BACK"
    assert "SmokeJobFailed" in output["reason"]
    assert account.config == "old"
    assert account.scales
    assert account.alerts[0]["outcome"] == "ROLLED_BACK"


def test_a_smoke_job_that_fails_once_for_a_passing_cause_does_not_cost_the_new_model(
    definition: Document,
) -> None:
    account = Account(serving="old")
    account.smoke_failures = 1
    output = start(definition, MODEL).go_on(account)
    assert output["outcome"] == "DEPLOYED"
    assert len(set(account.smoke_ids)) == 2
    assert all(name.startswith("smoke-") and len(name) <= 64 for name in account.smoke_ids)


def test_an_update_that_rolls_back_by_itself_is_told_as_one(definition: Document) -> None:
    account = Account(serving="old")
    account.refuses_updates = True
    output = start(definition, MODEL).go_on(account)
    assert output["outcome"] == "ROLLED_BACK"
    assert account.config == "old"
    assert account.scales


def test_a_first_model_that_fails_its_smoke_job_is_withdrawn(definition: Document) -> None:
    account = Account()
    account.smoke_succeeds = False
    output = start(definition, MODEL).go_on(account)
    assert output["outcome"] == "WITHDRAWN"
    assert account.config is None
    assert not account.scales


def test_a_broken_endpoint_is_replaced(definition: Document) -> None:
    account = Account(serving="old", status="Failed")
    output = start(definition, MODEL).go_on(account)
    assert output["outcome"] == "DEPLOYED"
    assert account.scales


def test_an_update_leaves_scaling_alone_where_the_instances_stay_of_one_type(
    definition: Document,
) -> None:
    run = start(definition, MODEL)
    account = Account(serving="old")
    account.instances = 3
    run.go_on(account)
    assert "StopScaling" not in run.path
    (update,) = account.updates
    assert update["RetainAllVariantProperties"], "an update keeps the fleet's size"
    # A job that has just begun has its whole time before its instance ends
    policy = update["DeploymentConfig"]["BlueGreenUpdatePolicy"]
    assert policy["TerminationWaitInSeconds"] == 3600


def test_an_idle_endpoint_starts_an_instance_for_the_new_model(definition: Document) -> None:
    account = Account(serving="old")
    account.instances = 0
    start(definition, MODEL).go_on(account)
    assert not account.updates[0]["RetainAllVariantProperties"], "none would prove nothing"


def test_running_jobs_have_their_time_when_the_machine_itself_goes_back(
    definition: Document,
) -> None:
    account = Account(serving="old")
    account.instances = 2
    account.smoke_succeeds = False
    start(definition, MODEL).go_on(account)
    forward, back = (update["DeploymentConfig"] for update in account.updates)
    policies = [part["BlueGreenUpdatePolicy"] for part in (forward, back)]
    assert [policy["TerminationWaitInSeconds"] for policy in policies] == [3600, 3600]
    for policy in policies:
        wait = policy["TrafficRoutingConfiguration"]["WaitIntervalInSeconds"]
        total = policy["TerminationWaitInSeconds"] + wait
        assert total < policy["MaximumExecutionTimeoutInSeconds"] <= 28800
    assert account.updates[1]["RetainAllVariantProperties"]
    assert "AutoRollbackConfiguration" not in back, "the bad model has set the alarm off"


def test_another_instance_type_is_served_and_scales(definition: Document) -> None:
    account = Account(serving="old")
    account.types["old"] = "ml.m4.large"
    output = start(definition, MODEL).go_on(account)
    assert output["outcome"] == "DEPLOYED"
    assert account.serves_and_scales


def test_a_quota_that_refuses_the_update_leaves_the_old_model_serving_and_scaling(
    definition: Document,
) -> None:
    for kind in ("ml.m5.large", "ml.m4.large"):
        account = Account(serving="old")
        account.types["old"] = kind
        account.denied["UpdateEndpoint"] = TaskError("SageMaker.ResourceLimitExceededException")
        output = start(definition, MODEL).go_on(account)
        assert output["outcome"] == "ROLLED_BACK"
        assert "UpdateRefused: SageMaker.ResourceLimitExceededException" in output["reason"]
        assert account.config == output["endpointConfigName"] == "old"
        assert account.serves_and_scales
        assert account.alerts


def test_an_update_whose_answer_was_lost_is_not_told_as_refused(definition: Document) -> None:
    account = Account(serving="old")
    update = account.UpdateEndpoint

    def lose(request: Document) -> Document:
        update(request)
        raise TaskError("Any.TimedOut", "no answer")

    account.UpdateEndpoint = lose  # type: ignore[method-assign]
    output = start(definition, MODEL).go_on(account)
    assert output["outcome"] == "DEPLOYED"


def test_a_quota_that_lets_nothing_go_back_leaves_what_is_not_known_to_fail(
    definition: Document,
) -> None:
    account = Account(serving="old")
    account.denied["InvokeSmokeJob"] = TaskError("Any.AccessDeniedException")
    account.denied["RollBack"] = TaskError("SageMaker.ResourceLimitExceededException")
    output = start(definition, MODEL).go_on(account)
    assert output["outcome"] == "NOT_ROLLED_BACK"
    assert account.config not in (None, "old")
    assert account.scales
    assert account.alerts


def test_a_model_that_fails_is_withdrawn_where_nothing_can_be_gone_back_to(
    definition: Document,
) -> None:
    account = Account(serving="old")
    account.smoke_succeeds = False
    account.denied["RollBack"] = TaskError("SageMaker.ResourceLimitExceededException")
    output = start(definition, MODEL).go_on(account)
    assert output["outcome"] == "WITHDRAWN"
    assert account.config is None


def test_time_behind_a_backlog_does_not_turn_a_good_model_back(definition: Document) -> None:
    account = Account(serving="old")
    account.smoke_succeeds = None
    account.queue_age = 30000.0
    looks = 0

    def answer(task: Task) -> Any:
        nonlocal looks
        looks += task.state == "LookAtQueue"
        if looks > 60:  # about 2 h by the waits: the queue is worked off, and ours is answered
            account.smoke_succeeds = True
        return account(task)

    run = start(definition, MODEL)
    assert run.go_on(answer)["outcome"] == "DEPLOYED"
    assert run.variables["smokeSeconds"] == 0


def test_a_model_that_gives_no_answer_while_nothing_is_before_it_is_turned_back(
    definition: Document,
) -> None:
    account = Account(serving="old")
    account.smoke_succeeds = None
    run = start(definition, MODEL)
    output = run.go_on(account)
    assert "SmokeJobTimedOut" in output["reason"]
    assert run.variables["smokeSeconds"] >= 7200
    assert account.config == "old"


# One at a time


LATER = "2026-01-01T00:10:00.000Z"


def later(definition: Document) -> Run:
    run = start(definition, {"modelPackageArn": PACKAGE}, name="later")
    run.execution["StartTime"] = LATER
    return run


@pytest.mark.parametrize(
    "state", ["CreateModel", "UpdateEndpoint", "DescribeEndpoint", "InvokeSmokeJob", "RollBack"]
)
def test_an_older_deployment_gives_way_to_a_newer_one_and_undoes_nothing(
    definition: Document, state: str
) -> None:
    account = Account(serving="old")
    account.smoke_succeeds = False  # the older one's; it would go back
    newer = later(definition)
    done: list[str] = []

    def overtake() -> None:
        # The newer claims its turn now, and has it as soon as the older one lets go
        account.row |= {"newest": newer.execution["Id"], "newestAt": LATER}

    account.meanwhile[state] = overtake
    output = start(definition, MODEL).go_on(account)
    done.append(output["outcome"])
    account.smoke_succeeds = True
    account.smoke_ids.clear()
    done.append(newer.go_on(account)["outcome"])
    assert done == ["SUPERSEDED", "DEPLOYED"]
    assert account.config == newer.variables["configName"]
    assert account.serves_and_scales
    assert "holder" not in account.row


def test_a_newer_deployment_that_fails_goes_back_to_what_was_proven_last(
    definition: Document,
) -> None:
    account = Account(serving="old")
    newer = later(definition)
    account.meanwhile["InvokeSmokeJob"] = lambda: account.row.update(
        newest=newer.execution["Id"], newestAt=LATER
    )
    assert start(definition, MODEL).go_on(account)["outcome"] == "SUPERSEDED"
    assert account.config != "old", "the older one left what it had not proven"
    account.smoke_succeeds = False
    assert newer.go_on(account)["outcome"] == "ROLLED_BACK"
    assert account.config == "old"
    assert account.serves_and_scales


@pytest.mark.parametrize("by_time", [False, True], ids=["its restoration", "the check"])
def test_a_newer_deployment_that_ends_before_its_turn_leaves_nothing_unproven_in_service(
    definition: Document, *, by_time: bool
) -> None:
    account = Account(serving="old")
    newer = later(definition)
    account.meanwhile["InvokeSmokeJob"] = lambda: account.row.update(
        newest=newer.execution["Id"], newestAt=LATER
    )
    assert start(definition, MODEL).go_on(account)["outcome"] == "SUPERSEDED"
    assert account.config != "old", "the older one left what it had not proven"
    assert restore(definition, None if by_time else newer, account)["outcome"] == "RESTORED"
    assert account.config == "old"
    assert account.serves_and_scales
    assert "holder" not in account.row


def test_a_lease_that_cannot_be_handed_over_ends_by_itself_and_marks_what_is_unproven(
    definition: Document,
) -> None:
    account = Account(serving="old")
    newer = later(definition)
    account.meanwhile["InvokeSmokeJob"] = lambda: account.row.update(
        newest=newer.execution["Id"], newestAt=LATER
    )
    account.failing["HandOver"] = TaskError("Any.AccessDeniedException", "once")
    assert start(definition, MODEL).go_on(account)["outcome"] == "SUPERSEDED"
    account.row["heldUntil"] = 1.0
    assert restore(definition, newer, account)["outcome"] == "RESTORED"
    assert account.serves_and_scales


def test_a_restoration_waits_for_an_older_deployment_that_gives_way_to_the_one_that_ended(
    definition: Document,
) -> None:
    account = Account(serving="unproven")
    newer = later(definition)
    account.types["old"] = "ml.m5.large"
    account.models_of["old"] = "model-old"
    account.row |= {"proven": "old", "newest": newer.execution["Id"], "newestAt": LATER}
    account.row |= {"holder": "an older one", "heldUntil": 4e9}
    account.meanwhile["ReadLease"] = lambda: account.row.update(
        holder="restoration of what is left by an older one", heldUntil=0.0
    )
    assert restore(definition, newer, account)["outcome"] == "RESTORED"
    assert account.config == "old"
    assert account.serves_and_scales


def test_a_restoration_that_waits_takes_nothing_from_the_deployment_that_is_redriven(
    definition: Document,
) -> None:
    account = Account(serving="old")
    newer = later(definition).execution["Id"]
    account.row |= {"newest": newer, "holder": "an older one", "heldUntil": 4e9}

    def redriven() -> None:
        account.row |= {"holder": newer, "heldUntil": 4e9}
        account.meanwhile["ReadLease"] = done

    def done() -> None:
        assert account.row["holder"] == newer
        account.row.pop("holder")

    account.meanwhile["ReadLease"] = redriven
    assert restore(definition, later(definition), account)["outcome"] == "UNCHANGED"
    assert not account.meanwhile
    assert account.serves_and_scales


def test_a_proof_whose_answer_was_lost_is_taken_back_with_the_model(definition: Document) -> None:
    for proven in ("old", None):
        account = Account(serving="old")
        account.row.pop("proven")
        account.row |= {"proven": proven} if proven else {}
        run = start(definition, MODEL)

        def record(account: Account = account, run: Run = run) -> None:
            account.row["proven"] = run.variables["configName"]

        account.meanwhile["RecordProof"] = record
        account.failing["RecordProof"] = TaskError("Any.AnswerLost")
        assert run.go_on(account)["outcome"] == "ROLLED_BACK"
        assert account.config == "old"
        assert account.row.get("proven") == proven
        assert account.scales


def test_an_older_deployment_that_is_redriven_does_not_undo_the_newer_one(
    definition: Document,
) -> None:
    for state in ("CreateModel", "LookForEndpoint", "DescribeOldEndpoint", "DescribeEndpoint"):
        account = Account(serving="old")
        account.failing[state] = TaskError("Any.AccessDeniedException", "once")
        older = start(definition, MODEL)
        with pytest.raises(ExecutionFailedError):
            older.go_on(account)
        restore(definition, older, account)
        assert later(definition).go_on(account)["outcome"] == "DEPLOYED"
        serving = account.config
        older.redrive()
        assert older.go_on(account)["outcome"] == "SUPERSEDED", state
        assert account.config == serving
        assert account.serves_and_scales


def test_a_deployment_waits_for_one_that_is_at_work(definition: Document) -> None:
    account = Account(serving="old")
    account.row |= {"holder": "another", "heldUntil": 4e9}
    run = later(definition)

    def answer(task: Task) -> Any:
        if run.path.count("WaitForTurn") == 3 and account.row.get("holder") == "another":
            account.row.pop("holder")
        return account(task)

    assert run.go_on(answer)["outcome"] == "DEPLOYED"
    assert run.path.count("WaitForTurn") == 3


def test_a_lease_ends_by_itself(definition: Document) -> None:
    account = Account(serving="old")
    account.row |= {"holder": "gone", "heldUntil": 1.0}
    assert start(definition, MODEL).go_on(account)["outcome"] == "DEPLOYED"


# Cleaning up


def deploy_often(definition: Document, account: Account, *numbers: int) -> None:
    for number in numbers:
        run = start(definition, MODEL, name=f"run-{number}")
        run.execution["StartTime"] = f"2026-01-01T00:00:00.{number:03}Z"
        assert run.go_on(account)["outcome"] == "DEPLOYED"


def test_three_configurations_and_their_models_are_kept(definition: Document) -> None:
    account = Account()
    strangers = ["femo-dev2-0123456789abcdef-0-0", "femo-dev-mine"]
    account.configs += strangers
    account.models += strangers
    deploy_often(definition, account, *range(6))
    slow = [name for name in account.configs if not name.startswith(FAST)]
    assert slow[3:] == strangers
    assert account.models[3:] == strangers
    assert account.config == slow[0]
    assert account.fast.config is not None
    assert [account.fast.config] == [name for name in account.configs if name not in slow]
    digests = [{name.split("-")[-3] for name in names[:3]} for names in
               (slow, account.models)]  # fmt: skip
    assert digests[0] == digests[1]


def test_what_is_gone_back_to_is_never_cleaned_up(definition: Document) -> None:
    account = Account()
    deploy_often(definition, account, 0)
    good = account.config
    account.smoke_succeeds = False
    for number in range(1, 7):
        run = start(definition, MODEL, name=f"bad-{number}")
        run.execution["StartTime"] = f"2026-01-02T00:00:00.{number:03}Z"
        assert run.go_on(account)["outcome"] == "ROLLED_BACK"
    assert account.config == good
    assert good in account.configs
    slow = [name for name in account.configs if not name.startswith(FAST)]
    assert len(slow) == len(account.models) == 4
    assert account.serves_and_scales


def test_a_clean_up_that_fails_is_told_and_fails_nothing(definition: Document) -> None:
    account = Account()
    deploy_often(definition, account, 0, 1, 2)
    account.failing["DeleteOldModel"] = TaskError("SageMaker.AccessDenied", "no")
    deploy_often(definition, account, 3, 4)
    assert any("could not be deleted" in alert["reason"] for alert in account.alerts)
    assert "holder" not in account.row


# The fast lane


def test_both_lanes_get_the_same_model_and_the_api_learns_of_the_second(
    definition: Document,
) -> None:
    for serving in (None, "old"):
        account = Account(serving=serving)
        output = start(definition, {"modelPackageArn": PACKAGE}).go_on(account)
        assert output["fastLane"]["state"] == "SERVES"
        assert account.fast.config == account.row["fastLane"]
        assert account.fast.config == output["fastLane"]["endpointConfigName"] != "old"
        assert account.lanes_agree
        assert account.fast.smoke_jobs == 1, "what has not answered is not used"
        assert re.fullmatch(r"femo-dev-fast-v7-[0-9a-f]{10}-0-0", account.fast.config)
        assert len(account.fast.config) - len("femo-dev") - len("7") + 31 + 6 + 2 <= 63
        assert not account.alerts


@pytest.mark.parametrize(
    ("state", "why"),
    [
        ("CreateFastConfig", "FastLaneRefused"),
        ("CreateFastLane", "FastLaneRefused"),
        ("UpdateFastLane", "FastLaneRefused"),
        ("ProveFastLane", "FastLaneSmokeJobFailed"),
        ("DescribeFastLane", "NotDescribed"),
        ("DescribeServedConfig", "NotFollowed"),
    ],
)
def test_a_fast_lane_that_cannot_be_had_keeps_no_good_model_from_serving(
    definition: Document, state: str, why: str
) -> None:
    account = Account(serving=None if state == "CreateFastLane" else "old")
    account.denied[state] = TaskError("SageMaker.ResourceLimitExceededException", "quota")
    output = start(definition, MODEL).go_on(account)
    assert output["outcome"] == "DEPLOYED"
    assert output["fastLane"]["state"] == "OFF"
    assert why in output["fastLane"]["reason"]
    assert account.fast.config is None, "the old package must not go on answering there"
    assert "fastLane" not in account.row
    assert account.serves_and_scales
    assert account.alerts[0]["fastLane"] == output["fastLane"]


def test_a_fast_lane_that_goes_back_by_itself_is_turned_off(definition: Document) -> None:
    account = Account(serving="old")
    account.fast.refuses_updates = True
    output = start(definition, MODEL).go_on(account)
    assert output["outcome"] == "DEPLOYED"
    assert "FastLaneRolledBack" in output["fastLane"]["reason"]
    assert account.fast.config is None


def test_a_lane_that_can_neither_follow_nor_go_is_told_as_one_that_is_not_known(
    definition: Document,
) -> None:
    account = Account(serving="old")
    for state in ("UpdateFastLane", "TurnFastLaneOff"):
        account.denied[state] = TaskError("SageMaker.AccessDenied", "no")
    output = start(definition, MODEL).go_on(account)
    assert output["outcome"] == "DEPLOYED"
    assert output["fastLane"]["state"] == "UNKNOWN"
    assert "NotDeleted" in output["fastLane"]["reason"]
    assert "fastLane" not in account.row, "no job is sent there any more"
    # The next check heals it
    account.denied.clear()
    assert restore(definition, None, account)["fastLane"]["state"] == "SERVES"
    assert account.lanes_agree


def test_a_model_that_is_turned_back_leaves_the_fast_lane_as_it_was(definition: Document) -> None:
    account = Account(serving="old")
    account.smoke_succeeds = False
    output = start(definition, MODEL).go_on(account)
    assert output["outcome"] == "ROLLED_BACK"
    assert account.fast.config == "old"
    assert output["fastLane"]["state"] == "SERVES"


def test_the_fast_lane_is_withdrawn_with_its_model(definition: Document) -> None:
    account = Account()
    account.fast.config = "left"
    account.row["fastLane"] = "left"
    account.smoke_succeeds = False
    output = start(definition, MODEL).go_on(account)
    assert output["outcome"] == "WITHDRAWN"
    assert account.fast.config is None
    assert "fastLane" not in account.row


def test_a_fast_lane_that_is_not_wanted_goes_and_is_no_alert() -> None:
    account = Account(serving="old")
    without = load("deployment", {**SUBSTITUTIONS, "FastLane": "off"})
    output = start(without, MODEL).go_on(account)
    assert output["fastLane"] == {"state": "OFF", "reason": ""}
    assert account.fast.config is None
    assert not account.alerts


def test_a_check_brings_a_strayed_fast_lane_back_and_makes_none(definition: Document) -> None:
    account = Account(serving="old")
    account.fast.config, account.models_of["older"] = "older", "model-older"
    assert restore(definition, None, account)["outcome"] == "UNCHANGED"
    assert account.lanes_agree
    assert account.fast.config is not None
    account.fast.config = None
    output = restore(definition, None, account)
    assert output["fastLane"] == {"state": "OFF", "reason": ""}
    assert account.fast.config is None
    assert "fastLane" not in account.row


def test_a_check_that_cannot_see_what_is_served_leaves_the_fast_lane_alone(
    definition: Document,
) -> None:
    account = Account(serving="old")
    account.denied["DescribeServedConfig"] = TaskError("SageMaker.ThrottlingException", "busy")
    output = restore(definition, None, account)
    assert output["fastLane"]["state"] == "UNKNOWN"
    assert account.fast.config == "old"


# Restoring


def restore(definition: Document, stopped: Run | None, account: Account) -> Document:
    """Run the restoration machine, as a rule does after a failure and a schedule by itself."""
    why = "schedule" if stopped is None else stopped.execution["Id"]
    run = start(definition, {"restore": why}, name="restoration", machine="Restoration")
    output: Document = run.go_on(account)
    return output


def test_a_check_finds_an_endpoint_without_scaling_and_puts_it_back(definition: Document) -> None:
    account = Account(serving="old")
    assert restore(definition, None, account)["outcome"] == "UNCHANGED"
    assert not account.alerts
    account.scales = False
    account.policies.clear()
    assert restore(definition, None, account)["outcome"] == "RESTORED"
    assert account.metrics == [0, 1]
    assert account.serves_and_scales
    assert "ScalingMissing" in account.alerts[0]["reason"]


def test_a_check_leaves_alone_what_a_person_has_put_into_service(definition: Document) -> None:
    account = Account(serving="old")
    account.config = "by-hand"
    account.types["by-hand"] = "ml.m5.large"
    assert restore(definition, None, account)["outcome"] == "UNCHANGED"
    assert account.config == "by-hand"


def test_a_check_leaves_a_deployment_alone_that_is_at_work(definition: Document) -> None:
    account = Account(serving="old")
    account.row |= {"newest": "x", "holder": "x", "heldUntil": 4e9}
    account.scales = False
    assert restore(definition, None, account)["outcome"] == "LEFT_ALONE"
    assert account.row["holder"] == "x"


def test_a_check_where_nothing_serves_changes_nothing(definition: Document) -> None:
    assert restore(definition, None, Account())["outcome"] == "NOTHING_SERVES"
    broken = Account(serving="old", status="Failed")
    assert restore(definition, None, broken)["outcome"] == "BROKEN"
    assert broken.alerts


def test_a_deployment_takes_the_endpoint_from_a_restoration(definition: Document) -> None:
    account = Account(serving="old")
    account.row |= {"holder": "restoration x", "heldUntil": 4e9}
    assert start(definition, MODEL).go_on(account)["outcome"] == "DEPLOYED"


# Failing everywhere


class StoppedError(BaseException):
    """The execution was stopped: no state of it goes on."""


WITH_OLD = ("package", "rolled back", "other type", "back to type", "dirty", "not clean", "waiting",
            "fast lane broken", "fast lane refused", "no fast lane", "not recorded")  # fmt: skip
SITUATIONS = (*WITH_OLD, "first", "withdrawn", "broken")


def situation_of(name: str) -> tuple[Document, Account]:
    given = {"modelPackageArn": PACKAGE} if name == "package" else MODEL
    account = Account(serving=None if name in ("first", "withdrawn") else "old",
                      status="Failed" if name == "broken" else "InService")  # fmt: skip
    if name in ("other type", "back to type"):
        account.types["old"] = "ml.m4.large"
    if name == "waiting":
        account.row |= {"holder": "another", "heldUntil": 4e9}
        account.meanwhile["ReadLease"] = lambda: account.row.update(heldUntil=1.0)
    if name in ("dirty", "not clean"):
        account.configs = [f"femo-dev-{number:016x}-0-0" for number in range(5)]
        account.models = list(account.configs)
    if name == "not clean":
        account.denied["DeleteOldModel"] = TaskError("Any.AccessDeniedException")
    if name == "fast lane broken":
        account.fast.status = "Failed"
    if name == "fast lane refused":
        account.denied["UpdateFastLane"] = TaskError("SageMaker.ResourceLimitExceededException")
    if name == "no fast lane":
        account.fast.config = None
    if name == "not recorded":
        account.denied["RecordProof"] = TaskError("Any.AccessDeniedException")
    account.smoke_succeeds = name not in ("rolled back", "back to type", "withdrawn")
    return given, account


def every_task(definition: Document) -> list[tuple[str, str]]:
    """Each task with a situation in which it is reached, one with an old model if there is one."""
    found: dict[str, str] = {}
    for situation in SITUATIONS:
        given, account = situation_of(situation)
        run = start(definition, given)
        run.go_on(account)
        for task in run.tasks:
            found.setdefault(task.state, situation)
    return sorted(found.items())


CASES = every_task(load("deployment", SUBSTITUTIONS))
OF_A_RESTORATION = {"LookForScaling", "MeasureScaling"}
OF_A_MEETING = {"HandOver"}


def test_the_failures_cover_every_task(definition: Document) -> None:
    tasks = {name for name, state in definition["States"].items() if state["Type"] == "Task"}
    assert tasks == {state for state, _ in CASES} | OF_A_RESTORATION | OF_A_MEETING


def assert_right(account: Account, situation: str) -> None:
    if situation in WITH_OLD:
        assert account.serves_and_scales
    else:  # there was nothing to keep
        assert account.config is None or account.status == "Failed" or account.scales
    assert account.lanes_agree
    assert not account.row.get("holder", "").startswith("restoration")


@pytest.mark.parametrize(("state", "situation"), CASES)
def test_after_a_failure_and_before_a_redrive_the_endpoint_is_the_right_one_and_scales(
    definition: Document, state: str, situation: str
) -> None:
    given, account = situation_of(situation)
    account.failing[state] = TaskError("Any.AccessDeniedException", "once")
    run = start(definition, given)
    try:
        run.go_on(account)
    except ExecutionFailedError:
        restore(definition, run, account)
    assert_right(account, situation)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("state", "situation"), CASES)
def test_after_a_stop_the_endpoint_is_the_right_one_and_scales(
    definition: Document, state: str, situation: str, after: bool
) -> None:
    given, account = situation_of(situation)

    def answer(task: Task) -> Any:
        if task.state == state and not after:
            raise StoppedError
        result = account(task)
        if task.state == state:
            raise StoppedError
        return result

    run = start(definition, given)
    with pytest.raises(StoppedError):
        run.go_on(answer)
    account.meanwhile.clear()
    if account.row.get("holder") == "another":
        account.row.pop("holder")
    restore(definition, run, account)
    assert_right(account, situation)


@pytest.mark.parametrize(("state", "situation"), CASES)
def test_a_redrive_after_a_failure_comes_to_an_end_and_leaves_what_serves(
    definition: Document, state: str, situation: str
) -> None:
    given, account = situation_of(situation)
    expected = start(definition, given).go_on(account)["outcome"]
    given, account = situation_of(situation)
    account.failing[state] = TaskError("Any.AccessDeniedException", "once")
    run = start(definition, given)
    try:
        output = run.go_on(account)
    except ExecutionFailedError:
        restore(definition, run, account)
        run.redrive()
        output = run.go_on(account)
        assert output["outcome"] == expected
    assert output["outcome"] in (expected, "ROLLED_BACK", "NOT_ROLLED_BACK", "WITHDRAWN")
    assert_right(account, situation)


@pytest.mark.parametrize("state", sorted(OF_A_RESTORATION | {"RegisterScalableTarget", "RollBack"}))
def test_a_restoration_that_fails_is_taken_up_by_the_next_check(
    definition: Document, state: str
) -> None:
    account = Account(serving="old")
    run = start(definition, MODEL)

    def answer(task: Task) -> Any:
        if task.state == "InvokeSmokeJob":
            raise StoppedError
        return account(task)

    with pytest.raises(StoppedError):
        run.go_on(answer)
    account.failing[state] = TaskError("Any.AccessDeniedException", "once")
    try:
        restore(definition, run, account)
    except ExecutionFailedError:
        account.row["heldUntil"] = 1.0  # its lease ends
        restore(definition, None, account)
    assert account.serves_and_scales

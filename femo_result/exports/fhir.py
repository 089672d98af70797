"""A completed analysis as FHIR R4: a Bundle of Observations, their subject and their devices.

Numbers, never an interpretation. How much could be judged stands in an Observation of its own, and
again in that of the count, so that no count is read without it.
"""

from __future__ import annotations

import uuid
from typing import Any

from femo_result.exports.fhir_codes import (
    NOT_APPLICABLE,
    NOT_PERFORMED,
    UNKNOWN,
    absent,
    category,
    local,
    quantity,
    reported,
)
from femo_result.exports.reading import Response, as_response, instant_text, moment, subject_of
from femo_result.found import Press, Stretch
from femo_result.response import EventsResponse, MetadataResponse
from femo_result.words import RESEARCH_USE

__all__ = ["fhir_of"]

Resource = dict[str, Any]
_PSEUDONYMOUS = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue"
_ABSENT_EXTENSION = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"


def fhir_of(response: Response, *, subject_system: str | None = None) -> dict[str, Any]:
    """Return a completed analysis as a Bundle (type ``collection``) of FHIR R4, JSON-ready.

    Parameters
    ----------
    response : EventsResponse, MetadataResponse or mapping
        Typed, or as parsed from JSON: what `femo analyze` prints, or a completed job, of which
        ``subjectId`` names the subject.
    subject_system : str, optional
        URI of the set of pseudonyms that the subject's is one of, and unique in. Without, it has no
        system: another site may call another mother the same.

    Raises
    ------
    pydantic.ValidationError
        It is no completed analysis, or one of a service that is too old.
    """
    read = as_response(response)
    identifier: dict[str, Any] = {"value": subject_of(response)}
    if identifier["value"] is None:
        why = {"extension": [{"url": _ABSENT_EXTENSION, "valueCode": "masked"}]}
        identifier = {"_value": why}
    elif subject_system is not None:
        identifier = {"system": subject_system, **identifier}
    return _Writer(read, identifier).bundle()


class _Writer:
    """Writes the resources of one analysis, which refer to each other by ids that repeat."""

    def __init__(self, read: EventsResponse | MetadataResponse, identifier: dict[str, Any]) -> None:
        self.read, self.result, self.identifier = read, read.result, identifier
        recording = self.result.recording
        self.start = recording.start
        self.period = self._period(0.0, recording.duration_seconds)
        model = self.result.model
        self.name = "|".join(
            (
                read.jobId or "",
                recording.start,
                str(recording.duration_seconds),
                model.version,
                model.settings_digest,
                read.completedTimeStamp,
            )
        )

    def bundle(self) -> Resource:
        resources = [
            self._patient(),
            self._belt(),
            self._software(),
            self._judged_time(),
            self._unjudged_time(),
            self._count(),
            self._time_to_ten(),
            self._longest_quiet(),
            self._hiccups(),
            self._press_count(),
            *self._each_movement(),
            *self._each_bout(),
            *(self._press(number, press) for number, press in enumerate(self.result.presses)),
        ]
        bundle: Resource = {
            "resourceType": "Bundle",
            "type": "collection",
            "timestamp": self.read.completedTimeStamp,
            "entry": [
                {"fullUrl": f"urn:uuid:{resource['id']}", "resource": resource}
                for resource in resources
            ],
        }
        if self.read.jobId is not None:
            bundle["identifier"] = {"value": self.read.jobId}  # unique to its deployment alone
        return bundle

    def _id(self, role: str) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self.name}|{role}"))

    def _to(self, role: str) -> dict[str, str]:
        return {"reference": f"urn:uuid:{self._id(role)}"}

    def _period(self, start_seconds: float, end_seconds: float) -> dict[str, str]:
        return {
            "start": instant_text(moment(self.start, start_seconds)),
            "end": instant_text(moment(self.start, end_seconds)),
        }

    def _patient(self) -> Resource:
        """The mother, by nothing but her pseudonym; without one, that it is held back."""
        return {
            "resourceType": "Patient",
            "id": self._id("patient"),
            "meta": {"security": [{"system": _PSEUDONYMOUS, "code": "PSEUDED"}]},
            "identifier": [self.identifier],
        }

    def _belt(self) -> Resource:
        return {
            "resourceType": "Device",
            "id": self._id("belt"),
            "deviceName": [{"name": "FeMo belt", "type": "user-friendly-name"}],
            "version": [{"value": f"recording format {self.result.recording.format}"}],
        }

    def _software(self) -> Resource:
        model = self.result.model
        versions = {
            "model": model.version,
            "method": f"{model.method} {model.method_version}",
            "settings": model.settings_digest,
        }
        return {
            "resourceType": "Device",
            "id": self._id("software"),
            "deviceName": [{"name": "FeMo analysis", "type": "user-friendly-name"}],
            "version": [
                {"type": {"text": part}, "value": value} for part, value in versions.items()
            ],
            "parent": self._to("belt"),
        }

    def _observation(
        self, role: str, code: Resource, *, period: Resource | None = None, **fields: Any
    ) -> Resource:
        return {
            "resourceType": "Observation",
            "id": self._id(role),
            "status": "final",
            "category": category("procedure"),
            "code": code,
            "subject": self._to("patient"),
            "effectivePeriod": period or self.period,
            "device": self._to("software"),
            **fields,
        }

    def _judged_time(self) -> Resource:
        recording = self.result.recording
        return self._observation(
            "judged",
            local("judged-time"),
            **self._judged(),
            note=[{"text": f"{recording.judged_explanation} {RESEARCH_USE}"}],
        )

    def _judged(self) -> Resource:
        return quantity(self.result.recording.judged_seconds, "s", "s")

    def _unjudged_time(self) -> Resource:
        recording = self.result.recording
        told = quantity(sum(recording.unjudged_seconds.values()), "s", "s")
        parts = [
            {
                "code": local(part.reason),
                "valuePeriod": self._period(part.start_seconds, part.end_seconds),
            }
            for part in recording.unjudged
        ]
        found = self._observation("unjudged", local("unjudged-time"), **told)
        return found | {"component": parts} if parts else found

    def _why_not(self, otherwise: str, reason: str) -> tuple[str, str]:
        """Return why a value is absent: that nothing was judged comes before all else."""
        if self.result.movement_count is None:
            return self.result.recording.judged_explanation, NOT_PERFORMED
        return otherwise, reason

    def _count(self) -> Resource:
        result = self.result
        why = result.recording.judged_explanation
        rate, expected = result.summary.kicks_per_analysed_hour, result.expected_kicks
        told_rate = quantity(rate, "per hour", "/h", *self._why_not(why, UNKNOWN))
        components = [
            {"code": local("judged-time"), **self._judged()},
            {"code": local("movement-rate"), **told_rate},
        ]
        why_not = self._why_not(result.expected_kicks_status, UNKNOWN)
        for code, value in (
            ("expected-low", None if expected is None else expected.low),
            ("expected-high", None if expected is None else expected.high),
        ):
            told = quantity(value, "movements", "{movements}", *why_not)
            components.append({"code": local(code), **told})
        members = [self._to(f"movement {n}") for n in range(len(result.movements or ()))]
        found = self._observation(
            "count",
            local("movement-count"),
            **quantity(result.movement_count, "movements", "{movements}", why),
            component=components,
            note=[{"text": RESEARCH_USE}],
        )
        return found | {"hasMember": members} if members else found

    def _time_to_ten(self) -> Resource:
        value = self.result.summary.analysed_seconds_to_tenth_kick
        why = self._why_not("ten movements were not found in judged time", NOT_APPLICABLE)
        return self._observation("ten", local("time-to-ten"), **quantity(value, "s", "s", *why))

    def _longest_quiet(self) -> Resource:
        value = self.result.summary.longest_quiet_seconds
        why = self._why_not("there is no judged time without movement", NOT_APPLICABLE)
        return self._observation("quiet", local("longest-quiet"), **quantity(value, "s", "s", *why))

    def _hiccups(self) -> Resource:
        bouts, status = self.result.hiccup_bouts, self.result.hiccup_bouts_status
        count = None if bouts is None else len(bouts)
        return self._observation(
            "bouts", local("hiccup-bout-count"), **quantity(count, "bouts", "{bouts}", status)
        )

    def _press_count(self) -> Resource:
        count = quantity(len(self.result.presses), "presses", "{presses}")
        return self._by_mother("presses", local("press-count"), self.period, **count)

    def _each_movement(self) -> list[Resource]:
        return [
            self._event(
                f"movement {number}",
                local("movement"),
                movement,
                component=[
                    {
                        "code": local("probability"),
                        **quantity(movement.probability, "probability", "1"),
                    }
                ],
            )
            for number, movement in enumerate(self.result.movements or ())
        ]

    def _each_bout(self) -> list[Resource]:
        return [
            self._event(f"bout {number}", local("hiccup-bout"), bout)
            for number, bout in enumerate(self.result.hiccup_bouts or ())
        ]

    def _event(self, role: str, code: Resource, stretch: Stretch, **fields: Any) -> Resource:
        period = {"start": stretch.start, "end": stretch.end}
        return self._observation(role, code, period=period, valueBoolean=True, **fields)

    def _press(self, number: int, press: Press) -> Resource:
        judged = {"code": local("press-judged"), "valueBoolean": press.judged}
        matched = absent(f"not judged: {press.why_not}", NOT_PERFORMED)
        if press.matched is not None:
            matched = {"valueBoolean": press.matched}
        return self._by_mother(
            f"press {number}",
            reported(),
            {"start": press.start, "end": press.end},
            valueBoolean=True,
            component=[judged, {"code": local("press-matched"), **matched}],
        )

    def _by_mother(self, role: str, code: Resource, period: Resource, **fields: Any) -> Resource:
        told = self._observation(role, code, period=period, **fields)
        return told | {
            "category": category("survey"),
            "performer": [self._to("patient")],
            "device": self._to("belt"),
        }

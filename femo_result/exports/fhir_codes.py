"""The codes of the FHIR export: LOINC where it has one, else our own, each with its words."""

from __future__ import annotations

from typing import Any

__all__ = [
    "ABSENT_REASON_SYSTEM",
    "LOCAL_CODES",
    "LOCAL_SYSTEM",
    "LOINC_REPORTED",
    "NOT_APPLICABLE",
    "NOT_PERFORMED",
    "UNKNOWN",
    "absent",
    "category",
    "local",
    "quantity",
    "reported",
]

LOCAL_SYSTEM = "urn:uuid:6f1c1f0e-8c1b-5d0f-9a55-2f6b1f0b7f3e"
"""Our own code system: LOINC was found to have no code for a count by a device."""

ABSENT_REASON_SYSTEM = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
NOT_APPLICABLE = "not-applicable"
"""There is no such value: what it is of did not happen in judged time."""
NOT_PERFORMED = "not-performed"
"""It was not measured: nothing could be judged, or it was not looked for."""
UNKNOWN = "unknown"
"""There is one, and what was judged does not tell it."""
CATEGORY_SYSTEM = "http://terminology.hl7.org/CodeSystem/observation-category"

LOINC_REPORTED = "57088-7"
"""Fetal movement - reported: by the mother, and so of presses alone."""

LOCAL_CODES = {
    "judged-time": "Time of a recording that could be judged",
    "unjudged-time": "Time of a recording that could not be judged",
    "movement-count": "Movements of the fetus found by a device in judged time",
    "movement": "A movement of the fetus found by a device",
    "probability": "Probability of a movement, by the model",
    "movement-rate": "Movements per hour of judged time",
    "expected-low": "Lower end of the likely true count of movements in judged time",
    "expected-high": "Upper end of the likely true count of movements in judged time",
    "time-to-ten": "Judged time until ten movements",
    "longest-quiet": "Longest judged time without a movement",
    "hiccup-bout-count": "Bouts of fetal hiccups found by a device",
    "hiccup-bout": "A bout of fetal hiccups found by a device",
    "press-count": "Presses of the button by which the mother reports a movement",
    "press-judged": "Whether a press could be compared with the movements found",
    "press-matched": "Whether a movement was found within 5 s of a press",
    "ends": "Left out at the ends of the recording",
    "gap": "No samples",
    "sensor_off": "Sensors off",
    "body_movement": "Movement of the mother",
    "regular_pulses": "Regular pulses of unknown origin",
    "hiccups": "Hiccup bouts taken out",
}


def local(code: str) -> dict[str, Any]:
    """Return one of our own codes as a CodeableConcept."""
    coding = {"system": LOCAL_SYSTEM, "code": code, "display": LOCAL_CODES.get(code, code)}
    return {"coding": [coding], "text": coding["display"]}


def reported() -> dict[str, Any]:
    """Return LOINC's code of what the mother reports."""
    coding = {
        "system": "http://loinc.org",
        "code": LOINC_REPORTED,
        "display": "Fetal Movement - Reported",
    }
    return {"coding": [coding], "text": "Movement of the fetus reported by the mother"}


def category(code: str) -> list[dict[str, Any]]:
    """Return the category of an Observation."""
    return [{"coding": [{"system": CATEGORY_SYSTEM, "code": code}]}]


def quantity(
    value: float | None, unit: str, ucum: str, why_not: str = "", reason: str = NOT_PERFORMED
) -> dict[str, Any]:
    """Return a value in UCUM units, or why there is none.

    Parameters
    ----------
    value : float or None
    unit, ucum : str
        For people, and as UCUM's code.
    why_not : str
        Why the value is None, for people.
    reason : str
        The same as a code of FHIR's.
    """
    if value is None:
        return absent(why_not, reason)
    told = {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": ucum}
    return {"valueQuantity": told}


def absent(why_not: str, reason: str) -> dict[str, Any]:
    """Return that there is no value, and why."""
    coding = {"system": ABSENT_REASON_SYSTEM, "code": reason}
    return {"dataAbsentReason": {"coding": [coding], "text": why_not}}

"""What a test sets of this SageMaker: quotas, how long states last, images' media types.

By default nothing is limited and every state is as short as its work.
"""

from dataclasses import asdict, dataclass, field
from typing import Any

STATES = ("Creating", "Updating", "InstanceStart")
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


@dataclass
class Controls:
    """Settings that hold until they are changed, or the process ends.

    Parameters
    ----------
    quotas
        Instances by AWS's name of the quota, such as ``ml.m5.large for endpoint usage``; what
        is not named has no limit.
    seconds
        How long ``Creating``, ``Updating`` and the start of an instance (``InstanceStart``) last
        at least, s by the clock.
    deploymentWaits
        Whether the waits of a DeploymentConfig last their whole time. If not, an update does not
        bake, and old instances end once idle, after TerminationWaitInSeconds at the latest.
    mediaTypes
        Media type of an image's manifest by the image's URI; Docker's, where it is not named.
    """

    quotas: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    deploymentWaits: bool = False  # noqa: N815 - as in the JSON of the route
    mediaTypes: dict[str, str] = field(default_factory=dict)  # noqa: N815

    def change(self, request: dict[str, Any]) -> dict[str, Any]:
        """Replace the settings that a request names; null puts one back. Return them all.

        Raises
        ------
        ValueError
            If there is no such setting, or state.
        """
        defaults = asdict(Controls())
        unknown = set(request) - set(defaults)
        unknown |= set(request.get("seconds") or {}) - set(STATES)
        if unknown:
            raise ValueError(f"there is no setting {', '.join(sorted(unknown))}")
        for name, value in request.items():
            setattr(self, name, defaults[name] if value is None else value)
        return asdict(self)

    def media_type(self, image: str) -> str:
        """Return the media type of an image's manifest."""
        return self.mediaTypes.get(image, DOCKER_MANIFEST)

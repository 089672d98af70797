"""What can be chosen about the training of a classifier, by LightGBM's own names.

Knows pydantic alone, so that whoever starts a training can check it without loading the science.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from femo_signal.errors import ModelError

__all__ = ["DEFAULT_SEED", "MOST_SEED", "Hyperparameters", "read_job_hyperparameters"]

DEFAULT_SEED = 7
MOST_SEED = 2**31 - 1
_SMALL_LEAF_SHARE, _SMALL_L2_SHARE = 8, 10
# From here on one inner split is enough to fix two numbers, and fewer folds lose little.
MANY_DETECTIONS = 20_000


class Hyperparameters(BaseModel):
    """Strings are understood, as SageMaker sends them; a value is used as given or refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)

    num_iterations: Annotated[int, Field(ge=1, le=5000)] = Field(
        default=100, description="Number of trees."
    )
    learning_rate: Annotated[float, Field(ge=0.0001, le=1)] = Field(
        default=0.05, description="How much each tree corrects those before it."
    )
    num_leaves: Annotated[int, Field(ge=2, le=1024)] = Field(
        default=3, description="Most leaves of a tree."
    )
    min_data_in_leaf: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        default=None,
        description="Fewest rows in a leaf; each detection is two rows (as v1 and as v2 show it). "
        "Unless given 30, or an eighth of the detections where these are fewer than 240.",
    )
    feature_fraction: Annotated[float, Field(ge=0.01, le=1)] = Field(
        default=0.3, description="Share of the features that each tree may use."
    )
    bagging_fraction: Annotated[float, Field(ge=0.01, le=1)] = Field(
        default=0.8, description="Share of the rows that each tree is fitted on."
    )
    lambda_l2: Annotated[float, Field(ge=0, le=1_000_000)] | None = Field(
        default=None,
        description="L2 regularisation of the leaves. Unless given 20, or a tenth of the "
        "detections where these are fewer than 200.",
    )
    folds: Annotated[int, Field(ge=2, le=50)] | None = Field(
        default=None,
        description="Folds of the cross-validation; never more than there are subjects. Unless "
        f"given 8, or 5 from {MANY_DETECTIONS} detections on.",
    )

    @classmethod
    def parse(cls, values: Hyperparameters | Mapping[str, Any] | None) -> Hyperparameters:
        """Read hyperparameters.

        Raises
        ------
        ModelError
            If a name is unknown or a value out of range.
        """
        try:
            return cls.model_validate(dict(values or {}))
        except ValidationError as error:
            first = error.errors()[0]
            where = str(first["loc"][0]) if first["loc"] else "hyperparameters"
            raise ModelError(
                f"hyperparameter {where}: {first['msg']}; known are {', '.join(cls.model_fields)}",
                code="invalid_hyperparameter",
            ) from error

    def resolved(self, detections: int) -> Hyperparameters:
        """Return the values that a training on so many detections uses, none left open."""
        chosen = {
            "min_data_in_leaf": max(1, min(30, detections // _SMALL_LEAF_SHARE)),
            "lambda_l2": min(20.0, detections / _SMALL_L2_SHARE),
            "folds": 5 if detections > MANY_DETECTIONS else 8,
        }
        left_open = {name: value for name, value in chosen.items() if getattr(self, name) is None}
        return self.model_copy(update=left_open)

    @classmethod
    def described(cls) -> Iterable[tuple[str, str]]:
        """Yield each name with its default, if it has a fixed one, and what it means."""
        for name, field in cls.model_fields.items():
            default = "" if field.default is None else f"Default {field.default:g}. "
            yield name, f"{default}{field.description}"


def read_job_hyperparameters(values: Mapping[str, Any]) -> tuple[Hyperparameters, int]:
    """Read the hyperparameters of a training job, where the seed travels among them.

    Returns
    -------
    hyperparameters : Hyperparameters
    seed : int
        ``seed``, which says which random numbers and nothing about the trees.

    Raises
    ------
    ModelError
        If a name is unknown or a value out of range.
    """
    given = dict(values)
    text = str(given.pop("seed", DEFAULT_SEED))
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and int(text) <= MOST_SEED):
        raise ModelError(
            f"hyperparameter seed: has to be a whole number from 0 to {MOST_SEED}",
            code="invalid_hyperparameter",
        )
    return Hyperparameters.parse(given), int(text)

"""Loads the variable of a MATLAB file that tells which public set it is of."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from femo_signal.errors import ConversionError
from femo_signal.formats.matlab_elements import check_elements
from femo_signal.formats.public_sets.values import shape_words

__all__ = ["FIRST_SET", "SECOND_SET", "load_layout"]

FIRST_SET, SECOND_SET = "data_var", "Subject_data"


def load_layout(path: Path) -> tuple[str, Any]:
    """Return the name and the value of the variable that tells the layout."""
    from scipy.io import loadmat, whosmat
    from scipy.io.matlab import matfile_version

    name = str(path)
    try:
        with path.open("rb") as file:
            is_hdf5 = file.read(4) == b"\x89HDF"
        if is_hdf5 or matfile_version(name, appendmat=False)[0] == 2:
            raise ConversionError(
                f"{path.name} is a MATLAB file of version 7.3 (HDF5), which is not read here; "
                "load it in MATLAB or Octave and save it again with save(..., '-v7')",
                code="matlab_hdf5",
            )
        check_elements(path)
        held = {variable: (kind, shape) for variable, shape, kind in whosmat(name, appendmat=False)}
        layouts = [layout for layout in (FIRST_SET, SECOND_SET) if layout in held]
        if len(layouts) == 1:
            _check_container(path, layouts[0], *held[layouts[0]])
            variables = loadmat(name, appendmat=False, variable_names=layouts)
            return layouts[0], variables[layouts[0]]
    except (ConversionError, MemoryError):
        raise
    except Exception as error:
        # What the library raises on damaged bytes is of any kind, an unbound local included.
        if isinstance(error, OSError) and error.errno is not None:
            raise ConversionError(
                f"{path} cannot be read: {(error.strerror or 'unreadable').lower()}; give the "
                "path of a .mat file",
                code="source_unreadable",
            ) from error
        raise ConversionError(
            f"{path.name} is not a MATLAB file, or is damaged ({error}); download it again",
            code="not_matlab",
        ) from error
    raise ConversionError(
        f"{path.name} is of neither public data set: it holds "
        f"{', '.join(list(held)[:6]) or 'nothing'}, expected is one of the variables {FIRST_SET} "
        f"and {SECOND_SET}; give a session of one of the sets",
        code="unknown_layout",
    )


def _check_container(path: Path, layout: str, kind: str, shape: tuple[int, ...]) -> None:
    """Refuse another kind of variable before it is read: its shape says how much there is to do."""
    wanted = {FIRST_SET: ("cell", 4, "1 x 4"), SECOND_SET: ("struct", 1, "1 x 1")}
    expected, size, words = wanted[layout]
    if kind != expected or math.prod(shape) != size:
        raise ConversionError(
            f"{path.name}: {layout} is {kind} of {shape_words(shape)}, expected is a {expected} of "
            f"{words}; give a session as the public set has it",
            code="malformed_layout",
        )

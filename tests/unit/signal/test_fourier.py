from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import fft

from femo_signal.preprocessing import fourier

ROWS = {
    "a block of float32": np.random.default_rng(1).standard_normal((7, 1000)).astype(np.float32),
    "a block of float64": np.random.default_rng(2).standard_normal((3, 64)),
    "overlapping frames": np.lib.stride_tricks.sliding_window_view(
        np.random.default_rng(3).standard_normal(500).astype(np.float32), 64
    )[::16],
}


@pytest.mark.parametrize("name", ROWS)
def test_transforms_are_scipys_to_the_last_bit(name: str) -> None:
    values = ROWS[name]
    spectrum = fourier.rfft(values)
    _same(spectrum, fft.rfft(values, axis=1))
    for length in (values.shape[1], values.shape[1] // 2, 2 * values.shape[1]):
        _same(fourier.rfft(values, length), fft.rfft(values, length, axis=1))
        _same(fourier.irfft(spectrum, length), fft.irfft(spectrum, length, axis=1))
    _same(fourier.ifft(spectrum), fft.ifft(spectrum, axis=1))


def test_a_fast_length_is_scipys() -> None:
    lengths = [1, 17, 1021, 7919, 100_003]
    assert [fourier.next_fast_len(n) for n in lengths] == [
        fft.next_fast_len(n, real=True) for n in lengths
    ]


@pytest.mark.parametrize("first", ["femo_signal.preprocessing.fourier", "scipy.fft"])
def test_scipys_own_package_works_beside_it_whichever_comes_first(first: str) -> None:
    code = (
        f"import {first}, scipy.fft\n"
        "from femo_signal.preprocessing import fourier\n"
        "import numpy as np, scipy.signal\n"
        "assert (scipy.fft.rfft(np.arange(8.0)) == fourier.rfft(np.arange(8.0))).all()\n"
        "from scipy.fft._pocketfft import pypocketfft\n"
        "assert pypocketfft is fourier._pocketfft"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_where_scipy_keeps_the_transforms_elsewhere_its_package_is_imported() -> None:
    code = (
        "import sys\n"
        "from importlib.machinery import PathFinder\n"
        "find, PathFinder.find_spec = PathFinder.find_spec, classmethod(\n"
        "    lambda cls, name, path=None, target=None: None\n"
        "    if str((path or ['']) [0]).endswith('_pocketfft') and 'scipy.fft' not in sys.modules\n"
        "    else find(name, path, target))\n"
        "import numpy as np\n"
        "from femo_signal.preprocessing import fourier\n"
        "assert 'scipy.fft' in sys.modules\n"
        "assert fourier.rfft(np.ones(4))[0] == 4"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def _same(found: NDArray[np.generic], expected: NDArray[np.generic]) -> None:
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)

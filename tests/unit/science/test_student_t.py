from __future__ import annotations

import pytest
from scipy.special import stdtrit

from femo_signal.learning.student_t import central_reach


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 5, 9, 30, 101, 5000])
@pytest.mark.parametrize("share", [0.01, 0.5, 0.9, 0.999])
def test_the_reach_of_students_t_is_scipys(degrees: int, share: float) -> None:
    expected = float(stdtrit(degrees, (1 + share) / 2))
    assert central_reach(share, degrees) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("share", "degrees"), [(0.0, 3), (1.0, 3), (0.9, 0)])
def test_a_share_that_no_t_holds_is_refused(share: float, degrees: int) -> None:
    with pytest.raises(ValueError, match="no t holds"):
        central_reach(share, degrees)

import pytest

from netra_actors.protocol.close_codes import Advice, CloseCode, advice


def test_every_code_has_a_reason_that_fits_a_close_frame() -> None:
    assert {int(code) for code in CloseCode} == {
        1000, 4001, 4008, 4012, 4029, 4050, 4401, 4403, 4409, 4413, 4429,
    }  # fmt: skip
    assert all(0 < len(code.reason.encode()) <= 123 for code in CloseCode)


def test_the_range_says_whether_a_client_comes_back_by_itself() -> None:
    by_itself = {Advice.RESUME, Advice.RESUME_WHEN_TOLD, Advice.BACK_OFF}
    for code in CloseCode:
        if 4000 <= code < 4400:
            assert code.advice in by_itself
        elif code >= 4400:
            assert code.advice not in by_itself


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (1000, Advice.NOTHING),
        (1001, Advice.RESUME),
        (1006, Advice.RESUME),
        (1011, Advice.RESUME),
        (4001, Advice.RESUME_WHEN_TOLD),
        (4008, Advice.RESUME),
        (4029, Advice.BACK_OFF),
        (4050, Advice.RESUME),
        (4399, Advice.RESUME),
        (4401, Advice.NEW_TOKEN),
        (4403, Advice.STOP),
        (4409, Advice.DROP_CURSOR),
        (4413, Advice.STOP),
        (4429, Advice.STOP),
        (4499, Advice.STOP),
        (4500, Advice.RESUME),
    ],
)
def test_each_code_has_its_advice(code: int, expected: Advice) -> None:
    assert advice(code) is expected

"""What does not end is ended; what does gives its result or its error."""

import sys
import time
from contextlib import suppress

import pytest

from eigenlm.errors import DataError
from eigenlm.text.deadline import within


def _forever():
    while True:
        pass


def _stubborn():
    while True:
        with suppress(Exception):  # it must not catch the deadline
            _forever()


@pytest.mark.parametrize("act", [_forever, _stubborn])
def test_a_loop_that_does_nothing_is_stopped(act):
    start = time.monotonic()
    with pytest.raises(DataError, match=r"expected an end within 0.1 s"):
        within(0.1, "looping", act, source=__file__)
    assert time.monotonic() - start < 5  # 0.1 s, and room for a busy machine


def test_a_call_that_cannot_be_stopped_is_left_to_its_thread():
    start = time.monotonic()
    with pytest.raises(DataError, match=r"expected an end within 0.1 s"):
        within(0.1, "sleeping", lambda: time.sleep(3), source=__file__)
    assert time.monotonic() - start < 2  # 0.2 s, and room for a busy machine


def test_results_and_errors_come_through_and_no_trace_is_left():
    before = sys.gettrace()
    assert within(5.0, "adding", lambda: 1 + 1, source=__file__) == 2
    with pytest.raises(ZeroDivisionError):
        within(5.0, "dividing", lambda: 1 / 0, source=__file__)
    assert sys.gettrace() is before

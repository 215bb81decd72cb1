"""Run by both_ways.rs: each function of `TESTS` is one test, with asyncio's loop on this thread and heist's on its own."""

import asyncio
import contextvars
import inspect
import sys
import threading
import time

import heist_ecosystem_python as heist


async def sums_are_awaited():
    assert await heist.slow_sum([1, 2, 3], 0.001) == 6
    began = time.monotonic()
    sums = await asyncio.gather(*(heist.slow_sum([n, n], 0.05) for n in range(50)))
    assert sums == [2 * n for n in range(50)]
    assert time.monotonic() - began < 50 * 0.05, "one after the other"


async def errors_arrive_as_exceptions():
    for numbers, seconds in (([2**62, 2**62], 0), ([1], -1.0), ([1], float("nan"))):
        try:
            await heist.slow_sum(numbers, seconds)
        except ValueError:
            continue
        raise AssertionError("no error")


async def a_panic_arrives_as_an_exception():
    try:
        await heist.panics()
    except BaseException as error:
        assert type(error).__name__ == "RustPanic", repr(error)
        assert "as it is asked to" in str(error)
    else:
        raise AssertionError("no error")
    assert await heist.slow_sum([1], 0) == 1, "the loop goes on"


async def a_future_that_is_cancelled_cleans_up():
    before = heist.cleaned_up()
    waits = asyncio.ensure_future(heist.wait_for_ever())
    await asyncio.sleep(0.01)
    waits.cancel()
    try:
        await waits
    except asyncio.CancelledError:
        pass
    while heist.cleaned_up() == before:
        await asyncio.sleep(0.001)
    try:
        await asyncio.wait_for(heist.wait_for_ever(), 0.01)
    except asyncio.TimeoutError:
        pass
    else:
        raise AssertionError("it did not wait")
    while heist.cleaned_up() == before + 1:
        await asyncio.sleep(0.001)


async def coroutines_are_awaited_by_tasks():
    threads = set()

    async def answer(number):
        threads.add(threading.get_ident())
        await asyncio.sleep(0.001 * (number % 3))
        return number * number

    assert await heist.call_in_tasks(answer, 20) == [n * n for n in range(20)]
    assert threads == {threading.get_ident()}, "Python's coroutines run on Python's loop"


async def there_and_back_again():
    async def inner():
        return await heist.slow_sum([20, 1], 0.001)

    assert await heist.relay(heist.relay(inner())) == 21


async def exceptions_of_coroutines_come_through():
    async def fails():
        raise KeyError("lost")

    try:
        await heist.relay(fails())
    except KeyError as error:
        assert error.args == ("lost",)
    else:
        raise AssertionError("no error")


async def a_coroutine_hears_of_a_cancellation_and_is_waited_for():
    steps = []

    async def slow():
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.01)
            steps.append("cleaned up")

    answer = await heist.relay_for(slow(), 0.01)
    assert steps == ["cleaned up"], "before the answer"
    assert "deadline" in answer, answer


async def a_coroutine_may_swallow_a_cancellation():
    async def stubborn():
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return "no"

    assert await heist.relay_for(stubborn(), 0.01) == "no"


async def a_cancellation_goes_all_the_way():
    ended = asyncio.Event()

    async def slow():
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    waits = asyncio.ensure_future(heist.relay(slow()))
    await asyncio.sleep(0.01)
    waits.cancel()
    await ended.wait()
    assert waits.cancelled()


async def what_is_given_up_is_cancelled():
    steps = []

    async def slow():
        steps.append("began")
        try:
            await asyncio.sleep(60)
        finally:
            steps.append("ended")

    coroutine = slow()
    heist.give_up(coroutine)
    while inspect.getcoroutinestate(coroutine) != inspect.CORO_CLOSED:
        await asyncio.sleep(0.001)
    assert steps in ([], ["began", "ended"]), steps


async def context_variables_follow():
    name = contextvars.ContextVar("name")
    name.set("outer")

    async def who(_number):
        return name.get()

    assert await heist.call_in_tasks(who, 2) == ["outer", "outer"]


def without_a_loop_there_is_an_error():
    try:
        heist.slow_sum([1], 0)
    except RuntimeError as error:
        assert "no running event loop" in str(error)
    else:
        raise AssertionError("no error")


def a_future_runs_where_there_was_no_loop():
    assert heist.run_sum([1, 2, 3]) == 6
    assert heist.run_sum([4]) == 4


TESTS = [
    sums_are_awaited,
    errors_arrive_as_exceptions,
    a_panic_arrives_as_an_exception,
    a_future_that_is_cancelled_cleans_up,
    coroutines_are_awaited_by_tasks,
    there_and_back_again,
    exceptions_of_coroutines_come_through,
    a_coroutine_hears_of_a_cancellation_and_is_waited_for,
    a_coroutine_may_swallow_a_cancellation,
    a_cancellation_goes_all_the_way,
    what_is_given_up_is_cancelled,
    context_variables_follow,
    without_a_loop_there_is_an_error,
    a_future_runs_where_there_was_no_loop,
]


def main():
    for test in TESTS:
        if asyncio.iscoroutinefunction(test):
            asyncio.run(asyncio.wait_for(test(), 60))
        else:
            test()
        print(f"{test.__name__}: ok", flush=True)
    print(f"{len(TESTS)} passed")


if __name__ == "__main__":
    sys.exit(main())

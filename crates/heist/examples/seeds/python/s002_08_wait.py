# Sample 002-8. Changed: it was all one line; since Python 3.11 wait takes no bare coroutines, so they are tasks.
import asyncio

async def foo():
    await asyncio.sleep(1)
    return 'foo'

async def bar():
    await asyncio.sleep(2)
    return 'bar'

async def main():
    tasks = [asyncio.create_task(foo()), asyncio.create_task(bar())]
    done, pending = await asyncio.wait(tasks)
    for task in done:
        print(task.result()) # prints 'foo' and 'bar'

asyncio.run(main())

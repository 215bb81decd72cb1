# Sample 000-5. Changed: the import and the last two lines were missing.
import asyncio


async def after(fut):
    await asyncio.sleep(2)
    fut.set_result('1')

async def main():
    loop = asyncio.get_running_loop()
    fut = loop.create_future()
    # The task that gives fut its result.
    await loop.create_task(after(fut))
    # It has one now; otherwise this would wait until it had.
    data = await fut
    assert data == '1'

asyncio.run(main())

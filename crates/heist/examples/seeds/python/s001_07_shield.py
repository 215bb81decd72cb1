# Sample 001-7. Changed: it is the one line with shield; the rest shows what its paragraph says.
import asyncio
from asyncio import shield


async def something():
    await asyncio.sleep(2)
    print('something is done')
    return 'value'

async def waits():
    res = await shield(something())
    print(res)

async def main():
    await waits()

    task = asyncio.create_task(waits())
    await asyncio.sleep(1)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        print('CancelledError')
    await asyncio.sleep(2)

asyncio.run(main())

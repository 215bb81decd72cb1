# Sample 001-17. Changed: it is the fragment in waiter; here is also who notifies.
import asyncio


async def waiter(cond):
    async with cond:
        print('waiting')
        await cond.wait()
        print('notified, and has the lock again')

async def main():
    cond = asyncio.Condition()
    task = asyncio.create_task(waiter(cond))

    # ... later
    await asyncio.sleep(1)
    async with cond:
        cond.notify(1)
        print('notifies')
    await task

asyncio.run(main())

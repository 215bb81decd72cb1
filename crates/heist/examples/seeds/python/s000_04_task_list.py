# Sample 000-4. Changed: the import was missing; since Python 3.11 wait takes no bare coroutines, so they become tasks inside
# of the loop.
import asyncio


async def nested():
    print(1)
    await asyncio.sleep(2)
    print(2)
    return 'return'

task_list = [
        nested(),
        nested()
    ]

async def wait(coroutines):
    return await asyncio.wait([asyncio.create_task(coroutine) for coroutine in coroutines])

done, pending = asyncio.run(wait(task_list))

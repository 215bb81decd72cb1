# Sample 001-18. Changed: it is the fragment with the semaphore; here twelve tasks want a permit for a second each.
import asyncio


async def worker(n, sem):
    async with sem:
        # work with shared resource
        print(n, 'works')
        await asyncio.sleep(1)

async def main():
    sem = asyncio.Semaphore(10)

    # ... later
    await asyncio.gather(*[worker(n, sem) for n in range(1, 13)])

asyncio.run(main())

# Sample 000-1. Changed: the import was missing.
import asyncio


async def count():
    print('one')
    await asyncio.sleep(2)
    print('two')

async def main():
    await asyncio.gather(count(), count(), count())

asyncio.run(main())

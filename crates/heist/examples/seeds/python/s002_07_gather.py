# Sample 002-7. Changed: it was all one line.
import asyncio

async def foo():
    await asyncio.sleep(1)
    return 'foo'

async def bar():
    await asyncio.sleep(2)
    return 'bar'

async def main():
    results = await asyncio.gather(foo(), bar())
    print(results) # prints ['foo', 'bar']

asyncio.run(main())

# Sample 001-5. Changed: the first line had a typo, simport.
import asyncio


async def coro1():
    raise Exception()


async def coro_n(num):
    print('coro', num)
    await asyncio.sleep(num)
    return num


async def main():
    results = await asyncio.gather(coro1(), coro_n(2), coro_n(3), return_exceptions=True)
    print(results)

asyncio.run(main())

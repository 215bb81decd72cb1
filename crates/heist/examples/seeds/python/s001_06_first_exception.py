# Sample 001-6. Changed: the note shows its traceback; here is the program, that of 001-5 with the other argument.
import asyncio


async def coro1():
    raise Exception()


async def coro_n(num):
    print('coro', num)
    await asyncio.sleep(num)
    return num


async def main():
    results = await asyncio.gather(coro1(), coro_n(2), coro_n(3), return_exceptions=False)
    print(results)

asyncio.run(main())

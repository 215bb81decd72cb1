"""Counts primes on all cores, with a limit of time, while asyncio does something else. See main.rs for how it is run."""

import asyncio
import sys

import primes


async def main(limit, seconds):
    ticks = 0

    async def tick():
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    async def progress(parts, of):
        if parts % 32 == 0:
            print(f"{parts} of {of} parts")

    ticking = asyncio.create_task(tick())
    try:
        count = await asyncio.wait_for(primes.count_below(limit, progress), seconds)
        print(f"{count} primes below {limit}")
    except asyncio.TimeoutError:
        print(f"not within {seconds} seconds")
    ticking.cancel()
    print(f"asyncio went on: {ticks > 0}")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: program.py LIMIT [SECONDS]")
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) == 3 else 60.0))

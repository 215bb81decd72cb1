"""What a future of heist's awaits in Python."""

import asyncio


class Call:
    """An awaitable, which runs in a task of its own, and can be cancelled on its loop's thread."""

    def __init__(self, awaitable):
        self.awaitable = awaitable
        self.task = None
        self.is_cancelled = False

    async def run(self):
        if self.is_cancelled:
            # Cancelled before it began: a coroutine is not to be complained of as never awaited.
            if hasattr(self.awaitable, "close"):
                self.awaitable.close()
            raise asyncio.CancelledError
        self.task = asyncio.current_task()
        return await self.awaitable

    def cancel(self):
        self.is_cancelled = True
        if self.task is not None:
            self.task.cancel()

# Sample 002-14. Changed: it was all one line; the loop is a new one (since Python 3.14 get_event_loop makes none).
import asyncio

def my_callback():
    print("Callback executed at specific time")

loop = asyncio.new_event_loop()
scheduled_time = loop.time() + 10 # ten seconds from now
loop.call_at(scheduled_time, my_callback)
loop.run_forever()

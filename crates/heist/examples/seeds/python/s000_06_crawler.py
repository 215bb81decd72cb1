# Sample 000-6. Changed: the pages come from local_site.py; ClientSession is a few lines over the streams, so that aiohttp is
# not needed; since Python 3.11 wait takes no bare coroutines, so they become tasks; the loop is a new one.
import asyncio

import local_site


class Response:
    def __init__(self, reader, length):
        self.reader, self.length = reader, length

    async def text(self, encoding):
        return (await self.reader.readexactly(self.length)).decode(encoding)


class ClientSession:
    async def __aenter__(self):
        return self

    async def __aexit__(self, *exception):
        pass

    async def get(self, url):
        host, path = url.removeprefix('http://').split('/', 1)
        reader, writer = await asyncio.open_connection(*host.split(':'))
        writer.write(f'GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n'.encode())
        head = await reader.readuntil(b'\r\n\r\n')
        # Kept with the answer: a writer that nobody has closes the connection.
        response = Response(reader, int(head.split(b'Content-Length: ')[1].split(b'\r\n')[0]))
        response.writer = writer
        return response


async def get(session, queue):
    while True:
        try:
            page = queue.get_nowait()
        except asyncio.QueueEmpty:
            return
        url = template.format(page=page)
        resp = await session.get(url)
        print(await resp.text(encoding='utf-8'))
        resp.writer.close()

async def main():
    global template
    server, host = await local_site.serve()
    template = 'http://' + host + '/exercise_middleware_ip/{page}'

    async with ClientSession() as session:
        queue = asyncio.Queue()
        for page in range(1000):
            queue.put_nowait(page)
        tasks = []
        for _ in range(100):
            task = asyncio.create_task(get(session, queue))
            tasks.append(task)
        await asyncio.wait(tasks)
    server.close()


loop = asyncio.new_event_loop()
loop.run_until_complete(main())

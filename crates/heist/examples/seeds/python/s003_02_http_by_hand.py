# Sample 003-2. Changed: the imports were missing; the pages come from local_site.py, on a port of its own.
import asyncio
import time
import urllib.parse

import local_site


async def get_url(url):
    url = urllib.parse.urlparse(url)
    host = url.netloc
    path = url.path if url.path != '' else '/'

    reader, writer = await asyncio.open_connection(url.hostname, url.port)

    writer.write('GET {} HTTP/1.1\r\nHost:{}\r\nConnection:Close\r\n\r\n'.format(path, host).encode('utf8'))

    all_lines = []
    async for raw_line in reader:  # StreamReader has __anext__, so there is async for
        line = raw_line.decode()
        all_lines.append(line)
    writer.close()

    html = '\n'.join(all_lines)
    return html


async def main():
    server, host = await local_site.serve()
    tasks = []
    for i in range(20):
        tasks.append(asyncio.ensure_future(get_url('http://' + host)))

    for task in asyncio.as_completed(tasks):  # takes the result
        result = await task
        print(result)
    server.close()


if __name__ == '__main__':
    start = time.time()
    loop = asyncio.new_event_loop()
    loop.run_until_complete(main())
    print(time.time() - start)

# A site of the program's own, so that the samples that fetch pages need no internet.
import asyncio


async def answer(reader, writer):
    head = await reader.readuntil(b'\r\n\r\n')
    body = b'page ' + head.split(b' ')[1] + b'\n'
    head = 'HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n'.format(len(body))
    writer.write(head.encode() + body)
    await writer.drain()
    writer.close()


async def serve():
    server = await asyncio.start_server(answer, '127.0.0.1', 0)
    return server, '{}:{}'.format(*server.sockets[0].getsockname())

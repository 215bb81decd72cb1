//! [`upgraded`]: connections that stop being HTTP.

use std::io;

use ::hyper::upgrade::{OnUpgrade, Parts};

use crate::StreamPair;

/// The streams of a connection of HTTP/1 that goes on as something else: WebSocket, a tunnel. Waits until the answer with
/// status 101, or 200 to `CONNECT`, has been sent.
///
/// What the peer has said early is in the reader. From here on the streams belong to the caller; the server waits for their end, and
/// [`shutdown`](super::HttpServer::shutdown) names those who do not end.
///
/// ```
/// use hyper::{Request, Response, StatusCode, body::Incoming};
///
/// async fn shout(mut request: Request<Incoming>) -> Result<Response<String>, std::convert::Infallible> {
///     let upgrade = hyper::upgrade::on(&mut request);
///     heist::create_task(async move {
///         let (mut reader, writer) = heist::serve::upgraded(upgrade).await?.into_parts();
///         while let Some(line) = reader.next_line().await? {
///             writer.write(&line.to_ascii_uppercase());
///         }
///         Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
///     });
///     let answer = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS);
///     Ok(answer.header("connection", "upgrade").header("upgrade", "shout").body(String::new()).unwrap())
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// heist::run(async {
///     let server = heist::serve("127.0.0.1:0", tower::service_fn(shout)).await?;
///     let (mut reader, writer) = heist::open_connection(server.sockets()[0].local_addr()?).await?;
///     writer.write(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: shout\r\n\r\nhello\n");
///     reader.readuntil(b"\r\n\r\n").await?;
///     assert_eq!(reader.readline().await?, b"HELLO\n");
///     Ok(())
/// })
/// # }
/// ```
///
/// # Errors
///
/// [`Unsupported`](io::ErrorKind::Unsupported) for a request of HTTP/2, or of another server than ours; hyper's own where the
/// connection has ended, or the request had asked for no upgrade.
///
/// # Cancel safety
///
/// Dropping the future drops the connection.
pub async fn upgraded(upgrade: OnUpgrade) -> io::Result<StreamPair> {
    let upgraded = upgrade.await.map_err(io::Error::other)?;
    let Ok(Parts { io, read_buf, .. }) = upgraded.downcast::<StreamPair>() else {
        let message = "only a connection of HTTP/1 of heist::serve has streams of its own";
        return Err(io::Error::new(io::ErrorKind::Unsupported, message));
    };
    let (mut reader, writer) = io.into_parts();
    reader.unread(&read_buf);
    Ok(StreamPair::new(reader, writer))
}

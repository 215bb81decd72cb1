//! `ClientSession`, as the crawler uses aiohttp's: GET of plain HTTP, a connection for each request.

use std::error::Error;

use heist::StreamReader;

type Failure = Box<dyn Error + Send + Sync>;

#[derive(Clone, Debug)]
pub(crate) struct ClientSession;

/// An answer, whose body is yet to be read.
#[derive(Debug)]
pub(crate) struct Response {
    reader: StreamReader,
    length: usize,
}

impl ClientSession {
    pub(crate) fn new() -> Self {
        Self
    }

    /// Asks for `url`, and reads the head of the answer.
    pub(crate) async fn get(&self, url: &str) -> Result<Response, Failure> {
        let rest = url.strip_prefix("http://").ok_or("the address should begin with http://")?;
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (mut reader, writer) = heist::open_connection(host).await?;
        let request = format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        writer.write(request.as_bytes());
        let head = String::from_utf8(reader.readuntil(b"\r\n\r\n").await?)?;
        if !head.starts_with("HTTP/1.1 200 ") {
            return Err(format!("{url}: {}", head.lines().next().unwrap_or_default()).into());
        }
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
        Ok(Response { reader, length: length.ok_or("an answer without a length")?.parse()? })
    }
}

impl Response {
    /// The whole body.
    pub(crate) async fn text(mut self) -> Result<String, Failure> {
        Ok(String::from_utf8(self.reader.readexactly(self.length).await?)?)
    }
}

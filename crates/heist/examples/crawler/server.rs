//! The site that is crawled: an HTTP/1.1 server on 127.0.0.1, written on plain sockets (`heist::net`).
//!
//! What a page is like depends on its number and the seed alone: most come at once, some slowly, and some not at all, each
//! in its own way. So a test knows how a crawl must end.

use std::fmt::Write;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use heist::net::{TcpListener, TcpStream};

/// How long accepting rests after an error: out of descriptors, most likely, which takes others to end first.
const REST: Duration = Duration::from_millis(20);
/// How many connections may wait to be accepted; Linux allows no more unless told to.
const LONGEST_LINE: i32 = 4096;
/// How long a request's head may be, in bytes.
const LONGEST_HEAD: usize = 8 << 10;

/// A site that is being served, until its event loop ends.
pub(crate) struct Site {
    pub(crate) address: SocketAddr,
}

impl Site {
    /// Begins to serve; port 0 is any free one.
    pub(crate) async fn start(port: u16, seed: u64) -> io::Result<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let listener = std::net::TcpListener::bind(address).map_err(|error| {
            let message = match error.kind() {
                io::ErrorKind::AddrInUse => {
                    format!("port {port} is taken; choose another with --port, or leave --port out for any free one")
                }
                io::ErrorKind::PermissionDenied => {
                    format!("port {port} needs a privilege; choose one from 1024 up with --port")
                }
                _ => format!("cannot listen on {address}: {error}; --port chooses another port"),
            };
            io::Error::new(error.kind(), message)
        })?;
        // All workers may come at once; who finds the line too long tries again a second later.
        socket2::SockRef::from(&listener).listen(LONGEST_LINE)?;
        let listener = TcpListener::from_std(listener)?;
        let address = listener.local_addr()?;
        heist::create_task(serve(listener, seed)).set_name("site");
        Ok(Self { address })
    }
}

async fn serve(listener: TcpListener, seed: u64) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // The task runs on by itself; a client that is gone is no concern of the site's.
                drop(heist::create_task(answer(stream, seed)));
            }
            Err(_) => heist::sleep(REST).await,
        }
    }
}

/// How the site answers a request for a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// At once, with its length.
    Plain,
    /// At once; the end of the stream is the end of the page.
    UntilEnd,
    /// After a while, in pieces.
    Slow(Duration),
    NotFound,
    ServerError,
    /// Half of it, then the connection is reset.
    Reset,
    /// Half of it, then the end.
    CutShort,
}

impl Manner {
    pub(crate) fn of(page: u64, seed: u64) -> Self {
        let chance = mix(page, seed);
        match chance % 100 {
            0..=79 => Self::Plain,
            80..=84 => Self::UntilEnd,
            85..=91 => Self::Slow(Duration::from_millis(40 + (chance >> 32) % 360)),
            92..=94 => Self::NotFound,
            95 | 96 => Self::ServerError,
            97 | 98 => Self::Reset,
            _ => Self::CutShort,
        }
    }

    /// What the summary counts the page under, if it is an error.
    #[allow(dead_code, reason = "for the tests")]
    pub(crate) fn error(self) -> Option<&'static str> {
        match self {
            Self::Plain | Self::UntilEnd | Self::Slow(_) => None,
            Self::NotFound => Some("HTTP 404"),
            Self::ServerError => Some("HTTP 500"),
            Self::Reset => Some("connection reset"),
            Self::CutShort => Some("cut short"),
        }
    }
}

/// A number that looks random: splitmix64.
fn mix(page: u64, seed: u64) -> u64 {
    let mut z = page.wrapping_add(seed.rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Some HTML, with links to a few other pages.
fn html(page: u64, seed: u64) -> String {
    let mut html = format!("<!doctype html>\n<title>Page {page}</title>\n<h1>Page {page}</h1>\n");
    for link in 0..1 + mix(page, !seed) % 8 {
        let target = mix(page, seed ^ link) % 1000;
        let _ = writeln!(html, "<a href=\"/page/{target}\">on to page {target}</a>");
    }
    // 1 to 32 KiB of text.
    let length = 1024 + (mix(page, seed ^ 0xfeed) % 31 * 1024) as usize;
    while html.len() < length {
        html.push_str("<p>It was a dark and stormy night; the rain fell in torrents.\n");
    }
    html
}

async fn answer(mut stream: TcpStream, seed: u64) -> io::Result<()> {
    let Some(page) = read_request(&mut stream).await? else {
        return respond(&mut stream, "400 Bad Request", "this site knows GET /page/NUMBER\n").await;
    };
    let body = html(page, seed);
    let half = &body[..body.len() / 2];
    match Manner::of(page, seed) {
        Manner::Plain => respond(&mut stream, "200 OK", &body).await,
        Manner::UntilEnd => {
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n";
            stream.write_all((head.to_owned() + &body).as_bytes()).await
        }
        Manner::Slow(time) => {
            heist::sleep(time / 2).await;
            let head = head("200 OK", body.len());
            for piece in [head.as_bytes(), half.as_bytes(), &body.as_bytes()[half.len()..]] {
                stream.write_all(piece).await?;
                heist::sleep(time / 6).await;
            }
            Ok(())
        }
        Manner::NotFound => respond(&mut stream, "404 Not Found", "no such page\n").await,
        Manner::ServerError => respond(&mut stream, "500 Internal Server Error", "out of ideas\n").await,
        Manner::Reset => {
            stream.write_all((head("200 OK", body.len()) + half).as_bytes()).await?;
            // No lingering: the connection is thrown away, with all that is under way.
            stream.set_linger(Some(Duration::ZERO))
        }
        Manner::CutShort => stream.write_all((head("200 OK", body.len()) + half).as_bytes()).await,
    }
}

/// The number of the page that is asked for; `None` when something else is.
async fn read_request(stream: &mut TcpStream) -> io::Result<Option<u64>> {
    let mut request = Vec::new();
    let mut buf = [0; 1024];
    // All of it is read before the answer: closing with unread bytes would reset the connection.
    while !request.ends_with(b"\r\n\r\n") {
        let n = stream.read(&mut buf).await?;
        if n == 0 || request.len() + n > LONGEST_HEAD {
            return Ok(None);
        }
        request.extend_from_slice(&buf[..n]);
    }
    let line = request.split(|&byte| byte == b'\r').next().and_then(|line| std::str::from_utf8(line).ok());
    Ok(line
        .and_then(|line| line.strip_prefix("GET /page/"))
        .and_then(|rest| rest.split(' ').next())
        .and_then(|page| page.parse().ok()))
}

fn head(status: &str, length: usize) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    )
}

async fn respond(stream: &mut TcpStream, status: &str, body: &str) -> io::Result<()> {
    stream.write_all((head(status, body.len()) + body).as_bytes()).await
}

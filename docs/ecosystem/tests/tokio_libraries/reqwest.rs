//! reqwest, against a server of ours and against nginx.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use heist::tls::TlsAcceptor;
use heist::{Queue, Server, StreamReader, StreamWriter, create_task, gather, start_server, to_thread};
use reqwest::{Certificate, Client, StatusCode};
use rustix::process::Signal;

use crate::support::Directory;
use crate::support::certificates::Authority;
use crate::support::daemon::Daemon;
use crate::support::peers;
use crate::with_tokio;

const SHORT: Duration = Duration::from_millis(100);

/// An HTTP/1.1 server: a GET gives its path, a POST its body, and `/never` nothing at all, for as long as the client stays.
/// `ended` gets an item for each client of that one that has gone.
async fn serve(mut reader: StreamReader, writer: StreamWriter, ended: Queue<()>) -> io::Result<()> {
    while let Ok(method) = reader.readexactly(4).await {
        if !matches!(&method[..], b"GET " | b"POST") {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "this is not HTTP"));
        }
        let head = reader.readuntil(b"\r\n\r\n").await.map_err(io::Error::other)?;
        let head = String::from_utf8([method, head].concat()).map_err(io::Error::other)?.to_lowercase();
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length = length.and_then(|length| length.parse().ok()).unwrap_or(0);
        let body = reader.readexactly(length).await?;
        if path == "/never" {
            assert!(reader.read(1).await?.is_empty(), "the client says nothing more");
            return ended.put_nowait(()).map_err(io::Error::other);
        }
        let body = if head.starts_with("post") { body } else { path.into_bytes() };
        writer.write(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes());
        writer.write(&body);
        writer.drain().await?;
    }
    Ok(())
}

/// Starts it; with TLS where there is an acceptor.
async fn started(tls: Option<TlsAcceptor>, ended: Queue<()>) -> (Server, SocketAddr) {
    let serving = start_server(move |reader, writer| serve(reader, writer, ended), "127.0.0.1:0");
    let server = match tls {
        Some(acceptor) => serving.tls(acceptor).await.unwrap(),
        None => serving.await.unwrap(),
    };
    let address = server.sockets()[0].local_addr().unwrap();
    (server, address)
}

async fn plain() -> (Server, SocketAddr) {
    started(None, Queue::new()).await
}

/// A client that trusts an authority, or nobody.
fn client(authority: Option<&Authority>) -> Client {
    // Which cryptography reqwest uses is for the program to say, once; here several tests do.
    let _ = heist::tls::rustls::crypto::ring::default_provider().install_default();
    let roots = authority.map(|authority| Certificate::from_pem(authority.pem().as_bytes()).unwrap());
    Client::builder().no_proxy().tls_certs_only(roots).build().unwrap()
}

#[test]
fn requests_from_every_task_share_a_client() {
    with_tokio(|| async {
        let (_server, address) = plain().await;
        let client = client(None);
        let tasks = (0..50).map(|number| {
            let client = client.clone();
            create_task(async move {
                let response = client.get(format!("http://{address}/{number}")).send().await?;
                assert_eq!(response.status(), StatusCode::OK);
                response.text().await
            })
        });
        for (number, text) in gather(tasks).await.unwrap().into_iter().enumerate() {
            assert_eq!(text.unwrap(), format!("/{number}"));
        }
    });
}

#[test]
fn a_large_body_goes_there_and_back() {
    with_tokio(|| async {
        let (_server, address) = plain().await;
        let body: Vec<u8> = (0..1 << 20).map(|index| (index % 251) as u8).collect();
        let response =
            client(None).post(format!("http://{address}/")).body(body.clone()).send().await.unwrap();
        assert_eq!(response.bytes().await.unwrap(), body);
    });
}

#[test]
fn a_thread_for_blocking_work_may_use_it() {
    with_tokio(|| async {
        let (_server, address) = plain().await;
        let client = client(None);
        let text = to_thread(move || {
            let fetched =
                async { client.get(format!("http://{address}/from-a-thread")).send().await?.text().await };
            tokio::runtime::Handle::current().block_on(fetched)
        });
        assert_eq!(text.await.unwrap().unwrap(), "/from-a-thread");
    });
}

#[test]
fn tls_with_a_given_root() {
    with_tokio(|| async {
        let authority = Authority::new();
        let (_server, address) = started(Some(authority.acceptor()), Queue::new()).await;
        let url = format!("https://localhost:{}/secret", address.port());
        let text = client(Some(&authority)).get(&url).send().await.unwrap().text().await.unwrap();
        assert_eq!(text, "/secret");

        let stranger = client(Some(&Authority::new())).get(&url).send().await.unwrap_err();
        assert!(stranger.is_connect(), "{stranger:?}");
        let plain = client(None).get(format!("http://{address}/")).send().await;
        assert!(plain.is_err(), "a plain client on a port with TLS");
    });
}

#[test]
fn tls_on_a_plain_port_is_an_error() {
    with_tokio(|| async {
        let (_server, address) = plain().await;
        let error =
            client(Some(&Authority::new())).get(format!("https://{address}/")).send().await.unwrap_err();
        assert!(error.is_connect(), "{error:?}");
        assert_eq!(
            client(None).get(format!("http://{address}/on")).send().await.unwrap().text().await.unwrap(),
            "/on"
        );
    });
}

#[test]
fn its_timeout_ours_and_a_cancel_all_close_the_connection() {
    with_tokio(|| async {
        let ended = Queue::new();
        let (_server, address) = started(None, ended.clone()).await;
        let never = format!("http://{address}/never");

        let timeout = client(None).get(&never).timeout(SHORT).send().await.unwrap_err();
        assert!(timeout.is_timeout(), "{timeout:?}");
        ended.get().await.unwrap();

        let client = client(None);
        heist::timeout(SHORT, client.get(&never).send()).await.unwrap_err();
        ended.get().await.unwrap();

        let request = client.get(&never).send();
        let task = create_task(request);
        heist::sleep(SHORT).await;
        task.cancel();
        assert!(task.await.unwrap_err().is_cancelled());
        ended.get().await.unwrap();
    });
}

#[test]
fn the_example_fetches() {
    with_tokio(|| async {
        let (_server, address) = plain().await;
        let urls = ["page", "never"].map(|path| format!("http://{address}/{path}"));
        let lines = crate::fetch::describe_all(&client(None), SHORT, urls.to_vec()).await;
        let [page, never] = urls;
        assert_eq!(lines, [format!("{page}: 200 OK, 5 bytes"), format!("{never}: nothing within 0.1 s")]);
    });
}

#[test]
fn nobody_listens() {
    with_tokio(|| async {
        let address = heist::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let error = client(None).get(format!("http://{address}/")).send().await.unwrap_err();
        assert!(error.is_connect(), "{error:?}");
    });
}

#[test]
fn pages_of_nginx() {
    let Some(nginx) = peers::find("nginx") else { return };
    let directory = Directory::new("nginx");
    let page = "a page\n".repeat(100_000);
    fs::create_dir(directory.file("www")).unwrap();
    fs::write(directory.file("www/page"), &page).unwrap();
    let configuration = directory.file("conf");
    let command = |port| {
        fs::write(&configuration, peers::nginx_configuration(directory.path(), port)).unwrap();
        let mut command = Command::new(&nginx);
        command.arg("-p").arg(directory.path()).arg("-c").arg(&configuration).args(["-e", "stderr"]);
        command
    };
    let (_nginx, port) = Daemon::on_free_port(command, "event method", Signal::TERM);
    with_tokio(|| async {
        let client = client(None);
        let tasks = (0..8).map(|_| create_task(client.get(format!("http://127.0.0.1:{port}/page")).send()));
        for response in gather(tasks).await.unwrap() {
            assert!(response.unwrap().text().await.unwrap() == page);
        }
        let missing = client.get(format!("http://127.0.0.1:{port}/missing")).send().await.unwrap();
        assert_eq!(missing.status(), StatusCode::NOT_FOUND);
    });
}

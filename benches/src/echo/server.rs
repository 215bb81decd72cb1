//! The server of each peer.

use std::io::{self, BufRead};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Command, Stdio};
use std::thread;

use crate::os;
use crate::peer::{Flavour, Peer, PeerId, Runtime, with_peer};

/// Bytes that one read may take.
pub(crate) const BUFFER: usize = 4096;

/// Serves until its input ends.
pub(crate) fn run(peer: PeerId) -> Result<(), String> {
    serve(peer, |address| {
        println!("listening {}", address.port());
        thread::spawn(answer_questions);
    })
}

/// Answers `stat`, and ends the process when the input ends.
fn answer_questions() {
    for line in io::stdin().lock().lines() {
        match line.as_deref() {
            Ok("stat") => {
                println!(
                    "{}",
                    serde_json::json!({"cpu_ns": os::cpu_ns(), "switches": os::context_switches()})
                );
            }
            _ => break,
        }
    }
    std::process::exit(0);
}

/// Starts a client of its own and ends with it.
pub(crate) fn run_until_client_ends(peer: PeerId, connections: usize, requests: u64) -> Result<(), String> {
    let program = std::env::current_exe().map_err(|error| format!("where is this program? {error}"))?;
    serve(peer, move |address| {
        let mut command = Command::new(program);
        command.args(["--echo-client", &address.port().to_string(), &connections.to_string()]);
        command.args(["--requests", &requests.to_string()]).stdin(Stdio::null()).stdout(Stdio::null());
        thread::spawn(move || {
            let ended_well = command.status().is_ok_and(|status| status.success());
            std::process::exit(if ended_well { 0 } else { 1 });
        });
    })
}

fn serve(peer: PeerId, ready: impl FnOnce(SocketAddr) + Send + 'static) -> Result<(), String> {
    os::raise_descriptor_limit();
    if peer.runtime == Runtime::Plain {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| format!("cannot listen: {error}"))?;
        ready(listener.local_addr().map_err(|error| error.to_string())?);
        return super::plain::serve(&listener).map_err(|error| format!("the plain server failed: {error}"));
    }
    let (failure, failures) = std::sync::mpsc::channel();
    with_peer!(peer.runtime, P => serve_on::<P>(peer.flavour, ready, failure));
    Err(failures
        .recv()
        .map_or_else(|_| "the server ended".into(), |error| format!("the server failed: {error}")))
}

fn serve_on<P: Peer>(
    flavour: Flavour,
    ready: impl FnOnce(SocketAddr) + Send + 'static,
    failure: std::sync::mpsc::Sender<io::Error>,
) {
    P::run(flavour, async move {
        let accepting = P::spawn(async move {
            if let Err(error) = accept::<P>(ready).await {
                let _ = failure.send(error);
            }
            0
        });
        P::join(accepting).await
    });
}

/// Accepts for ever, a task for each connection.
async fn accept<P: Peer>(ready: impl FnOnce(SocketAddr) + Send + 'static) -> io::Result<()> {
    let (listener, address) = P::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
    ready(address);
    loop {
        let stream = P::accept(&listener).await?;
        P::spawn_detached(async move {
            // A client that vanishes ends its connection and nothing else.
            let _ = connection::<P>(stream).await;
            0
        });
    }
}

async fn connection<P: Peer>(mut stream: P::Stream) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        let count = P::read(&mut stream, &mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        P::write_all(&mut stream, &buffer[..count]).await?;
    }
}

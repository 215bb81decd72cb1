//! The server of each peer.

use std::io::{self, BufRead};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;

use serde_json::json;

use super::bulk::{CHUNK, FILLING};
use super::http::{self, Hyper};
use super::scenario::{Scenario, Service};
use crate::os;
use crate::peer::{Flavour, Peer, PeerId, Runtime, with_peer};
use crate::workload::Workload;

/// Bytes that one read of an echo may take.
pub(crate) const BUFFER: usize = 4096;

/// Serves until its input ends.
pub(crate) fn run(peer: PeerId, service: Service) -> Result<(), String> {
    serve(peer, service, |address| {
        println!("listening {}", address.port());
        thread::spawn(answer_questions);
    })
}

/// Answers `stat`, and ends the process when the input ends.
fn answer_questions() {
    for line in io::stdin().lock().lines() {
        match line.as_deref() {
            Ok("stat") => {
                let stat = json!({
                    "cpu_ns": os::cpu_ns(),
                    "switches": os::context_switches(),
                    "resident_bytes": os::resident_bytes(),
                    "live_bytes": os::live_bytes(),
                });
                println!("{stat}");
            }
            _ => break,
        }
    }
    std::process::exit(0);
}

/// Starts a client of its own and ends with it.
pub(crate) fn run_until_client_ends(
    workload: Workload,
    scenario: Scenario,
    peer: PeerId,
    requests: u64,
) -> Result<(), String> {
    let program = os::program(false)?;
    serve(peer, scenario.service(), move |address| {
        let mut command = Command::new(program);
        command.args(["--net-client", &address.port().to_string(), workload.name]);
        command.args(["--requests", &requests.to_string()]).stdin(Stdio::null()).stdout(Stdio::null());
        thread::spawn(move || {
            let ended_well = command.status().is_ok_and(|status| status.success());
            std::process::exit(if ended_well { 0 } else { 1 });
        });
    })
}

fn serve(
    peer: PeerId,
    service: Service,
    ready: impl FnOnce(SocketAddr) + Send + 'static,
) -> Result<(), String> {
    os::raise_descriptor_limit();
    if peer.runtime == Runtime::Plain {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| format!("cannot listen: {error}"))?;
        ready(listener.local_addr().map_err(|error| error.to_string())?);
        let served = match service {
            Service::Echo | Service::Hold | Service::Http => super::plain::serve(&listener, service),
            Service::Sink | Service::Source => super::plain::serve_bulk(&listener, service),
        };
        return served.map_err(|error| format!("the plain server failed: {error}"));
    }
    if peer.runtime == Runtime::HeistStreams {
        let served = super::streams::serve(peer.flavour, service, ready);
        return served.map_err(|error| format!("the server of streams failed: {error}"));
    }
    let (failure, failures) = mpsc::channel();
    with_peer!(peer.runtime, P in [Heist, Tokio, Smol] => serve_on::<P>(peer.flavour, service, ready, failure));
    Err(failures
        .recv()
        .map_or_else(|_| "the server ended".into(), |error| format!("the server failed: {error}")))
}

fn serve_on<P: Hyper>(
    flavour: Flavour,
    service: Service,
    ready: impl FnOnce(SocketAddr) + Send + 'static,
    failure: mpsc::Sender<io::Error>,
) {
    P::run(flavour, async move {
        let accepting = P::spawn(async move {
            if let Err(error) = accept::<P>(service, ready).await {
                let _ = failure.send(error);
            }
            0
        });
        P::join(accepting).await
    });
}

/// Accepts for ever, a task for each connection. A client that vanishes ends its connection and nothing else.
async fn accept<P: Hyper>(
    service: Service,
    ready: impl FnOnce(SocketAddr) + Send + 'static,
) -> io::Result<()> {
    let (listener, address) = P::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
    ready(address);
    loop {
        let stream = P::accept(&listener).await?;
        // A future of its own for each service: one for all would be as large as the largest.
        match service {
            Service::Echo => P::spawn_detached(async move { echo::<P>(stream).await.map_or(1, |()| 0) }),
            Service::Hold => P::spawn_detached(async move { hold::<P>(stream).await.map_or(1, |()| 0) }),
            Service::Http => {
                P::spawn_detached(async move { http::serve::<P>(stream).await.map_or(1, |()| 0) });
            }
            Service::Sink => P::spawn_detached(async move { sink::<P>(stream).await.map_or(1, |()| 0) }),
            Service::Source => P::spawn_detached(async move { source::<P>(stream).await.map_or(1, |()| 0) }),
        }
    }
}

async fn echo<P: Peer>(mut stream: P::Stream) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        let count = P::read(&mut stream, &mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        P::write_all(&mut stream, &buffer[..count]).await?;
    }
}

async fn hold<P: Peer>(mut stream: P::Stream) -> io::Result<()> {
    let mut buffer = [0; 8];
    loop {
        let count = P::read(&mut stream, &mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        P::write_all(&mut stream, &buffer[..count]).await?;
    }
}

async fn sink<P: Peer>(mut stream: P::Stream) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    while P::read(&mut stream, &mut buffer).await? > 0 {}
    Ok(())
}

/// Ends with an error when the client closes.
async fn source<P: Peer>(mut stream: P::Stream) -> io::Result<()> {
    let chunk = vec![FILLING; CHUNK];
    loop {
        P::write_all(&mut stream, &chunk).await?;
    }
}

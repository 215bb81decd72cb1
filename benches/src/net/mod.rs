//! Sockets: a server process for each peer, and one neutral client process for all of them.
//!
//! The clients are plain: an epoll loop on one thread, or threads that block. They check what comes back, and are the
//! same program whatever they talk to. The server's processor time, context switches and memory are the difference of
//! what its process reports before the first and after the last measured request: nothing samples while requests run.
//!
//! Protocol over the children's pipes, line by line: a server says `listening PORT` and answers `stat`; it ends when its
//! input ends. A client says `ready` when it is warm, waits for `go`, then says its result as JSON.

mod bulk;
mod client;
mod http;
mod latency;
mod paced;
mod plain;
mod scenario;
mod server;
mod spoken;
mod streams;
mod talk;
mod visits;

use std::io;

use serde_json::Value;

pub(crate) use bulk::Direction;
pub(crate) use http::Hyper;
pub(crate) use latency::SHARES;
pub(crate) use scenario::Scenario;
pub(crate) use server::run as run_server;

use crate::measure::{Measured, Timing};
use crate::peer::PeerId;
use crate::workload::{Metric, Workload};
use spoken::Spoken;

/// Bytes of a request and of its echo.
pub(crate) const MESSAGE: usize = 64;

/// Descriptors that a process needs beside its connections.
const SPARE_DESCRIPTORS: u64 = 64;

/// Takes one measurement.
pub(crate) fn measure(
    workload: Workload,
    scenario: Scenario,
    peer: PeerId,
    timing: Timing,
) -> Result<Measured, String> {
    let wanted = scenario.connections() as u64 + SPARE_DESCRIPTORS;
    let descriptors = crate::os::raise_descriptor_limit();
    if wanted > descriptors {
        return Err(format!("{wanted} descriptors are wanted and {descriptors} allowed: raise `ulimit -n`"));
    }
    let (service, placement) = (scenario.service().to_string(), scenario.placement());
    // A process begins where the thread was that started it.
    placement.bind_first();
    let mut server = Spoken::start(scenario == Scenario::Idle, &["--net-server", peer.name, &service])?;
    let port = server.hear()?;
    let port = port.strip_prefix("listening ").ok_or_else(|| format!("the server said `{port}`"))?;
    let _neighbour = match scenario {
        Scenario::PacedBusy => Some(Spoken::start(false, &["--busy"])?),
        _ => None,
    };
    let mut arguments = vec!["--net-client", port, workload.name];
    if timing.quick {
        arguments.push("--quick");
    }
    placement.bind_second();
    let mut client = Spoken::start(false, &arguments)?;
    let ready = client.hear()?;
    if ready != "ready" {
        return Err(format!("the client said `{ready}`"));
    }
    server.say("stat")?;
    let before = server.hear_json()?;
    client.say("go")?;
    let result = client.hear_json()?;
    server.say("stat")?;
    let after = server.hear_json()?;
    let figure = |metric: &Metric| Ok((metric.key, figure(metric, &result, &before, &after)?));
    let curve = result["curve"].as_array().map(|curve| curve.iter().filter_map(Value::as_f64).collect());
    Ok(Measured {
        metrics: workload.metrics.iter().map(figure).collect::<Result<_, String>>()?,
        curve: curve.unwrap_or_default(),
    })
}

/// A metric of the server is a difference, by operation; every other one is what the client says.
fn figure(metric: &Metric, result: &Value, before: &Value, after: &Value) -> Result<f64, String> {
    let number =
        |value: &Value, key: &str| value[key].as_f64().ok_or_else(|| format!("no `{key}` in {value}"));
    let by_operation =
        |key| Ok::<_, String>((number(after, key)? - number(before, key)?) / number(result, "operations")?);
    match (metric.key, metric.unit) {
        ("server cpu", "s per GiB") => Ok(by_operation("cpu_ns")? / 1e9),
        ("server cpu", _) => Ok(by_operation("cpu_ns")? / 1e3),
        ("server switches", _) => by_operation("switches"),
        ("asked for", _) => by_operation("live_bytes"),
        ("resident", _) => by_operation("resident_bytes"),
        (key, _) => number(result, key),
    }
}

/// A client is warm: it says so, and waits for its parent where there is one to wait for.
fn wait_for_go(has_parent: bool) -> Result<(), String> {
    println!("ready");
    if has_parent {
        io::stdin().read_line(&mut String::new()).map_err(|error| format!("no `go` came: {error}"))?;
    }
    Ok(())
}

/// Serves exactly `requests` requests and ends, for an instrument: the client is a child of its own.
pub(crate) fn serve_for_counter(
    workload: Workload,
    scenario: Scenario,
    peer: PeerId,
    requests: u64,
) -> Result<(), String> {
    server::run_until_client_ends(workload, scenario, peer, requests)
}

//! A JSON API on axum: things that can be listed, made, changed and removed, and a counter.
//!
//! ```sh
//! cargo run --release -p heist-ecosystem --example axum_api -- --listen 127.0.0.1:8080
//! curl -d '{"name":"lamp","price":20}' -H 'content-type: application/json' http://127.0.0.1:8080/things
//! curl http://127.0.0.1:8080/things
//! ```
//!
//! What it shows: a router of axum on `heist::serve`, without axum's feature `tokio`; state that is shared behind one of
//! heist's locks; errors as JSON; limits of connections, heads and times; a graceful end at Ctrl-C and SIGTERM, with a report of
//! who did not keep the limit. Needs the feature `serve`. `tests/axum_api.rs` asks it with curl, and puts it under load.
// ci: build only, it serves until Ctrl-C: tests/axum_api.rs runs it

#![forbid(unsafe_code)]

#[path = "../../../crates/heist/examples/support/args.rs"]
mod args;
#[path = "support/seconds.rs"]
mod seconds;
#[path = "support/stop.rs"]
mod stop;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use heist::sync::RwLock;
use serde::{Deserialize, Serialize};

use args::opt;
use seconds::Seconds;

const HELP: &str = "\
Keeps a list of things, in JSON over HTTP.

  GET /things, POST /things, GET|PUT|DELETE /things/NUMBER, POST /count

  --listen ADDRESS      where it listens; 127.0.0.1:0 unless given
  --max-connections N   so many clients at a time, others wait; 10000 unless given
  --shutdown-limit S    seconds that requests may go on after Ctrl-C; 10 unless given
  --help                show this";

/// What a client says of a thing.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Thing {
    name: String,
    price: u64,
}

/// A thing that is kept.
#[derive(Debug, Serialize)]
struct Kept {
    number: u64,
    #[serde(flatten)]
    thing: Thing,
}

/// What all requests share.
#[derive(Default)]
struct Shop {
    things: RwLock<BTreeMap<u64, Thing>>,
    /// The number that was given out last.
    last: AtomicU64,
    count: AtomicU64,
}

/// What a request fails with, told in JSON.
struct Failure(StatusCode, String);

impl Failure {
    fn unknown(number: u64) -> Self {
        Self(StatusCode::NOT_FOUND, format!("there is no thing {number}"))
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.0, Json(serde_json::json!({ "error": self.1 }))).into_response()
    }
}

impl From<JsonRejection> for Failure {
    fn from(rejection: JsonRejection) -> Self {
        Self(rejection.status(), rejection.body_text())
    }
}

/// A body that should be a thing.
type Given = Result<Json<Thing>, JsonRejection>;

async fn list(State(shop): State<Arc<Shop>>) -> Json<Vec<Kept>> {
    let things = shop.things.read().await;
    Json(things.iter().map(|(&number, thing)| Kept { number, thing: thing.clone() }).collect())
}

async fn make(State(shop): State<Arc<Shop>>, given: Given) -> Result<impl IntoResponse, Failure> {
    let Json(thing) = given?;
    let number = shop.last.fetch_add(1, Ordering::Relaxed) + 1;
    shop.things.write().await.insert(number, thing.clone());
    let place = [("location", format!("/things/{number}"))];
    Ok((StatusCode::CREATED, place, Json(Kept { number, thing })))
}

async fn show(State(shop): State<Arc<Shop>>, Path(number): Path<u64>) -> Result<Json<Kept>, Failure> {
    let thing = shop.things.read().await.get(&number).cloned().ok_or(Failure::unknown(number))?;
    Ok(Json(Kept { number, thing }))
}

async fn change(
    State(shop): State<Arc<Shop>>,
    Path(number): Path<u64>,
    given: Given,
) -> Result<Json<Kept>, Failure> {
    let Json(thing) = given?;
    let mut things = shop.things.write().await;
    *things.get_mut(&number).ok_or(Failure::unknown(number))? = thing.clone();
    Ok(Json(Kept { number, thing }))
}

async fn remove(State(shop): State<Arc<Shop>>, Path(number): Path<u64>) -> Result<StatusCode, Failure> {
    shop.things.write().await.remove(&number).ok_or(Failure::unknown(number))?;
    Ok(StatusCode::NO_CONTENT)
}

/// Each request gets a number of its own.
async fn count(State(shop): State<Arc<Shop>>) -> Json<u64> {
    Json(shop.count.fetch_add(1, Ordering::Relaxed) + 1)
}

/// The API, with nothing in it yet.
pub(crate) fn router() -> Router {
    Router::new()
        .route("/things", get(list).post(make))
        .route("/things/{number}", get(show).put(change).delete(remove))
        .route("/count", post(count))
        .with_state(Arc::new(Shop::default()))
}

/// What the command line chooses.
struct Options {
    listen: String,
    max_connections: usize,
    shutdown_limit: Seconds,
}

/// Serves until Ctrl-C or SIGTERM.
async fn serve(options: Options) -> io::Result<()> {
    let stop = stop::signals()?;
    let server = heist::serve(&*options.listen, router()).max_connections(options.max_connections).await?;
    println!("Serving on {}", server.sockets()[0].local_addr()?);
    stop.await?;
    println!("Ending, with {} connections", server.connections());
    println!("{}", server.shutdown(options.shutdown_limit.0).await);
    Ok(())
}

/// The program, given its command line.
pub(crate) fn program(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut options = Options {
        listen: "127.0.0.1:0".into(),
        max_connections: 10_000,
        shutdown_limit: Seconds(Duration::from_secs(10)),
    };
    let wish = args::read(
        args,
        &mut [
            opt("--listen", "an address such as 127.0.0.1:8080", &mut options.listen),
            opt("--max-connections", "a number of connections", &mut options.max_connections),
            opt("--shutdown-limit", "a number of seconds", &mut options.shutdown_limit),
        ],
    );
    args::program("axum_api", HELP, wish, || heist::run(serve(options)))
}

fn main() -> ExitCode {
    program(std::env::args_os().skip(1))
}

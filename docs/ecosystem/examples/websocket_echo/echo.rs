//! The handshake, and one connection.

use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::{SinkExt, StreamExt};
use heist::StreamPair;
use hyper::upgrade::OnUpgrade;
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

/// The largest message that is taken, in bytes.
pub(crate) const LARGEST: usize = 1 << 20;
/// How long a peer that was told why it has to go may take to do so.
const FAREWELL: Duration = Duration::from_secs(1);

/// The route.
pub(crate) fn router() -> Router {
    Router::new().route("/echo", get(shake_hands))
}

/// The server's side of the handshake (RFC 6455, section 4.2).
async fn shake_hands(mut request: Request) -> Response {
    let headers = request.headers();
    if !says(headers, &CONNECTION, "upgrade") || !says(headers, &UPGRADE, "websocket") {
        return (StatusCode::UPGRADE_REQUIRED, [(UPGRADE, "websocket")], "this is a WebSocket\n")
            .into_response();
    }
    if !says(headers, &SEC_WEBSOCKET_VERSION, "13") {
        return (StatusCode::UPGRADE_REQUIRED, [(SEC_WEBSOCKET_VERSION, "13")]).into_response();
    }
    let Some(key) = headers.get(SEC_WEBSOCKET_KEY) else {
        return (StatusCode::BAD_REQUEST, "sec-websocket-key is missing\n").into_response();
    };
    let accept = derive_accept_key(key.as_bytes());
    // It runs on by itself, and tells of its own troubles.
    drop(heist::create_task(serve(hyper::upgrade::on(&mut request))).with_name("WebSocket echo"));
    let headers = [
        (CONNECTION, "upgrade".to_owned()),
        (UPGRADE, "websocket".to_owned()),
        (SEC_WEBSOCKET_ACCEPT, accept),
    ];
    (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
}

/// Whether one of the words of a header is this one.
fn says(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|said| said.trim().eq_ignore_ascii_case(word))
}

/// One client, from the handshake to its end.
async fn serve(upgrade: OnUpgrade) {
    // A client that is gone before the answer is nobody's trouble.
    let Ok(streams) = heist::serve::upgraded(upgrade).await else { return };
    let config = WebSocketConfig::default().max_message_size(Some(LARGEST)).max_frame_size(Some(LARGEST));
    let mut socket = WebSocketStream::from_raw_socket(streams, Role::Server, Some(config)).await;
    let Err(error) = echo(&mut socket).await else { return };
    if let Some(why) = told(&error) {
        // It may be gone, or stay: it has had its time then.
        let _ = heist::timeout(FAREWELL, part(&mut socket, why)).await;
    }
}

/// Sends back what comes, until the client closes.
async fn echo(socket: &mut WebSocketStream<StreamPair>) -> Result<(), Error> {
    while let Some(message) = socket.next().await {
        match message? {
            message @ (Message::Text(_) | Message::Binary(_)) => socket.send(message).await?,
            // Answered by the library.
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => {}
        }
    }
    Ok(())
}

/// What a client is told that has broken the rules; nothing where it is gone.
fn told(error: &Error) -> Option<CloseFrame> {
    let code = match error {
        Error::Utf8(_) => CloseCode::Invalid,
        Error::Capacity(_) => CloseCode::Size,
        Error::Protocol(_) | Error::AttackAttempt => CloseCode::Protocol,
        _ => return None,
    };
    Some(CloseFrame { code, reason: error.to_string().into() })
}

/// Closes, and takes in what the client still sends until it has read why: bytes that nobody reads would have the system cut
/// the connection off, and with it the reason.
async fn part(socket: &mut WebSocketStream<StreamPair>, why: CloseFrame) -> Result<(), Error> {
    socket.send(Message::Close(Some(why))).await?;
    let streams = socket.get_mut();
    streams.shutdown().await?;
    tokio::io::copy(streams, &mut tokio::io::sink()).await?;
    Ok(())
}

//! Services of tower, called by hyper.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ::hyper::body::{Body, Incoming};
use ::hyper::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{BoxError, ConnectionInfo};

/// What answers requests: every service of tower that takes `Request<Incoming>`, gives a `Response` whose body is Send, and is
/// `Clone + Send + 'static`, as its futures are.
///
/// ```
/// fn is_service<S: heist::serve::HttpService>(_: &S) {}
/// is_service::<axum::Router>(&axum::Router::new());
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not answer HTTP requests",
    note = "give an `axum::Router` (its state filled in by `with_state`), or a `tower::Service<Request<Incoming>>` that is \
            `Clone + Send + 'static` and gives a `Response`"
)]
pub trait HttpService:
    Service<Request<Incoming>, Response = Response<Self::Body>, Error: Into<BoxError>, Future: Send + 'static>
    + Clone
    + Send
    + 'static
{
    /// What the answers carry.
    type Body: Body<Data: Send, Error: Into<BoxError>> + Send + 'static;
}

impl<S, B> HttpService for S
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    type Body = B;
}

/// A service of tower as hyper calls it: each request gets a clone, which is first asked whether it is ready.
pub(super) struct Visit<S> {
    pub(super) service: S,
    pub(super) info: ConnectionInfo,
}

impl<S: HttpService> ::hyper::service::Service<Request<Incoming>> for Visit<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = Call<S, S::Future>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(self.info.clone());
        Call::Asked { service: self.service.clone(), request: Some(request) }
    }
}

pin_project! {
    /// One call: waits until the service is ready, then for its answer.
    #[project = CallProjection]
    pub(super) enum Call<S, F> {
        Asked { service: S, request: Option<Request<Incoming>> },
        Called { #[pin] answer: F },
    }
}

impl<S: Service<Request<Incoming>>> Future for Call<S, S::Future> {
    type Output = Result<S::Response, S::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let answer = match self.as_mut().project() {
                CallProjection::Called { answer } => return answer.poll(cx),
                CallProjection::Asked { service, request } => {
                    ready!(service.poll_ready(cx))?;
                    match request.take() {
                        Some(request) => service.call(request),
                        None => unreachable!("a service that panicked is not called again"),
                    }
                }
            };
            self.set(Call::Called { answer });
        }
    }
}

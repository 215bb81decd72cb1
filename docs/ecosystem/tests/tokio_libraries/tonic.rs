//! tonic, a server and a channel on one loop, with the health service that comes with it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use heist::{Event, Task, create_task, gather};
use tokio::net::TcpListener;
use tonic::Code;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Error, Server};
use tonic_health::ServingStatus;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::server::{HealthReporter, health_reporter};

use crate::with_tokio;

/// A server in a task of ours, and what ends it in order.
struct Served {
    address: SocketAddr,
    reporter: HealthReporter,
    end: Arc<Event>,
    task: Task<Result<(), Error>>,
}

impl Served {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (reporter, service) = health_reporter();
        let end = Arc::new(Event::new());
        let asked = end.clone();
        let task = create_task(async move {
            let ended = async move { asked.wait().await };
            Server::builder().serve_with_incoming_shutdown(service, TcpIncoming::from(listener), ended).await
        });
        Self { address, reporter, end, task }
    }

    async fn channel(&self) -> Channel {
        Endpoint::from_shared(format!("http://{}", self.address)).unwrap().connect().await.unwrap()
    }

    async fn end(self) {
        self.end.set();
        self.task.await.unwrap().unwrap();
    }
}

fn asking_for(service: &str) -> HealthCheckRequest {
    HealthCheckRequest { service: service.to_owned() }
}

#[test]
fn calls_from_every_task_share_a_channel() {
    with_tokio(|| async {
        let served = Served::start().await;
        served.reporter.set_service_status("shop", ServingStatus::Serving).await;
        let channel = served.channel().await;
        let calls = (0..50).map(|_| {
            let mut client = HealthClient::new(channel.clone());
            create_task(async move { client.check(asking_for("shop")).await.unwrap().into_inner().status })
        });
        let serving = ServingStatus::Serving as i32;
        assert_eq!(gather(calls).await.unwrap(), vec![serving; 50]);
        let unknown = HealthClient::new(channel).check(asking_for("bakery")).await.unwrap_err();
        assert_eq!(unknown.code(), Code::NotFound);
        served.end().await;
    });
}

#[test]
fn a_stream_tells_of_changes_and_ends_when_cancelled() {
    with_tokio(|| async {
        let served = Served::start().await;
        served.reporter.set_service_status("shop", ServingStatus::Serving).await;
        let mut client = HealthClient::new(served.channel().await);
        let mut changes = client.watch(asking_for("shop")).await.unwrap().into_inner();
        assert_eq!(changes.message().await.unwrap().unwrap().status, ServingStatus::Serving as i32);
        for status in [ServingStatus::NotServing, ServingStatus::Serving, ServingStatus::NotServing] {
            served.reporter.set_service_status("shop", status).await;
            assert_eq!(changes.message().await.unwrap().unwrap().status, status as i32);
        }
        let waits = create_task(async move { changes.message().await });
        heist::sleep(Duration::from_millis(10)).await;
        waits.cancel();
        assert!(waits.await.unwrap_err().is_cancelled());
        drop(client);
        served.end().await;
    });
}

#[test]
fn a_limit_of_ours_ends_a_wait_and_a_server_that_is_gone_is_an_error() {
    with_tokio(|| async {
        let served = Served::start().await;
        served.reporter.set_service_status("shop", ServingStatus::Serving).await;
        let mut client = HealthClient::new(served.channel().await);
        let mut changes = client.watch(asking_for("shop")).await.unwrap().into_inner();
        assert!(changes.message().await.unwrap().is_some());
        assert!(
            heist::timeout(Duration::from_millis(50), changes.message()).await.is_err(),
            "nothing changes"
        );
        drop((changes, client));
        let address = served.address;
        served.end().await;
        let gone = Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await;
        assert!(gone.is_err());
    });
}

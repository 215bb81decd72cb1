//! async-nats, against a NATS server.

use std::process::Command;
use std::time::Duration;

use async_nats::{Client, RequestErrorKind};
use futures_util::StreamExt;
use heist::{create_task, gather};
use rustix::process::Signal;

use crate::support::daemon::Daemon;
use crate::support::peers;
use crate::with_tokio;

const MESSAGES: usize = 1000;
const WORKERS: usize = 4;

fn server() -> Option<(Daemon, u16)> {
    let program = peers::find("nats-server")?;
    let command = |port: u16| {
        let mut command = Command::new(&program);
        command.args(["--addr", "127.0.0.1", "--port", &port.to_string()]);
        command
    };
    Some(Daemon::on_free_port(command, "Server is ready", Signal::INT))
}

async fn connected(port: u16) -> Client {
    async_nats::connect(format!("127.0.0.1:{port}")).await.unwrap()
}

#[test]
fn messages_arrive_in_order() {
    let Some((_server, port)) = server() else { return };
    with_tokio(|| async {
        let client = connected(port).await;
        let mut numbers = client.subscribe("numbers").await.unwrap();
        client.flush().await.unwrap();
        let publisher = create_task(async move {
            for number in 0..MESSAGES {
                client.publish("numbers", number.to_string().into()).await.unwrap();
            }
            client.flush().await.unwrap();
        });
        for number in 0..MESSAGES {
            let message = numbers.next().await.unwrap();
            assert_eq!(message.payload, number.to_string());
        }
        publisher.await.unwrap();
    });
}

/// Requests are answered by workers that share a queue, each by one.
#[test]
fn requests_are_shared_by_workers() {
    let Some((_server, port)) = server() else { return };
    with_tokio(|| async {
        let mut workers = Vec::new();
        for _ in 0..WORKERS {
            let client = connected(port).await;
            let mut jobs = client.queue_subscribe("double", "workers".to_owned()).await.unwrap();
            client.flush().await.unwrap();
            workers.push(create_task(async move {
                while let Some(job) = jobs.next().await {
                    let number: u64 = std::str::from_utf8(&job.payload).unwrap().parse().unwrap();
                    client.publish(job.reply.unwrap(), (number * 2).to_string().into()).await.unwrap();
                }
            }));
        }
        let client = connected(port).await;
        let requests = (0..200_u64).map(|number| {
            let client = client.clone();
            create_task(
                async move { client.request("double", number.to_string().into()).await.unwrap().payload },
            )
        });
        for (number, answer) in gather(requests).await.unwrap().into_iter().enumerate() {
            assert_eq!(answer, (number * 2).to_string());
        }
        for worker in workers {
            worker.cancel();
            assert!(worker.await.unwrap_err().is_cancelled());
        }
        // What the tasks held is gone with them. The server hears of it in its own time, and gives a request to nobody until then.
        let gone = async {
            loop {
                let request = client.request("double", "1".into());
                if let Ok(Err(error)) = heist::timeout(Duration::from_millis(100), request).await {
                    return error;
                }
            }
        };
        let error = heist::timeout(Duration::from_secs(60), gone).await.unwrap();
        assert_eq!(error.kind(), RequestErrorKind::NoResponders);
    });
}

#[test]
fn a_subscription_ends_with_a_cancelled_task() {
    let Some((_server, port)) = server() else { return };
    with_tokio(|| async {
        let client = connected(port).await;
        let waits = {
            let mut never = client.subscribe("never").await.unwrap();
            create_task(async move { never.next().await })
        };
        heist::sleep(Duration::from_millis(10)).await;
        waits.cancel();
        assert!(waits.await.unwrap_err().is_cancelled());
        client.drain().await.unwrap();
    });
}

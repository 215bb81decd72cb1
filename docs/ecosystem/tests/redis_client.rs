#![cfg(all(unix, not(heist_loom)))]
//! The library redis over our streams, against the original and against our own server.

use std::time::Duration;

use broker::Broker;
use heist::Queue;
use redis::{AsyncCommands, AsyncConnectionConfig, ProtocolVersion, PushInfo, PushKind, RedisConnectionInfo};
use redis_server as ours;
use support::redis::Redis;
use support::{in_real_time, program};

#[allow(dead_code, reason = "each user takes what it needs")]
#[path = "../examples/support/broker.rs"]
mod broker;
#[allow(dead_code, reason = "its main is for the example")]
#[path = "../examples/redis_server/main.rs"]
mod redis_server;
mod support;

/// The test that runs our own server, in a copy.
const OURS: &str = "our_own_server_in_a_copy";

#[test]
fn our_own_server_in_a_copy() {
    program::run_in_a_copy(ours::program);
    // The library's first words to it, and an answer.
    let mut server = program::start(OURS, &["--listen", "127.0.0.1:0"]);
    let line = server.stdout.until("127.0.0.1:");
    in_real_time(|| use_it(&line));
    server.interrupt();
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn the_original_is_used_by_many_tasks_at_a_time() {
    let Some(redis) = Redis::start() else { return };
    let address = format!("127.0.0.1:{}", redis.port());
    in_real_time(|| use_it(&address));
}

/// Texts, numbers, lists, pipelines, and many tasks on one connection.
async fn use_it(address: &str) {
    let broker = Broker::connect(address).await.unwrap();
    let mut connection = broker.connection.clone();
    connection.set::<_, _, ()>("greeting", "hällo").await.unwrap();
    assert_eq!(connection.get::<_, String>("greeting").await.unwrap(), "hällo");
    assert_eq!(connection.get::<_, Option<String>>("missing").await.unwrap(), None);
    let (n, list): (i64, Vec<String>) = redis::pipe()
        .set("n", 41)
        .ignore()
        .incr("n", 1)
        .del("list")
        .ignore()
        .rpush("list", &["a", "b"])
        .ignore()
        .lrange("list", 0, -1)
        .query_async(&mut connection)
        .await
        .unwrap();
    assert_eq!((n, list), (42, vec!["a".to_owned(), "b".to_owned()]));

    // Larger than any buffer on the way.
    let large = "x".repeat(3_000_000);
    connection.set::<_, _, ()>("large", &large).await.unwrap();
    assert!(connection.get::<_, String>("large").await.unwrap() == large);

    connection.del::<_, ()>("counter").await.unwrap();
    let tasks: Vec<_> = (0..50)
        .map(|n: u64| {
            let mut connection = broker.connection.clone();
            async move {
                for round in 0..20 {
                    let key = format!("key-{n}-{round}");
                    connection.set::<_, _, ()>(&key, n * round).await.unwrap();
                    assert_eq!(connection.get::<_, u64>(&key).await.unwrap(), n * round);
                    connection.incr::<_, _, ()>("counter", 1).await.unwrap();
                }
            }
        })
        .collect();
    heist::gather(tasks).await.unwrap();
    assert_eq!(connection.get::<_, u64>("counter").await.unwrap(), 1000);

    // A mistake is an error, and no end.
    let error = connection.incr::<_, _, i64>("greeting", 1).await.unwrap_err();
    assert!(error.to_string().contains("not an integer"), "{error}");
    assert_eq!(connection.get::<_, u64>("counter").await.unwrap(), 1000);
}

#[test]
fn a_limit_on_a_request_leaves_the_connection_in_use() {
    let Some(redis) = Redis::start() else { return };
    let address = format!("127.0.0.1:{}", redis.port());
    in_real_time(async || {
        let broker = Broker::connect(&address).await.unwrap();
        let mut connection = broker.connection.clone();
        // It waits at the server, for a second.
        let mut wait = redis::cmd("BLPOP");
        let wait = wait.arg("nothing").arg(1).query_async::<Option<(String, String)>>(&mut connection);
        assert!(heist::timeout(Duration::from_millis(50), wait).await.is_err());
        // What comes next stands behind it, and gets its own answer.
        let mut connection = broker.connection.clone();
        assert_eq!(
            redis::cmd("ECHO").arg("mine").query_async::<String>(&mut connection).await.unwrap(),
            "mine"
        );
    });
}

#[test]
fn messages_come_to_who_listens() {
    let Some(redis) = Redis::start() else { return };
    let address = format!("127.0.0.1:{}", redis.port());
    in_real_time(async || {
        let heard = Queue::new();
        let told = heard.clone();
        let config =
            AsyncConnectionConfig::new().set_push_sender(move |push: PushInfo| told.put_nowait(push));
        let info = RedisConnectionInfo::default().set_protocol(ProtocolVersion::RESP3);
        let listening = Broker::connect_with(&address, info, config).await.unwrap();
        let mut listener = listening.connection.clone();
        listener.subscribe("news").await.unwrap();
        let mut speaker = Broker::connect(&address).await.unwrap().connection;
        assert_eq!(speaker.publish::<_, _, i64>("news", "hello").await.unwrap(), 1);
        let message = async {
            loop {
                let push = heard.get().await.unwrap();
                if push.kind == PushKind::Message {
                    return push.data;
                }
            }
        };
        let data = heist::timeout(Duration::from_secs(60), message).await.unwrap();
        let words: Vec<String> = redis::from_redis_value(redis::Value::Array(data)).unwrap();
        assert_eq!(words, ["news", "hello"]);
    });
}

#[test]
fn a_server_that_is_gone_is_an_error_and_ends_the_driver() {
    let Some(redis) = Redis::start() else { return };
    let address = format!("127.0.0.1:{}", redis.port());
    heist::run(async {
        let broker = Broker::connect(&address).await.unwrap();
        let mut connection = broker.connection.clone();
        connection.set::<_, _, ()>("a", 1).await.unwrap();
        drop(redis);
        let error = connection.get::<_, i64>("a").await.unwrap_err();
        assert!(error.is_io_error() || error.is_connection_dropped(), "{error}");
        drop(connection);
        heist::timeout(Duration::from_secs(60), broker.close()).await.unwrap();
        assert!(Broker::connect(&address).await.is_err());
    });
}

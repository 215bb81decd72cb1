#![cfg(all(unix, not(heist_loom)))]
//! tokio-postgres over our streams, against a real PostgreSQL.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use futures_util::{TryStreamExt, pin_mut};
use heist::tls::TlsConnector;
use heist::{Queue, net};
use postgres_client::session::{Server, Session, Target, drive};
use support::certificates::Authority;
use support::postgres::{Cluster, USER};
use support::{in_real_time, program};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, NoTls};

#[allow(dead_code, reason = "its main is for the example")]
#[path = "../examples/postgres_client/main.rs"]
mod postgres_client;
mod support;

/// The test that runs the program, in a copy.
const PROGRAM: &str = "it_says_what_it_does_not_understand";

#[test]
fn it_says_what_it_does_not_understand() {
    program::run_in_a_copy(postgres_client::program);
    assert_eq!(program::start(PROGRAM, &["--port", "65536"]).wait().code(), Some(2));
    let mut nobody = program::start(PROGRAM, &["--port", "1"]);
    nobody.stderr.until("postgres_client: ");
    assert_eq!(nobody.wait().code(), Some(1));
}

#[test]
fn the_program_runs_against_a_server() {
    let Some(cluster) = Cluster::start() else { return };
    let socket = cluster.socket().display().to_string();
    let port = cluster.port().to_string();
    for address in [["--socket", &socket], ["--port", &port]] {
        let mut copy = program::start(PROGRAM, &[&["--user", USER], &address[..]].concat());
        for line in
            ["Ada has 100", "Grace has 20", "news: something has happened", "gave up", "and goes on: 42"]
        {
            copy.stdout.until(line);
        }
        assert_eq!(copy.wait().code(), Some(0));
    }
    assert_eq!(cluster.query("select count(*) from pg_stat_activity where query like '%pg_sleep(60)%' and state = 'active' and pid <> pg_backend_pid()"), "0");
}

fn config() -> Config {
    let mut config = Config::new();
    config.user(USER).dbname("postgres");
    config
}

fn target(cluster: &Cluster) -> Target {
    Target { server: Server::Tcp("127.0.0.1".into(), cluster.port()), config: config(), tls: None }
}

/// A session whose notifications nobody wants.
async fn open(target: Target) -> Session {
    Session::open(target, drop).await.unwrap()
}

/// Connects over a plain stream, with no session around it.
async fn over<S>(stream: S) -> Client
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (client, connection) = config().connect_raw(stream, NoTls).await.unwrap();
    drop(heist::create_task(drive(connection, drop)));
    client
}

/// Waits until a query says so.
async fn until(client: &Client, sql: &str) {
    while !client.query_one(sql, &[]).await.unwrap().get::<_, bool>(0) {
        heist::sleep(Duration::from_millis(5)).await;
    }
}

/// What a connection must be able to do.
async fn exercise(client: &Client) {
    let row = client
        .query_one("select $1::int8 + 1, $2::text || '!', null::int4", &[&41i64, &"é€😀"])
        .await
        .unwrap();
    assert_eq!(
        (row.get::<_, i64>(0), row.get::<_, &str>(1), row.get::<_, Option<i32>>(2)),
        (42, "é€😀!", None)
    );

    // Many at a time, on one connection.
    let queries = (0..100i32).map(|n| async move {
        client.query_one("select $1::int4 * 2", &[&n]).await.unwrap().get::<_, i32>(0)
    });
    let doubled = futures_util::future::join_all(queries).await;
    assert_eq!(doubled, (0..100).map(|n| n * 2).collect::<Vec<_>>());

    // More than any buffer holds, row by row.
    let rows =
        client.query_raw("select n, repeat('x', 100) from generate_series(1, 50000) n", &[] as &[i32; 0]);
    let rows = rows.await.unwrap();
    pin_mut!(rows);
    let mut sum = 0;
    while let Some(row) = rows.try_next().await.unwrap() {
        assert_eq!(row.get::<_, &str>(1).len(), 100);
        sum += i64::from(row.get::<_, i32>(0));
    }
    assert_eq!(sum, 50_000 * 50_001 / 2);

    // A mistake is an error, and no end.
    let error = client.query("selekt 1", &[]).await.unwrap_err();
    assert_eq!(error.code(), Some(&SqlState::SYNTAX_ERROR));
    assert_eq!(client.query_one("select 1", &[]).await.unwrap().get::<_, i32>(0), 1);
}

#[test]
fn queries_run_over_tcp_and_unix_sockets() {
    let Some(cluster) = Cluster::start() else { return };
    in_real_time(|| async {
        exercise(&over(net::TcpStream::connect(("127.0.0.1", cluster.port())).await.unwrap()).await).await;
        exercise(&over(net::UnixStream::connect(cluster.socket()).await.unwrap()).await).await;
        let unix = Target { server: Server::Unix(cluster.socket()), ..target(&cluster) };
        for target in [unix, target(&cluster)] {
            let session = open(target).await;
            exercise(&session.client).await;
            session.close().await.unwrap();
        }
    });
}

#[test]
fn what_is_copied_in_comes_out() {
    let Some(cluster) = Cluster::start() else { return };
    in_real_time(|| async {
        let session = open(target(&cluster)).await;
        let client = &session.client;
        client.batch_execute("create temp table lines (n int, text text)").await.unwrap();
        let sent: String = (0..20_000).map(|n| format!("{n}\t{}\n", "ä".repeat(n % 50))).collect();
        let sink = client.copy_in::<_, bytes::Bytes>("copy lines from stdin").await.unwrap();
        pin_mut!(sink);
        for piece in sent.as_bytes().chunks(10_000) {
            futures_util::SinkExt::send(&mut sink, bytes::Bytes::copy_from_slice(piece)).await.unwrap();
        }
        assert_eq!(sink.finish().await.unwrap(), 20_000);
        let out = client.copy_out("copy (select * from lines order by n) to stdout").await.unwrap();
        let got: BytesMut = out
            .try_fold(BytesMut::new(), |mut all, piece| async move {
                all.extend_from_slice(&piece);
                Ok(all)
            })
            .await
            .unwrap();
        assert!(got == sent.as_bytes());
        session.close().await.unwrap();
    });
}

#[test]
fn a_transaction_is_all_or_nothing() {
    let Some(cluster) = Cluster::start() else { return };
    in_real_time(|| async {
        let mut session = open(target(&cluster)).await;
        let client = &mut session.client;
        client.batch_execute("create temp table t (n int unique)").await.unwrap();
        let first = client.transaction().await.unwrap();
        first.execute("insert into t values (1)", &[]).await.unwrap();
        first.commit().await.unwrap();
        // Dropped, and failed: neither leaves a trace.
        let second = client.transaction().await.unwrap();
        second.execute("insert into t values (2)", &[]).await.unwrap();
        drop(second);
        let third = client.transaction().await.unwrap();
        third.execute("insert into t values (3)", &[]).await.unwrap();
        let error = third.execute("insert into t values (1)", &[]).await.unwrap_err();
        assert_eq!(error.code(), Some(&SqlState::UNIQUE_VIOLATION));
        third.rollback().await.unwrap();
        assert_eq!(client.query_one("select sum(n) from t", &[]).await.unwrap().get::<_, i64>(0), 1);
        session.close().await.unwrap();
    });
}

#[test]
fn notifications_come_while_nobody_asks() {
    let Some(cluster) = Cluster::start() else { return };
    in_real_time(|| async {
        let heard = Queue::new();
        let listener = {
            let heard = heard.clone();
            Session::open(target(&cluster), move |notice| drop(heard.put_nowait(notice))).await.unwrap()
        };
        listener.client.batch_execute("listen news").await.unwrap();
        let speaker = open(target(&cluster)).await;
        for text in ["one", "two"] {
            speaker.client.execute("select pg_notify('news', $1)", &[&text]).await.unwrap();
            let notice = heist::timeout(Duration::from_secs(60), heard.get()).await.unwrap().unwrap();
            assert_eq!((notice.channel(), notice.payload()), ("news", text));
        }
        listener.close().await.unwrap();
        speaker.close().await.unwrap();
    });
}

#[test]
fn tls_protects_what_it_must_and_refuses_strangers() {
    let authority = Authority::new();
    let identity = authority.identity(&["localhost", "127.0.0.1"]);
    let files = [("server.crt", &*identity.certificate), ("server.key", &*identity.key)];
    let Some(cluster) = Cluster::start_with(&files) else { return };
    let with = |connector: TlsConnector| Target { tls: Some(connector), ..target(&cluster) };
    in_real_time(|| async {
        let session = open(with(authority.connector())).await;
        let version = "select version from pg_stat_ssl where pid = pg_backend_pid() and ssl";
        let version = session.client.query_one(version, &[]).await.unwrap();
        assert_eq!(version.get::<_, &str>(0), "TLSv1.3");
        exercise(&session.client).await;
        // A query that is given up is so over TLS, too.
        let slow = session.client.execute("select pg_sleep(600)", &[]);
        heist::timeout(Duration::from_millis(100), session.cancellable(slow)).await.unwrap_err();
        assert_eq!(session.client.query_one("select 1", &[]).await.unwrap().get::<_, i32>(0), 1);
        session.close().await.unwrap();

        let stranger = Session::open(with(Authority::new().connector()), drop).await.err().unwrap();
        let cause = stranger.source().map(ToString::to_string).unwrap_or_default();
        assert!(cause.contains("certificate"), "{stranger}: {cause}");
    });

    // A server that speaks none, where we insist.
    let Some(plain) = Cluster::start() else { return };
    in_real_time(|| async {
        let target = Target { tls: Some(authority.connector()), ..target(&plain) };
        let error = Session::open(target, drop).await.err().unwrap();
        let cause = error.source().map(ToString::to_string).unwrap_or_default();
        assert!(cause.contains("does not support TLS"), "{error}: {cause}");
    });
}

/// Whether the server runs such a query now, for somebody else.
fn running(what: &str) -> String {
    format!(
        "select exists (select from pg_stat_activity where query like '%{what}%' and state = 'active' and pid <> pg_backend_pid())"
    )
}

#[test]
fn a_cancelled_task_takes_its_query_with_it() {
    let Some(cluster) = Cluster::start() else { return };
    in_real_time(|| async {
        let (session, watcher) = (Arc::new(open(target(&cluster)).await), open(target(&cluster)).await);
        let waiting = {
            let session = session.clone();
            heist::create_task(async move {
                session.cancellable(session.client.execute("select pg_sleep(600)", &[])).await
            })
        };
        until(&watcher.client, &running("pg_sleep(600)")).await;
        waiting.cancel();
        assert!(waiting.await.unwrap_err().is_cancelled());
        until(&watcher.client, &format!("select not ({})", running("pg_sleep(600)"))).await;
        // The connection goes on.
        assert_eq!(session.client.query_one("select 1", &[]).await.unwrap().get::<_, i32>(0), 1);

        // The same for a limit of time.
        let slow = session.client.execute("select pg_sleep(700)", &[]);
        heist::timeout(Duration::from_millis(100), session.cancellable(slow)).await.unwrap_err();
        until(&watcher.client, &format!("select not ({})", running("pg_sleep(700)"))).await;
        assert_eq!(session.client.query_one("select 2", &[]).await.unwrap().get::<_, i32>(0), 2);
    });
}

#[test]
fn a_server_that_is_gone_is_an_error() {
    let Some(cluster) = Cluster::start() else { return };
    let mut cluster = Some(cluster);
    heist::run(async {
        let session = open(target(cluster.as_ref().unwrap())).await;
        session.client.query_one("select 1", &[]).await.unwrap();
        drop(cluster.take());
        assert!(session.client.query_one("select 1", &[]).await.is_err());
        // The first one may have been told why; from then on it is closed.
        assert!(session.client.query_one("select 1", &[]).await.unwrap_err().is_closed());
        assert!(session.close().await.is_err());
    });
}

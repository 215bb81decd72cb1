//! sqlx with its feature `runtime-tokio`, against a PostgreSQL server.

use std::time::Duration;

use heist::{create_task, gather};
use sqlx::Row;
use sqlx::postgres::{PgListener, PgPool, PgPoolOptions};

use crate::support::postgres::Cluster;
use crate::with_tokio;

const SHORT: Duration = Duration::from_millis(100);
/// More than the machine takes, for waits that end as soon as something has happened.
const LONG: Duration = Duration::from_secs(60);

async fn pool(cluster: &Cluster, connections: u32) -> PgPool {
    PgPoolOptions::new().max_connections(connections).connect(&cluster.url()).await.unwrap()
}

async fn number(pool: &PgPool, sql: &'static str) -> i64 {
    sqlx::query(sql).fetch_one(pool).await.unwrap().get(0)
}

/// One server for all of it: starting one takes a second.
#[test]
fn postgresql() {
    let Some(cluster) = Cluster::start() else { return };
    with_tokio(async || {
        rows_come_back(&cluster).await;
        many_tasks_share_few_connections(&cluster).await;
        a_transaction_that_is_dropped_is_rolled_back(&cluster).await;
        a_cancelled_query_leaves_the_pool_usable(&cluster).await;
        notifications_arrive(&cluster).await;
        errors_are_values(&cluster).await;
    });
}

async fn rows_come_back(cluster: &Cluster) {
    let pool = pool(cluster, 1).await;
    sqlx::query("drop table if exists notes").execute(&pool).await.unwrap();
    sqlx::query("create table notes (id bigserial primary key, text text not null)")
        .execute(&pool)
        .await
        .unwrap();
    for text in ["one", "two"] {
        sqlx::query("insert into notes (text) values ($1)").bind(text).execute(&pool).await.unwrap();
    }
    let rows = sqlx::query("select text from notes order by id").fetch_all(&pool).await.unwrap();
    let texts: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(texts, ["one", "two"]);
    pool.close().await;
}

async fn many_tasks_share_few_connections(cluster: &Cluster) {
    let pool = pool(cluster, 3).await;
    let tasks = (0..60_i64).map(|number| {
        let pool = pool.clone();
        create_task(async move {
            let row = sqlx::query("select $1 * 2").bind(number).fetch_one(&pool).await.unwrap();
            row.get::<i64, _>(0)
        })
    });
    let doubled = gather(tasks).await.unwrap();
    assert!(doubled.into_iter().eq((0..60).map(|number| number * 2)));
    assert!(pool.size() <= 3);
    pool.close().await;
}

/// The rollback happens in a drop, which spawns inside tokio.
async fn a_transaction_that_is_dropped_is_rolled_back(cluster: &Cluster) {
    let pool = pool(cluster, 1).await;
    let task = create_task({
        let pool = pool.clone();
        async move {
            let mut transaction = pool.begin().await.unwrap();
            sqlx::query("insert into notes (text) values ('lost')").execute(&mut *transaction).await.unwrap();
            std::future::pending::<()>().await;
        }
    });
    let watch = self::pool(cluster, 1).await;
    let locks = "select count(*) from pg_locks where relation = 'notes'::regclass";
    while number(&watch, locks).await == 0 {
        heist::sleep(Duration::from_millis(5)).await;
    }
    task.cancel();
    assert!(task.await.unwrap_err().is_cancelled());
    // The one connection comes back, without the transaction.
    assert_eq!(number(&pool, "select count(*) from notes where text = 'lost'").await, 0);
    pool.close().await;
}

async fn a_cancelled_query_leaves_the_pool_usable(cluster: &Cluster) {
    let pool = pool(cluster, 1).await;
    // The connection is busy until the server has slept, and then comes back.
    let sleeps = sqlx::query("select pg_sleep(0.5)").execute(&pool);
    heist::timeout(SHORT, sleeps).await.unwrap_err();
    let answer = heist::timeout(LONG, number(&pool, "select 42::bigint"));
    assert_eq!(answer.await.unwrap(), 42);
    pool.close().await;
}

async fn notifications_arrive(cluster: &Cluster) {
    let pool = pool(cluster, 2).await;
    let mut listener = PgListener::connect_with(&pool).await.unwrap();
    listener.listen("news").await.unwrap();
    let hears = create_task(async move { listener.recv().await.unwrap().payload().to_owned() });
    sqlx::query("select pg_notify('news', 'hello')").execute(&pool).await.unwrap();
    assert_eq!(heist::timeout(LONG, hears).await.unwrap().unwrap(), "hello");
    pool.close().await;
}

async fn errors_are_values(cluster: &Cluster) {
    let pool = pool(cluster, 1).await;
    let error = sqlx::query("select nothing from nowhere").execute(&pool).await.unwrap_err();
    assert_eq!(error.as_database_error().unwrap().code().unwrap(), "42P01");
    // The pool is used up: who waits for it has a limit.
    let _held = pool.acquire().await.unwrap();
    let waits =
        PgPoolOptions::new().max_connections(1).acquire_timeout(SHORT).connect(&cluster.url()).await.unwrap();
    let _its = waits.acquire().await.unwrap();
    assert!(matches!(waits.acquire().await, Err(sqlx::Error::PoolTimedOut)));
}

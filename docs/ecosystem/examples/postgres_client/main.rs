//! A client of PostgreSQL, by the library tokio-postgres over our own streams.
//!
//! ```sh
//! cargo run --release -p heist-ecosystem --example postgres_client -- --host 127.0.0.1 --port 5432 --user postgres
//! cargo run --release -p heist-ecosystem --example postgres_client -- --socket /run/postgresql/.s.PGSQL.5432 --user postgres
//! ```
//!
//! What it shows: the library without its feature `runtime`, given a stream and driven by a task of ours (`session`); TLS by
//! our own streams (`tls`); transactions; LISTEN and NOTIFY; and a query that ends at the server, too, when the task that
//! waits for it is cancelled or its time is up.
//!
//! It needs heist's feature `tokio-io`, and `tls` for TLS. `tests/tokio_postgres.rs` runs it against a real server.
// ci: build only, it wants a server: tests/tokio_postgres.rs runs it

#![forbid(unsafe_code)]

#[path = "../../../../crates/heist/examples/support/args.rs"]
mod args;
pub(crate) mod session;
pub(crate) mod tls;

use std::error::Error;
use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use heist::Queue;
use heist::tls::TlsConnector;
use tokio_postgres::Config;

use args::opt;
use session::{Server, Session, Target};

const HELP: &str = "\
Talks to a PostgreSQL server: a transaction, a notification, a query that is given up.

  --host NAME      the server; 127.0.0.1 unless given
  --port N         its port; 5432 unless given
  --socket PATH    its Unix socket, instead of host and port
  --user NAME      who we are; postgres unless given
  --database NAME  which database; postgres unless given
  --tls-root FILE  speak TLS, and trust the certificates in this file
  --help           show this";

/// How long the query that takes too long may take.
const LIMIT: Duration = Duration::from_millis(200);

struct Options {
    host: String,
    port: u16,
    socket: String,
    user: String,
    database: String,
    tls_root: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".into(),
            port: 5432,
            socket: String::new(),
            user: "postgres".into(),
            database: "postgres".into(),
            tls_root: String::new(),
        }
    }
}

impl Options {
    fn target(&self) -> Result<Target, Box<dyn Error>> {
        let mut config = Config::new();
        config.user(&self.user).dbname(&self.database).application_name("heist");
        let server = match &*self.socket {
            "" => Server::Tcp(self.host.clone(), self.port),
            path => Server::Unix(path.into()),
        };
        let tls = match &*self.tls_root {
            "" => None,
            file => Some(TlsConnector::builder().root_pem(std::fs::read(file)?).build()?),
        };
        Ok(Target { server, config, tls })
    }
}

async fn talk(options: Options) -> Result<(), Box<dyn Error>> {
    let heard = Queue::new();
    let mut session = {
        let heard = heard.clone();
        // A queue without a limit that nobody shuts down takes everything.
        Session::open(options.target()?, move |notice| drop(heard.put_nowait(notice))).await?
    };
    transfer(&mut session).await?;

    session.client.batch_execute("listen news; notify news, 'something has happened'").await?;
    let notice = heard.get().await?;
    println!("{}: {}", notice.channel(), notice.payload());

    let slow = session.client.execute("select pg_sleep(60)", &[]);
    match heist::timeout(LIMIT, session.cancellable(slow)).await {
        Ok(result) => println!("so soon? {result:?}"),
        Err(_) => println!("gave up after {LIMIT:?}"),
    }
    let row = session.client.query_one("select 6 * 7", &[]).await?;
    println!("and goes on: {}", row.get::<_, i32>(0));
    session.close().await?;
    Ok(())
}

/// A transaction: all of it, or nothing.
async fn transfer(session: &mut Session) -> Result<(), tokio_postgres::Error> {
    let client = &mut session.client;
    client.batch_execute("create temp table accounts (name text, amount int)").await?;
    let accounts = client.transaction().await?;
    let insert = accounts.prepare("insert into accounts values ($1, $2)").await?;
    for (name, amount) in [("Ada", 100), ("Grace", 20)] {
        accounts.execute(&insert, &[&name, &amount]).await?;
    }
    accounts.commit().await?;

    // One that is not committed has never been.
    let unfinished = client.transaction().await?;
    unfinished.execute("update accounts set amount = 0", &[]).await?;
    drop(unfinished);
    for row in client.query("select name, amount from accounts order by name", &[]).await? {
        println!("{} has {}", row.get::<_, &str>(0), row.get::<_, i32>(1));
    }
    Ok(())
}

/// The program, given its command line.
pub(crate) fn program(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut options = Options::default();
    let wish = args::read(
        args,
        &mut [
            opt("--host", "a name or an address", &mut options.host),
            opt("--port", "a number up to 65535", &mut options.port),
            opt("--socket", "a path", &mut options.socket),
            opt("--user", "a name", &mut options.user),
            opt("--database", "a name", &mut options.database),
            opt("--tls-root", "a file of certificates", &mut options.tls_root),
        ],
    );
    args::program("postgres_client", HELP, wish, || heist::run(talk(options)))
}

fn main() -> ExitCode {
    program(std::env::args_os().skip(1))
}

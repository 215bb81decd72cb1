//! hickory's resolver on the event loop: the feature `hickory`, against a name server of the tests' own.
#![cfg(all(unix, not(heist_loom)))]

mod dns;
#[allow(dead_code, reason = "its main is for the example")]
#[path = "../examples/dns.rs"]
mod example;
#[path = "../../../crates/heist/tests/support/mod.rs"]
mod support;

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use dns::{MANY, NameServer};
use heist::hickory::Resolver;
use hickory_resolver::config::{ResolveHosts, ResolverOpts};
use support::for_each_flavour;

/// Nothing here takes that long, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(60);

fn on_both<F: Future<Output = io::Result<()>>>(test: impl Fn() -> F) {
    for_each_flavour(|builder| {
        let ended = builder.build().unwrap().run(heist::wait_for(test(), PATIENCE)).unwrap();
        ended.expect("it hangs").unwrap();
    });
}

/// A name server, and a resolver that gives each question up after `limit`.
async fn pair(limit: Duration) -> io::Result<(NameServer, Resolver)> {
    let server = NameServer::start().await?;
    let mut options = ResolverOpts::default();
    (options.timeout, options.attempts, options.use_hosts_file) = (limit, 1, ResolveHosts::Never);
    let resolver = Resolver::new(server.config(), options)?;
    Ok((server, resolver))
}

#[test]
fn a_name_becomes_its_addresses_without_a_thread() {
    on_both(|| async {
        let (_server, resolver) = pair(PATIENCE).await?;
        let mut found = resolver.lookup("both.test.").await?;
        found.sort();
        assert_eq!(found, [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)]);
        assert_eq!(heist::Handle::current().unwrap().metrics().blocking_threads, 0);
        Ok(())
    });
}

#[test]
fn many_names_at_once_and_what_is_known_is_not_asked_again() {
    on_both(|| async {
        let (server, resolver) = pair(PATIENCE).await?;
        let names = ["here.test.", "both.test.", "nowhere.test."].map(String::from).to_vec();
        let found = example::look_up_all(&resolver, names).await;
        assert_eq!(*found[0].1.as_ref().unwrap(), [IpAddr::from(Ipv4Addr::LOCALHOST)]);
        assert_eq!(found[1].1.as_ref().unwrap().len(), 2);
        assert_eq!(found[2].1.as_ref().unwrap_err().kind(), ErrorKind::NotFound);
        let asked = server.asked();
        assert_eq!(asked, 6, "each name once for each family");
        assert_eq!(resolver.lookup("both.test.").await?.len(), 2);
        assert_eq!(server.asked(), asked);
        Ok(())
    });
}

#[test]
fn a_connection_is_opened_to_a_name_that_only_the_resolver_knows() {
    on_both(|| async {
        let (_server, resolver) = pair(PATIENCE).await?;
        let answer = |_reader, writer: heist::StreamWriter| async move {
            writer.write(b"hello\n");
            writer.drain().await
        };
        let server = heist::start_server(answer, "127.0.0.1:0").await?;
        let port = server.sockets()[0].local_addr()?.port();
        let (mut reader, _writer) = heist::open_connection(("here.test.", port)).resolver(resolver).await?;
        assert_eq!(reader.readline().await?, b"hello\n");
        server.close();
        Ok(())
    });
}

#[test]
fn a_name_that_does_not_exist_is_not_found() {
    on_both(|| async {
        let (_server, resolver) = pair(PATIENCE).await?;
        let error = resolver.lookup("nowhere.test.").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
        let error = heist::open_connection(("nowhere.test.", 80)).resolver(resolver).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().starts_with("cannot look up host \"nowhere.test.\": "), "{error}");
        Ok(())
    });
}

#[test]
fn what_is_no_name_is_refused_without_a_question() {
    on_both(|| async {
        let (server, resolver) = pair(PATIENCE).await?;
        for host in ["a..b", &"x".repeat(64), &"long.".repeat(60)] {
            let error = resolver.lookup(host).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{host}: {error}");
        }
        assert_eq!(server.asked(), 0);
        Ok(())
    });
}

#[test]
fn a_silent_server_is_given_up_after_the_limit() {
    on_both(|| async {
        let (_server, resolver) = pair(Duration::from_millis(50)).await?;
        let error = resolver.lookup("silent.test.").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
        Ok(())
    });
}

#[test]
fn a_cancelled_look_up_ends_at_once_and_leaves_nothing() {
    on_both(|| async {
        let (server, resolver) = pair(PATIENCE).await?;
        let before = heist::all_tasks().len();
        let asks = heist::create_task(async move { resolver.lookup("silent.test.").await });
        while server.asked() < 2 {
            heist::yield_now().await;
        }
        asks.cancel();
        assert!(asks.await.unwrap_err().is_cancelled());
        while heist::all_tasks().len() > before {
            heist::yield_now().await;
        }
        Ok(())
    });
}

#[test]
fn a_long_answer_is_asked_for_again_over_tcp() {
    on_both(|| async {
        let (_server, resolver) = pair(PATIENCE).await?;
        assert_eq!(resolver.lookup("long.test.").await?.len(), usize::from(MANY));
        Ok(())
    });
}

#[test]
fn noise_before_the_answer_is_passed_over() {
    on_both(|| async {
        let (_server, resolver) = pair(PATIENCE).await?;
        assert_eq!(resolver.lookup("noise.test.").await?, [IpAddr::from([127, 0, 0, 9])]);
        Ok(())
    });
}

#[test]
fn a_broken_answer_is_an_error() {
    on_both(|| async {
        let (_server, resolver) = pair(PATIENCE).await?;
        let error = resolver.lookup("broken.test.").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}");
        Ok(())
    });
}

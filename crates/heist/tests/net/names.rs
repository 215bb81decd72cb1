//! Names of hosts.

use std::future::{Future, IntoFuture};
use std::io::ErrorKind;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use heist::{Family, SocketKind, getaddrinfo, getnameinfo};

use crate::support::on_each_flavour;

#[test]
fn a_name_of_this_machine_has_addresses_of_each_kind() {
    on_each_flavour(|| async {
        let all = getaddrinfo("localhost", 80).await.unwrap();
        assert!(all.iter().all(|info| info.address.ip().is_loopback() && info.address.port() == 80));
        for kind in [SocketKind::Stream, SocketKind::Datagram] {
            assert!(all.iter().any(|info| info.kind == kind), "{all:?}");
            let some = getaddrinfo("localhost", 80).kind(kind).family(Family::V4).await.unwrap();
            assert!(some.iter().all(|info| info.kind == kind && info.address.is_ipv4()), "{some:?}");
        }
        let named = getaddrinfo("localhost", 80).canonical_name(true).await.unwrap();
        assert!(named[0].canonical_name.is_some());
        let passive = getaddrinfo("", 80).kind(SocketKind::Stream).passive(true).await.unwrap();
        assert!(passive.iter().all(|info| info.address.ip().is_unspecified()), "{passive:?}");
    });
}

#[test]
fn numbers_are_not_sent_to_the_resolver() {
    // Outside of a loop there is no pool to look a name up in: whoever asked for it would fail.
    let mut asking = pin!(getaddrinfo("::1", 80).kind(SocketKind::Stream).into_future());
    let Poll::Ready(Ok(found)) = asking.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("it is asked for")
    };
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].address, "[::1]:80".parse().unwrap());
    let mut asking = pin!(getaddrinfo("localhost", 80).into_future());
    let Poll::Ready(Err(error)) = asking.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("nobody would ever wake it")
    };
    assert!(error.to_string().contains("heist::run"), "{error}");
}

#[test]
fn what_is_not_found_is_named() {
    on_each_flavour(|| async {
        // No label of a name is that long, so the look-up fails without asking anybody.
        let host = format!("{}.invalid", "x".repeat(64));
        let error = getaddrinfo(&host, 80).await.unwrap_err();
        assert!(error.to_string().contains(&host), "{error}");
        let error = getaddrinfo("a\0b", 80).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let error = getaddrinfo("127.0.0.1", 80).family(Family::V6).await.unwrap_err();
        assert!(error.to_string().contains("127.0.0.1"), "{error}");
    });
}

#[test]
fn an_address_has_a_host_and_a_service() {
    on_each_flavour(|| async {
        let address = "127.0.0.1:4711".parse().unwrap();
        let numbers = getnameinfo(address).numeric_host(true).numeric_service(true).await.unwrap();
        assert_eq!(numbers, ("127.0.0.1".to_owned(), "4711".to_owned()));
        let (host, service) = getnameinfo(address).datagram(true).await.unwrap();
        assert!(!host.is_empty() && !service.is_empty());
    });
}

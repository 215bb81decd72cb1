//! `compat`: one future inside of tokio, on a loop that was made without.

use std::sync::mpsc;
use std::time::Duration;

use heist::tokio_compat::compat;
use heist::{create_task, gather};
use tokio::runtime::Handle;

use crate::support::for_each_flavour;
use crate::with_tokio;

const SHORT: Duration = Duration::from_millis(5);

#[test]
fn it_alone_is_inside() {
    for_each_flavour(|builder| {
        let mut runner = builder.build().unwrap();
        runner
            .run(async {
                let tasks = (0..8).map(|_| {
                    create_task(async {
                        let slept = compat(async {
                            tokio::time::sleep(SHORT).await;
                            tokio::spawn(async { 1 }).await.unwrap()
                        });
                        let one = slept.unwrap().await;
                        assert!(Handle::try_current().is_err(), "outside of it nothing has changed");
                        one
                    })
                });
                assert_eq!(gather(tasks).await.unwrap(), [1; 8]);
            })
            .unwrap();
    });
}

#[test]
fn it_is_dropped_inside() {
    struct Told(mpsc::Sender<bool>);
    impl Drop for Told {
        fn drop(&mut self) {
            self.0.send(Handle::try_current().is_ok()).unwrap();
        }
    }
    let (sender, dropped) = mpsc::channel();
    let told = Told(sender);
    let unfinished = compat(async move {
        let _told = told;
        std::future::pending::<()>().await;
    });
    drop(unfinished.unwrap());
    assert!(dropped.recv().unwrap());
}

#[test]
fn a_runtime_that_is_there_is_used() {
    with_tokio(|| async {
        let here = Handle::current().id();
        assert_eq!(compat(async { Handle::current().id() }).unwrap().await, here);
    });
}

/// Several threads that are the first.
#[test]
fn the_runtime_of_the_process_is_one() {
    let threads = [(); 4]
        .map(|()| std::thread::spawn(|| heist::run(compat(async { Handle::current().id() }).unwrap())));
    let [first, others @ ..] = threads.map(|thread| thread.join().unwrap());
    assert!(others.iter().all(|other| *other == first));
}

#[test]
fn it_may_be_cancelled() {
    heist::run(async {
        let task = create_task(async {
            compat(async { tokio::time::sleep(Duration::from_secs(60)).await })?.await;
            std::io::Result::Ok(())
        });
        heist::sleep(SHORT).await;
        task.cancel();
        assert!(task.await.unwrap_err().is_cancelled());
    });
}

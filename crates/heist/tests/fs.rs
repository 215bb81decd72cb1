//! Files and directories.
#![cfg(not(heist_loom))]

mod support;

use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind, SeekFrom};
use std::pin::pin;
use std::task::Poll;

use futures_core::Stream;
use heist::fs::{self, File, OpenOptions, PathError};
use support::{Directory, for_each_flavour, on_each_flavour, temporary_path};

/// Runs a test on both flavours; what is on the pool holds virtual time still.
fn on_both<F: Future<Output = io::Result<()>>>(test: impl Fn() -> F) {
    on_each_flavour(|| async { test().await.unwrap() });
}

#[test]
fn whole_files_are_written_read_and_removed() {
    on_both(|| async {
        let directory = Directory::new("fs");
        let path = directory.file("file");
        fs::write(&path, "one ").await?;
        fs::append(&path, "two").await?;
        assert_eq!(fs::read_to_string(&path).await?, "one two");
        assert_eq!(fs::metadata(&path).await?.len(), 7);
        let copy = directory.file("copy");
        assert_eq!(fs::copy(&path, &copy).await?, 7);
        fs::rename(&copy, directory.file("renamed")).await?;
        assert!(!fs::exists(&copy).await?);
        assert_eq!(fs::read(directory.file("renamed")).await?, b"one two");
        fs::hard_link(&path, &copy).await?;
        fs::remove_file(&path).await?;
        assert_eq!(fs::canonicalize(&copy).await?, std::fs::canonicalize(&copy)?);
        #[cfg(unix)]
        {
            fs::symlink(&copy, &path).await?;
            assert_eq!(fs::read_link(&path).await?, copy);
            assert!(fs::symlink_metadata(&path).await?.is_symlink());
        }
        Ok(())
    });
}

#[test]
fn directories_are_made_listed_and_removed() {
    on_both(|| async {
        let directory = Directory::new("fs");
        fs::create_dir_all(directory.file("a/b")).await?;
        fs::create_dir(directory.file("a/c")).await?;
        // More than one trip to the pool fetches.
        for i in 0..150 {
            std::fs::write(directory.file(&format!("a/{i}")), "")?;
        }
        let (mut entries, mut names) = (fs::read_dir(directory.file("a")).await?, Vec::new());
        while let Some(entry) = entries.next_entry().await? {
            assert_eq!(entry.file_type().await?.is_dir(), entry.metadata().await?.is_dir());
            names.push(entry.file_name().into_string().unwrap());
        }
        assert!(entries.next_entry().await?.is_none());
        assert_eq!(names.len(), 152);
        assert!(names.contains(&"b".to_owned()) && names.contains(&"149".to_owned()));
        let mut stream = pin!(fs::read_dir(directory.path()).await?);
        let first = poll_fn(|cx| stream.as_mut().poll_next(cx)).await.unwrap()?;
        assert_eq!(first.path(), directory.file("a"));
        fs::remove_dir(directory.file("a/b")).await?;
        assert!(fs::remove_dir(directory.file("a")).await.is_err(), "it is not empty");
        fs::remove_dir_all(directory.file("a")).await
    });
}

#[test]
fn a_file_is_read_and_written_where_its_position_is() {
    on_both(|| async {
        let directory = Directory::new("fs");
        let path = directory.file("file");
        let mut file = OpenOptions::new().read(true).write(true).create_new(true).open(&path).await?;
        let content: Vec<u8> = (0..1_000_000_u32).map(|i| (i % 251) as u8).collect();
        file.write_all(&content).await?;
        file.sync_all().await?;
        assert_eq!(file.seek(SeekFrom::Start(10)).await?, 10);
        let mut buf = [0; 5];
        file.read_exact(&mut buf).await?;
        assert_eq!(buf, content[10..15]);
        file.write_all(b"hello").await?;
        assert_eq!(file.seek(SeekFrom::Current(-5)).await?, 15);
        file.read_exact(&mut buf).await?;
        assert_eq!(&buf, b"hello");
        let mut rest = Vec::new();
        assert_eq!(file.read_to_end(&mut rest).await?, content.len() - 20);
        assert!(rest == content[20..]);
        assert_eq!(file.read(&mut buf).await?, 0);
        let error = file.read_exact(&mut buf).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
        file.set_len(3).await?;
        file.sync_data().await?;
        assert_eq!(file.metadata().await?.len(), 3);
        let mut again = file.try_clone().await?;
        again.seek(SeekFrom::Start(2)).await?;
        assert_eq!(file.read(&mut buf).await?, 1, "the position is shared");
        let mut file = file.into_std().await?;
        io::Seek::rewind(&mut file)
    });
}

#[test]
fn errors_name_the_path_and_keep_the_systems_code() {
    on_both(|| async {
        let directory = Directory::new("fs");
        let path = directory.file("missing/file");
        for error in [
            File::open(&path).await.map(drop).unwrap_err(),
            File::create(&path).await.map(drop).unwrap_err(),
            fs::read(&path).await.map(drop).unwrap_err(),
            fs::write(&path, "").await.unwrap_err(),
            fs::read_dir(&path).await.map(drop).unwrap_err(),
            fs::rename(&path, "elsewhere").await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::NotFound);
            assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
            let inner = error.get_ref().and_then(|error| error.downcast_ref::<PathError>()).unwrap();
            assert_eq!(inner.path(), path);
        }
        let error = File::open(&path).await.unwrap_err();
        let inner = error.get_ref().and_then(|error| error.downcast_ref::<PathError>()).unwrap();
        assert!(inner.io_error().raw_os_error().is_some());
        let error = fs::read_to_string(std::env::current_exe()?).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        Ok(())
    });
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_reported_and_what_failed_is_not_read() {
    on_both(|| async {
        let error = fs::write("/dev/full", "x").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageFull, "{error}");
        let mut file = OpenOptions::new().read(true).write(true).open("/dev/full").await?;
        let error = file.write_all(b"abc").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageFull, "{error}");
        assert!(error.to_string().contains("/dev/full"), "{error}");
        let mut buf = [1; 3];
        file.read_exact(&mut buf).await?;
        assert_eq!(buf, [0; 3], "the device gives zeros, not what could not be written");
        Ok(())
    });
}

/// A disk with some room: files may not grow beyond a limit, which is this whole process's.
#[test]
#[cfg(target_os = "linux")]
fn a_disk_that_is_full_half_way_has_what_fitted() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    use support::{Copy, role};

    const ROOM: u64 = 10_000;
    if role().is_none() {
        let mut copy = Copy::start("a_disk_that_is_full_half_way_has_what_fitted", "copy");
        assert!(
            copy.wait().success(),
            "{:#?}",
            std::mem::replace(&mut copy.stderr, support::Lines::none()).rest()
        );
        return;
    }
    setrlimit(Resource::Fsize, Rlimit { current: Some(ROOM), maximum: None }).unwrap();
    on_both(|| async {
        // The system sends a signal besides the error, which would end the process.
        heist::add_signal_handler(heist::signal::SIGXFSZ, || {}).unwrap();
        let directory = Directory::new("fs");
        let path = directory.file("file");
        let mut file = File::create(&path).await?;
        let error = file.write_all(&[7; 3 * ROOM as usize]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::FileTooLarge, "{error}");
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
        assert_eq!(file.metadata().await?.len(), ROOM);
        // With room again it goes on, where it stopped.
        file.set_len(0).await?;
        file.seek(SeekFrom::Start(0)).await?;
        file.write_all(b"fits").await?;
        file.flush().await?;
        assert_eq!(fs::read(&path).await?, b"fits");
        let error = fs::write(&path, vec![7; 3 * ROOM as usize]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::FileTooLarge, "{error}");
        Ok(())
    });
}

/// Runs a test on both flavours, with a pool of one thread, so that it can be kept busy.
fn on_one_thread<F: Future<Output = ()>>(test: impl Fn() -> F) {
    for_each_flavour(|builder| builder.max_blocking_threads(1).build().unwrap().run(test()).unwrap());
}

/// Begins an operation and gives it up before the pool has time for it.
async fn give_up<F: Future>(future: F) {
    let (release, released) = std::sync::mpsc::channel::<()>();
    let busy = heist::to_thread(move || released.recv());
    let mut future = Box::pin(future);
    poll_fn(|cx| {
        assert!(future.as_mut().poll(cx).is_pending());
        Poll::Ready(())
    })
    .await;
    drop(future);
    release.send(()).unwrap();
    busy.await.unwrap().unwrap();
}

#[test]
fn what_was_given_up_loses_no_byte() {
    on_one_thread(|| async {
        let directory = Directory::new("fs");
        let path = directory.file("file");
        std::fs::write(&path, "0123456789").unwrap();
        let mut file = OpenOptions::new().read(true).write(true).open(&path).await.unwrap();
        give_up(file.read(&mut [0; 8])).await;
        let mut buf = [0; 3];
        file.read_exact(&mut buf).await.unwrap();
        assert_eq!(&buf, b"012");
        // What was read ahead is no part of the position.
        assert_eq!(file.seek(SeekFrom::Current(0)).await.unwrap(), 3);
        give_up(file.read(&mut [0; 8])).await;
        file.write_all(b"xx").await.unwrap();
        assert_eq!(fs::read_to_string(&path).await.unwrap(), "012xx56789");
        give_up(file.write(b"yy")).await;
        file.flush().await.unwrap();
        assert_eq!(fs::read_to_string(&path).await.unwrap(), "012xxyy789");
    });
}

#[test]
#[cfg(target_os = "linux")]
fn opens_that_are_given_up_leave_no_descriptor() {
    // Only what leads to this file is counted: other tests open and close beside this one.
    let path = temporary_path("given-up");
    std::fs::write(&path, "").unwrap();
    let open = || {
        let links = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
        links.filter(|link| std::fs::read_link(link.path()).is_ok_and(|to| to == path)).count()
    };
    on_one_thread(|| async {
        for _ in 0..100 {
            give_up(File::open(&path)).await;
        }
    });
    // Closing the loop has waited for its threads.
    assert_eq!(open(), 0);
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn outside_of_a_loop_files_say_what_to_do() {
    let mut opening = pin!(File::open("anything"));
    let Poll::Ready(Err(error)) =
        opening.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
    else {
        panic!("nobody would ever wake it")
    };
    assert!(error.to_string().contains("heist::run"), "{error}");
}

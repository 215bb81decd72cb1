//! The example of TLS: its server and its client, with one another and with what is wrong.
#![cfg(not(heist_loom))]

use std::path::PathBuf;

use certificates::Authority;
use support::{Copy, role};

#[path = "support/certificates.rs"]
mod certificates;
mod support;
#[allow(dead_code, reason = "its main is for the example")]
#[path = "../examples/tls_echo.rs"]
mod tls_echo;

/// The test that runs the program, in a copy.
const PROGRAM: &str = "the_program_in_a_copy";
/// What parts the arguments in a role.
const COMMA: char = ',';

fn start(args: &[&str]) -> Copy {
    Copy::start(PROGRAM, &args.join(&COMMA.to_string()))
}

/// In a copy: runs the program with the arguments that the role is. Otherwise shows that it refuses what makes no sense.
#[test]
fn the_program_in_a_copy() {
    if let Some(role) = role() {
        let failed = tls_echo::program(role.split(COMMA).map(str::to_owned));
        // An `ExitCode` does not say its number.
        let failed = format!("{failed:?}") != format!("{:?}", std::process::ExitCode::SUCCESS);
        std::process::exit(failed.into());
    }
    for (args, message) in [
        (&["serve"][..], "usage: "),
        (&["client", "no-such-file", "localhost", "1", "hello"][..], "no-such-file: "),
        (&["client", "no-such-file", "localhost", "eighty", "hello"][..], "`eighty` is no port"),
    ] {
        let mut copy = start(args);
        copy.stderr.until(&format!("tls_echo: {message}"));
        assert!(!copy.wait().success());
    }
}

/// A directory that goes with the test.
struct Files(PathBuf);

impl Files {
    fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn server_and_client() {
    let files = Files(support::temporary_path("tls-example"));
    std::fs::create_dir_all(&files.0).unwrap();
    let (authority, stranger) = (Authority::new(), Authority::new());
    let identity = authority.identity(&["localhost"]);
    let certificate = files.write("cert.pem", &identity.certificate);
    let key = files.write("key.pem", &identity.key);
    let trusted = files.write("trusted.pem", &authority.pem());
    let wrong = files.write("wrong.pem", &stranger.pem());

    let mut server = start(&["server", &certificate, &key, "0"]);
    let line = server.stdout.until("Serving on ");
    let (_, port) = line.rsplit_once(':').unwrap();
    let mut client = start(&["client", &trusted, "localhost", port, "Hello World!"]);
    assert_eq!(client.stdout.until("Received: "), "Received: Hello World!");
    assert!(client.wait().success());
    let spoken = server.stdout.until("127.0.0.1:");
    assert!(spoken.ends_with("speaks TLSv1.3"), "{spoken}");

    let mut client = start(&["client", &wrong, "localhost", port, "Hello?"]);
    client.stderr.until("tls_echo: ");
    assert!(!client.wait().success(), "the certificate is not the one that it trusts");
}

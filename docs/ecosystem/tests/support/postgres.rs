//! A PostgreSQL server of a test's own, and the programs that come with it.
//!
//! The server refuses to run as root, so where the test is root it runs as another user.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rustix::process::Signal;

use super::Directory;
use super::daemon::Daemon;

/// Who owns the databases, and may do everything without a password.
pub const USER: &str = "heist";
/// Users that a test which is root may become for the server.
const UNPRIVILEGED: &[&str] = &["postgres", "nobody"];
/// Nothing that is written here must outlive the machine.
const SETTINGS: &[&str] =
    &["fsync=off", "full_page_writes=off", "max_connections=50", "log_min_messages=warning"];

/// A running server, its directory, and its port.
#[derive(Debug)]
pub struct Cluster {
    // Ended before its files go.
    _server: Daemon,
    directory: Directory,
    port: u16,
}

impl Cluster {
    /// Starts a server. `None`, and a line that says so, where PostgreSQL is not on this machine: the test returns then.
    pub fn start() -> Option<Self> {
        Self::start_with(&[])
    }

    /// As `start`, with files beside its data that only the server may read, and with TLS where these are `server.crt` and
    /// `server.key`.
    pub fn start_with(files: &[(&str, &str)]) -> Option<Self> {
        let (initdb, postgres) = (program("initdb")?, program("postgres")?);
        let owner = Owner::find()?;
        let directory = Directory::new("pg");
        owner.takes(directory.path());
        let data = directory.file("data");
        let mut command = owner.command(&initdb, directory.path());
        command.args(["--no-sync", "--no-instructions", "--auth=trust", "--encoding=UTF8", "--locale=C"]);
        succeeds(command.arg(format!("--username={USER}")).arg("--pgdata").arg(&data));
        for (name, contents) in files {
            let file = data.join(name);
            fs::write(&file, contents).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
            owner.takes(&file);
        }
        let command = |port: u16| {
            let mut command = owner.command(&postgres, directory.path());
            command.arg("-D").arg(&data).args(["-h", "127.0.0.1", "-p", &port.to_string()]);
            command.arg("-k").arg(directory.path());
            let tls = if files.is_empty() { "ssl=off" } else { "ssl=on" };
            for setting in SETTINGS.iter().chain([&tls]) {
                command.args(["-c", setting]);
            }
            command
        };
        // SIGQUIT: at once, without writing what nobody will read.
        let (server, port) =
            Daemon::on_free_port(command, "database system is ready to accept connections", Signal::QUIT);
        Some(Self { _server: server, directory, port })
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The directory of its Unix socket.
    pub fn socket_directory(&self) -> &Path {
        self.directory.path()
    }

    /// Its Unix socket.
    pub fn socket(&self) -> PathBuf {
        self.directory.file(&format!(".s.PGSQL.{}", self.port))
    }

    /// Its address as libraries take it.
    pub fn url(&self) -> String {
        format!("postgres://{USER}@127.0.0.1:{}/postgres", self.port)
    }

    /// What a query gives, asked for without any proxy: rows in lines, columns between `|`.
    pub fn query(&self, sql: &str) -> String {
        let output = succeeds(client("psql", self.port).args(["-Atqc", sql]));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }
}

/// One of the clients, for a server or a proxy on a port of 127.0.0.1. Only where a [`Cluster`] has started.
pub fn client(name: &str, port: u16) -> Command {
    let mut command = Command::new(program(name).expect("it comes with the server"));
    command.env_clear().env("PGUSER", USER).env("PGDATABASE", "postgres").env("PGCONNECT_TIMEOUT", "30");
    command.env("PGHOST", "127.0.0.1").env("PGPORT", port.to_string());
    if name == "psql" {
        command.args(["--no-psqlrc", "--set=ON_ERROR_STOP=1"]);
    }
    command
}

/// Runs a program to its end, which must be a good one.
pub fn succeeds(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// Where a program of PostgreSQL is: in the newest version's directory, which is on nobody's path, or on the path.
fn program(name: &str) -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse::<u32>().ok()?, entry.path())))
        .map(|(version, directory)| (version, directory.join("bin").join(name)))
        .filter(|(_, file)| file.is_file())
        .max();
    newest.map(|(_, file)| file).or_else(|| super::peers::find(name))
}

/// Who the server runs as.
#[derive(Debug, Clone, Copy)]
enum Owner {
    /// Whoever we are.
    Ourselves,
    /// By the numbers of user and group.
    Other(u32, u32),
}

impl Owner {
    /// `None`, and a line that says so, where we are root and there is nobody else to be.
    fn find() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            return Some(Self::Ourselves);
        }
        let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let found = UNPRIVILEGED.iter().find_map(|wanted| {
            users.lines().find_map(|line| {
                let mut fields = line.split(':');
                if fields.next() != Some(wanted) {
                    return None;
                }
                let mut numbers = fields.skip(1).map_while(|field| field.parse().ok());
                Some(Self::Other(numbers.next()?, numbers.next()?))
            })
        });
        if found.is_none() {
            println!(
                "skipped: the server refuses to be root, and there is no user {}",
                UNPRIVILEGED.join(" or ")
            );
        }
        found
    }

    /// Gives it a file or directory.
    fn takes(self, path: &Path) {
        if let Self::Other(user, group) = self {
            chown(path, Some(user), Some(group)).unwrap();
        }
    }

    /// A program that runs as it, in a directory that it may enter.
    fn command(self, program: &Path, directory: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(directory).env("LC_ALL", "C");
        if let Self::Other(user, group) = self {
            command.uid(user).gid(group);
        }
        command
    }
}

//! Programs that nobody here wrote, for tests that talk to them: `.ci/peers` installs them, and a test whose peer is missing
//! says so and passes.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Where a program is. `None`, and a line that says so, where it is not on this machine: the test returns then.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Servers are not on everybody's path.
    let directories = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    let found = directories.map(|directory| directory.join(program)).find(|file| Path::is_file(file));
    if found.is_none() {
        println!("skipped: {program} is not on this machine; .ci/peers installs it");
    }
    found
}

/// Runs a program to its end on a thread of its own, and gives what it said.
pub async fn run(mut command: Command) -> Output {
    command.stdin(Stdio::null());
    heist::to_thread(move || command.output().unwrap()).await.unwrap()
}

/// All that nginx is told: one server, in the foreground, with all its files in the directory, and those that it serves in
/// `www` there.
pub fn nginx_configuration(directory: &Path, port: u16) -> String {
    let root = directory.to_str().expect("a path of ours");
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {root}/{kind};\n"))
        .concat();
    format!(
        "daemon off;\nmaster_process off;\npid {root}/pid;\nerror_log stderr notice;\nevents {{}}\n\
         http {{\naccess_log off;\n{temporary}server {{\nlisten 127.0.0.1:{port};\nroot {root}/www;\n}}\n}}\n"
    )
}

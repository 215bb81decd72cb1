#![cfg(all(unix, not(heist_loom)))]
//! Ctrl-C, in a process of its own: the test sends the signal to a copy of itself.

use std::io::Write;
use std::process::{Command, Stdio};

/// Set in the copy.
const CHILD: &str = "HEIST_TEST_CTRL_C_CHILD";

#[test]
fn ctrl_c_reaches_every_task_that_waits() {
    if std::env::var_os(CHILD).is_some() {
        return child();
    }
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "ctrl_c_reaches_every_task_that_waits", "--nocapture"])
        .env(CHILD, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut seen = String::new();
    while !seen.contains("waiting") {
        assert_ne!(std::io::BufRead::read_line(&mut output, &mut seen).unwrap(), 0, "the copy ended: {seen}");
    }
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    std::io::Read::read_to_string(&mut output, &mut seen).unwrap();
    assert!(child.wait().unwrap().success(), "{seen}");
    assert_eq!(seen.matches("interrupted").count(), 3, "{seen}");
}

fn child() {
    heist::run(async {
        let tasks: Vec<_> = (0..3).map(|_| heist::create_task(heist::ctrl_c())).collect();
        println!("\nwaiting");
        std::io::stdout().flush().unwrap();
        for task in tasks {
            task.await.unwrap().unwrap();
            println!("\ninterrupted");
        }
    });
}

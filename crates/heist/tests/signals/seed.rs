//! Seed program 002-10: what it does on Ctrl-C, and what its Python twin does.

use std::path::Path;
use std::process::{Command, ExitCode, Termination};

use crate::support::main_thread::on_the_main_thread;
use crate::support::{Copy, Lines, peers, role};

#[path = "../../examples/seeds/s002_10_ctrl_c.rs"]
mod program;

const TEST: &str = "s002_10_ctrl_c_cancels_the_four_that_have_not_ended";

/// The program in Python, where there is one.
fn in_python() -> Option<Copy> {
    let mut command = Command::new(peers::find("python3")?);
    let twin = "examples/seeds/python/s002_10_ctrl_c.py";
    command.args(["-B", "-u"]).arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(twin));
    Some(Copy::of(command))
}

/// Presses Ctrl-C when all three have started; four are cancelled: they, and the wait.
fn interrupt(mut program: Copy) {
    for _ in 0..3 {
        program.stdout.until("start get html");
    }
    program.interrupt();
    for _ in 0..4 {
        program.stdout.until("task cancel");
    }
    let said = std::mem::replace(&mut program.stdout, Lines::none()).rest();
    assert!(
        !said.iter().any(|line| line.contains("task cancel") || line.contains("end get html")),
        "{said:?}"
    );
    assert!(program.wait().success());
}

on_the_main_thread! {
    #[test]
    fn s002_10_ctrl_c_cancels_the_four_that_have_not_ended() {
        if role().is_some() {
            assert_eq!(program::main().report(), ExitCode::SUCCESS);
            return;
        }
        interrupt(Copy::start(TEST, "ours"));
        if let Some(python) = in_python() {
            interrupt(python);
        }
    }
}

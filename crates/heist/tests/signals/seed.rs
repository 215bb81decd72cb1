//! Seed program 002-10: what it does on Ctrl-C, and what its Python twin does.

use std::path::Path;
use std::process::{Command, ExitCode, Termination};

use crate::support::main_thread::on_the_main_thread;
use crate::support::{Copy, Lines, peers, role};

#[path = "../../examples/seeds/s002_10_ctrl_c.rs"]
mod program;

const TEST: &str = "s002_10_ctrl_c_cancels_the_four_that_have_not_ended";

/// The program in Python.
fn in_python(python: &Path) -> Copy {
    let mut command = Command::new(python);
    let twin = "examples/seeds/python/s002_10_ctrl_c.py";
    command.args(["-B", "-u"]).arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(twin));
    Copy::of(command)
}

/// How often a program is started that was slower than its own sleeps of two seconds.
const ATTEMPTS: u32 = 5;

/// Presses Ctrl-C when all three have started, and gives what the program says from then on; `None` where one of them had
/// ended by then.
fn interrupt(mut program: Copy) -> Option<Vec<String>> {
    for _ in 0..3 {
        program.stdout.until("start get html");
    }
    // In Python the third would end by the signal itself, if it were still inside its step then.
    program.until_asleep();
    program.interrupt();
    let said = std::mem::replace(&mut program.stdout, Lines::none()).rest();
    if said.iter().any(|line| line.contains("end get html")) {
        return None;
    }
    assert!(program.wait().success());
    Some(said)
}

/// Four are cancelled: the three, and the wait.
fn four_are_cancelled(start: impl Fn() -> Copy) {
    let said = (0..ATTEMPTS).find_map(|_| interrupt(start())).expect("a machine that is not that slow");
    assert_eq!(said.iter().filter(|line| line.contains("task cancel")).count(), 4, "{said:?}");
}

on_the_main_thread! {
    #[test]
    fn s002_10_ctrl_c_cancels_the_four_that_have_not_ended() {
        if role().is_some() {
            assert_eq!(program::main().report(), ExitCode::SUCCESS);
            return;
        }
        four_are_cancelled(|| Copy::start(TEST, "ours"));
        if let Some(python) = peers::find("python3") {
            four_are_cancelled(|| in_python(&python));
        }
    }
}

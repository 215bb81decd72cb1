#![cfg(not(heist_loom))]
#![allow(clippy::duplicate_mod, reason = "the programs share modules")]
//! The seed programs (`examples/seeds`), each on several kinds of loop and beside the same program in Python: what is
//! printed, in what order, and when on the loop's clock. Where they only sleep, time is virtual, in Python, too.
//!
//! | module | what it is |
//! |---|---|
//! | `programs` | the programs themselves |
//! | `output` | notes what they print, and when |
//! | `python` | runs their Python twins, by `driver.py` |
//! | `sample` | a program and what is expected of it |
//! | `first` | samples 000: tasks, futures, a crawler |
//! | `high_level` | samples 001: the high-level API |
//! | `loops` | samples 002 to 004: event loops, callbacks, threads |
//! | `echo` | samples 001-12 and 001-13: the pair, and each with its Python twin |

#[path = "seeds/echo.rs"]
mod echo;
#[path = "seeds/first.rs"]
mod first;
#[path = "seeds/high_level.rs"]
mod high_level;
#[path = "seeds/loops.rs"]
mod loops;
#[path = "seeds/output.rs"]
mod output;
#[path = "seeds/python.rs"]
mod python;
#[path = "seeds/sample.rs"]
mod sample;
mod support;

/// What the modules below print with, which are the programs; those above have the usual one.
macro_rules! println {
    ($($text:tt)*) => {
        $crate::output::print(&format!($($text)*))
    };
}

#[path = "seeds/programs.rs"]
mod programs;

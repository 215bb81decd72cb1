//! A program and what is expected of it: run on each kind of loop, and beside the same program in Python.

use std::process::ExitCode;

use crate::output::{self, Line};
use crate::python;

/// See [`sample!`].
pub struct Sample {
    name: &'static str,
    main: fn() -> ExitCode,
    expected: Vec<Line>,
    any_order: bool,
    virtual_time: bool,
    endless: bool,
    succeeds: bool,
}

/// The program of that name.
macro_rules! sample {
    ($name:ident) => {
        $crate::sample::Sample::new(stringify!($name), || {
            std::process::Termination::report($crate::programs::$name::main())
        })
    };
}
pub(crate) use sample;

impl Sample {
    pub fn new(name: &'static str, main: fn() -> ExitCode) -> Self {
        Self {
            name,
            main,
            expected: Vec::new(),
            any_order: false,
            virtual_time: true,
            endless: false,
            succeeds: true,
        }
    }

    /// The lines that it prints, in a block of text: the milliseconds, a blank, the text.
    pub fn prints(mut self, lines: &str) -> Self {
        let lines = lines.split('\n').map(str::trim_start).filter(|line| !line.is_empty());
        let lines = lines.map(|line| {
            let (at, text) = line.split_once(' ').expect("the time, and the text");
            Line { at: at.parse().expect("milliseconds"), text: text.to_owned() }
        });
        self.expected = lines.collect();
        self
    }

    /// Lines whose order is free.
    pub fn in_any_order(mut self) -> Self {
        self.any_order = true;
        self
    }

    /// It waits for more than the loop's clock: threads, sockets, children. The times count for nothing.
    pub fn in_real_time(mut self) -> Self {
        self.virtual_time = false;
        self
    }

    /// It runs on after its last line.
    pub fn runs_on(mut self) -> Self {
        self.endless = true;
        self
    }

    /// It ends with an error.
    pub fn fails(mut self) -> Self {
        self.succeeds = false;
        self
    }

    /// After which line the loop is stopped.
    fn last(&self) -> Option<usize> {
        self.endless.then_some(self.expected.len())
    }

    /// Runs it on a loop of that kind.
    fn run(&self, builder: heist::Builder) -> Vec<Line> {
        let builder = if self.virtual_time { builder.virtual_time() } else { builder };
        let (status, lines) = output::of(self.last(), || builder.as_default(self.main));
        assert_eq!(status == ExitCode::SUCCESS, self.succeeds, "{}: {lines:#?}", self.name);
        lines
    }

    /// What is compared of these lines.
    fn compared(&self, mut lines: Vec<Line>) -> Vec<Line> {
        if !self.virtual_time {
            lines.iter_mut().for_each(|line| line.at = 0);
        }
        if self.any_order {
            lines.sort();
        }
        lines
    }

    fn assert_expected(&self, lines: Vec<Line>, who: &str) {
        assert_eq!(self.compared(lines), self.compared(self.expected.clone()), "{}, {who}", self.name);
    }

    /// Runs it on each kind of loop, and in Python.
    pub fn test(&self) {
        self.beside_python(|| {
            let builder = heist::Runner::builder;
            self.assert_expected(self.run(builder().current_thread()), "one thread");
            self.assert_expected(self.run(builder().workers(1)), "one worker");
            self.assert_expected(self.run(builder().workers(3)), "three workers");
        });
    }

    /// As [`test`](Self::test), on one kind of loop: for what takes long.
    pub fn test_once(&self) {
        self.beside_python(|| {
            self.assert_expected(self.run(heist::Runner::builder().workers(3)), "three workers");
        });
    }

    fn beside_python(&self, ours: impl FnOnce()) {
        std::thread::scope(|scope| {
            scope.spawn(|| self.test_python());
            ours();
        });
    }

    fn test_python(&self) {
        let Some(python) = python::run(self.name, self.virtual_time, self.last()) else { return };
        assert_eq!(python.succeeded, self.succeeds, "{}: {:#?}", self.name, python.lines);
        self.assert_expected(python.lines, "Python");
    }
}

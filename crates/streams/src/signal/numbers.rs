//! The numbers of signals, under the names that they have everywhere.

macro_rules! numbers {
    ($($(#[$attribute:meta])* $name:ident: $what:literal;)*) => {
        $(
            #[doc = $what]
            ///
            /// ```
            /// # use heist_streams as heist;
            #[doc = concat!("println!(\"the signal's number is {}\", heist::signal::", stringify!($name), ");")]
            /// ```
            $(#[$attribute])* pub const $name: i32 = libc::$name;
        )*

        /// The name of a signal, for texts.
        pub(crate) fn name(signal: i32) -> Option<&'static str> {
            match signal {
                $($(#[$attribute])* libc::$name => Some(stringify!($name)),)*
                _ => None,
            }
        }
    };
}

numbers! {
    SIGABRT: "The program has given up (`abort`).";
    SIGALRM: "An alarm clock has rung.";
    SIGBUS: "Memory could not be reached; cannot be handled.";
    SIGCHLD: "A child process has ended or stopped.";
    SIGCONT: "Go on after a stop.";
    SIGFPE: "An arithmetic operation failed; cannot be handled.";
    SIGHUP: "The terminal is gone; to a service: read your configuration again.";
    SIGILL: "An instruction that does not exist; cannot be handled.";
    SIGINT: "Ctrl-C.";
    SIGIO: "A descriptor is ready.";
    SIGKILL: "Ends the process at once; cannot be handled.";
    SIGPIPE: "A write to a pipe that nobody reads.";
    SIGPROF: "A profiling clock has rung.";
    SIGQUIT: "Ctrl-\\: ends the process and leaves its memory behind.";
    SIGSEGV: "Memory that is not there; cannot be handled.";
    SIGSTOP: "Stops the process; cannot be handled.";
    SIGSYS: "A system call that does not exist.";
    SIGTERM: "The polite request to end.";
    SIGTRAP: "A breakpoint.";
    SIGTSTP: "Ctrl-Z: asks the process to stop.";
    SIGTTIN: "A background process reads from its terminal.";
    SIGTTOU: "A background process writes to its terminal.";
    SIGURG: "Urgent data at a socket.";
    SIGUSR1: "The program's own, the first.";
    SIGUSR2: "The program's own, the second.";
    SIGVTALRM: "A clock of processor time has rung.";
    SIGWINCH: "The terminal's window has another size.";
    SIGXCPU: "Too much processor time.";
    SIGXFSZ: "Too large a file.";
}

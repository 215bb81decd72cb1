//! The guide. Each page is a module here, so that its examples are tests; the texts are the Markdown files beside this
//! one. The crate is not published.

#![forbid(unsafe_code)]

/// Makes a module of each page, so that the page's examples are doc tests.
macro_rules! pages {
    ($($name:ident: $path:literal),+ $(,)?) => {
        $(
            #[doc = include_str!($path)]
            pub mod $name {}
        )+
    };
}

pages! {
    readme: "../../README.md",
    index: "README.md",
    first_program: "first-program.md",
    tasks: "tasks.md",
    waiting: "waiting.md",
    time: "time.md",
    cancellation: "cancellation.md",
    structured_concurrency: "structured-concurrency.md",
    sharing: "sharing.md",
    streams: "streams.md",
    threads_processes_signals: "threads-processes-signals.md",
    testing_and_debugging: "testing-and-debugging.md",
    cookbook: "cookbook.md",
    cookbook_tasks: "cookbook-tasks.md",
    cookbook_network: "cookbook-network.md",
    cookbook_threads: "cookbook-threads.md",
    developing: "developing.md",
    cancellation_reference: "cancellation-reference.md",
    from_tokio: "from-tokio.md",
}

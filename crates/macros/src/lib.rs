//! The attribute macros of the heist async runtime: `#[heist::main]` and `#[heist::test]`.
//!
//! Use them through the facade crate `heist`. They read the function's tokens by hand and need no other crate at build
//! time; what they expand to names only `::heist::__private`:
//!
//! ```text
//! #[heist::main(workers = 4)]                 fn main() -> R {
//! async fn main() -> R { BODY }      ->           async fn main() -> R { BODY }
//!                                                 ::heist::__private::run_main(MainConfig { .. }, main())
//!                                             }
//! ```
//!
//! The body stays an `async fn` with the return type that was written, so `?` and type errors work out as they would
//! without the attribute.

#![forbid(unsafe_code)]

mod expand;
mod function;
mod options;

use proc_macro::TokenStream;

use expand::Entry;

/// Runs an `async fn main` on a new event loop (asyncio: `asyncio.run(main())`).
///
/// Options, separated by commas:
///
/// * `workers = N`: that many worker threads, the calling thread among them; without it, as many as the machine has
///   cores, or what the variable `HEIST_WORKERS` says;
/// * `current_thread`: everything on the calling thread, one task at a time, as in asyncio;
/// * `tokio_compat`: libraries that need tokio find it (needs the feature `tokio-compat` of heist).
///
/// The function takes no parameters and may return what any `main` may return. An `Err` is printed as `Error: ...`
/// and the process exits with status 1. Ctrl-C cancels the function, so that it can clean up, and then ends the process by
/// the signal (a shell sees the status 130); a second Ctrl-C ends it at once.
///
/// # Errors
///
/// A compile error at the place that is wrong: a function that is not `async`, one with parameters or generics, an
/// unknown option.
///
/// # Examples
///
/// ```
/// # extern crate self as heist;
/// # use heist_macros as macros;
/// # pub mod __private {
/// #     pub struct MainConfig { pub workers: Option<usize>, pub current_thread: bool, pub virtual_time: bool }
/// #     pub fn run_main<F: Future>(_: MainConfig, main: F) -> F::Output {
/// #         let mut context = std::task::Context::from_waker(std::task::Waker::noop());
/// #         match std::pin::pin!(main).poll(&mut context) {
/// #             std::task::Poll::Ready(output) => output,
/// #             std::task::Poll::Pending => unreachable!("the example waits for nothing"),
/// #         }
/// #     }
/// # }
/// # use macros::main as heist_main;
/// #[heist_main(workers = 2)] // in a program: #[heist::main(workers = 2)]
/// async fn main() -> Result<(), std::num::ParseIntError> {
///     let answer: u32 = "42".parse()?;
///     println!("{answer}");
///     Ok(())
/// }
/// ```
#[proc_macro_attribute]
pub fn main(options: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(Entry::Main, options, item)
}

/// Runs an `async fn` as a test, on an event loop of its own.
///
/// The options are those of [`macro@main`], and
///
/// * `virtual_time`: time stands still while anything can run, and jumps to the next deadline when nothing can: a sleep
///   of an hour takes microseconds.
///
/// Other attributes of tests (`#[ignore]`, `#[should_panic]`) work as ever. A test that returns an `Err` fails.
///
/// # Errors
///
/// A compile error at the place that is wrong, as for [`macro@main`].
///
/// # Examples
///
/// ```
/// # extern crate self as heist;
/// # pub mod __private {
/// #     pub struct MainConfig { pub workers: Option<usize>, pub current_thread: bool, pub virtual_time: bool }
/// #     pub fn run_test<F: Future>(_: MainConfig, _: F) -> F::Output { unreachable!("rustdoc runs no tests") }
/// # }
/// # use heist_macros::test as heist_test;
/// #[heist_test(virtual_time)] // in a program: #[heist::test(virtual_time)]
/// async fn one_and_one() {
///     assert_eq!(1 + 1, 2);
/// }
/// # fn main() {}
/// ```
#[proc_macro_attribute]
pub fn test(options: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(Entry::Test, options, item)
}

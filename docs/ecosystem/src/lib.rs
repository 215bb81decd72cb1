//! Other people's libraries on heist: real programs in `examples/`, and tests against peers that nobody here wrote.
//!
//! Which library runs through which feature stands in docs/ecosystem.md.
#![forbid(unsafe_code)]

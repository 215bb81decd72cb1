//! `heist-bench`: see `heist-bench --help`.

#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    heist_bench::main()
}

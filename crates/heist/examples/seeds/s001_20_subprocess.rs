//! Sample 001-20: a command in the shell, its status, and what it printed.
//!
//! The original, made runnable: `python/s001_20_subprocess.py`.
//!
//! What differs from the Python text: the lines are decoded with signs for what is no UTF-8. What `ls` says, and its status,
//! are those of the system's.

#![forbid(unsafe_code)]

#[cfg(unix)]
#[path = "../support/repr.rs"]
mod repr;

#[cfg(unix)]
async fn run(cmd: &str) -> std::io::Result<()> {
    let mut proc =
        heist::create_subprocess_shell(cmd).stdout(heist::PIPE).stderr(heist::PIPE).spawn().await?;

    let (stdout, stderr) = proc.communicate(None).await?;

    let returncode = proc.returncode().unwrap_or_default();
    println!("[{} exited with {}]", repr::repr(cmd), returncode);
    if let Some(stdout) = stdout.filter(|stdout| !stdout.is_empty()) {
        println!("[stdout]\n{}", String::from_utf8_lossy(&stdout));
    }
    if let Some(stderr) = stderr.filter(|stderr| !stderr.is_empty()) {
        println!("[stderr]\n{}", String::from_utf8_lossy(&stderr));
    }
    Ok(())
}

#[cfg(unix)]
pub(crate) fn main() -> std::io::Result<()> {
    heist::run(run("ls /zzz"))
}

#[cfg(not(unix))]
pub(crate) fn main() {
    println!("child processes are for Unix so far");
}

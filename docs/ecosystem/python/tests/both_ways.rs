//! The feature `pyo3`, through Python: python3 loads this package's module and runs both_ways.py.
#![cfg(unix)]

use std::path::{Path, PathBuf};
use std::process::Command;

/// The name of the module, which is that of its file.
const MODULE: &str = "heist_ecosystem_python";

#[test]
fn python_and_heist_await_each_other() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/both_ways.py");
    let path = Modules::new();
    let mut python = Command::new("python3");
    python.arg(script).env("PYTHONPATH", &path.0);
    let output = match python.output() {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            println!("skipped: there is no python3");
            return;
        }
        Err(error) => panic!("{error}"),
    };
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{said}\n{complained}", output.status);
    assert!(said.ends_with("14 passed\n"), "{said}");
    // A panic is reported where it happens; nothing else is to be complained of.
    assert!(!complained.contains("never awaited") && !complained.contains("never retrieved"), "{complained}");
}

/// A folder with the module in it, under the name by which Python finds it.
struct Modules(PathBuf);

impl Modules {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("heist-{}-modules", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let library = format!("{}{MODULE}{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
        // Cargo puts it beside the tests.
        let built = std::env::current_exe().unwrap().parent().unwrap().join(library);
        let module = folder.join(format!("{MODULE}.so"));
        let _ = std::fs::remove_file(&module);
        std::os::unix::fs::symlink(built, module).unwrap();
        Self(folder)
    }
}

impl Drop for Modules {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

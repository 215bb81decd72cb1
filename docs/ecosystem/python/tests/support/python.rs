//! python3 with a module of ours in its path.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// What a script said, and what it complained of.
pub struct Said {
    pub said: String,
    pub complained: String,
}

/// Has python3 run a script of this package, which imports `module` and ends well; `None` where there is no python3. Cargo has
/// built the module in `folder`, seen from where it puts tests.
pub fn run(module: &str, folder: &str, script: &str, arguments: &[&str]) -> Option<Said> {
    let modules = Modules::new(module, folder);
    let mut python = Command::new("python3");
    python.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(script)).args(arguments);
    let output = match python.env("PYTHONPATH", &modules.0).output() {
        Ok(output) => output,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            println!("skipped: there is no python3");
            return None;
        }
        Err(error) => panic!("{error}"),
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (said, complained) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{}\n{said}\n{complained}", output.status);
    Some(Said { said, complained })
}

/// A folder with the module in it, under the name by which Python finds it.
struct Modules(PathBuf);

impl Modules {
    fn new(module: &str, built_in: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("heist-{}-{number}-{module}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let library = format!("{}{module}{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
        let built = std::env::current_exe().unwrap().parent().unwrap().join(built_in).join(library);
        assert!(
            built.exists(),
            "there is no {}: `cargo test` builds it, unless `--test` is said",
            built.display()
        );
        let file = folder.join(format!("{module}.so"));
        std::os::unix::fs::symlink(built, file).unwrap();
        Self(folder)
    }
}

impl Drop for Modules {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

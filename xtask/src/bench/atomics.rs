//! Atomic read-modify-writes of one operation: how often each locked instruction was executed, libraries included.
//!
//! The program is the one that is timed, built without a switch. callgrind says how often the instruction at each address
//! was executed, and the disassembly says which of them lock: those with the prefix `lock`, and `xchg` with memory. On
//! x86-64 that is every atomic read-modify-write and every full fence.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use super::callgrind::Callgrind;
use super::instrument::{Counter, Instrument, Tally};
use crate::{sh, tree};

/// The locked instructions of each object file (a program or a library), by address; read when first asked for.
#[derive(Default)]
struct Objects(HashMap<String, HashSet<u64>>);

/// Counts them.
pub(crate) const INSTRUMENT: Instrument = Instrument {
    option: "--atomics",
    key: "atomic read-modify-writes",
    title: "Atomic read-modify-writes and full fences of one operation (locked instructions under callgrind, the \
            difference of two runs)",
    digits: 1,
    fewer: 1,
    has_kinds: false,
    start,
};

fn start(program: &Path) -> Result<Option<Counter>, String> {
    if !cfg!(target_arch = "x86_64") {
        println!("skipped: which instructions lock is known here for x86-64 alone");
        return Ok(None);
    }
    if !sh::is_there("objdump", &["--version"]) {
        println!("skipped: objdump is not installed, so locked instructions cannot be found");
        return Ok(None);
    }
    let Some(callgrind) = Callgrind::of(program, "atomic read-modify-writes")? else { return Ok(None) };
    let profile = tree::target()?.join("atomics.callgrind");
    let objects = RefCell::new(Objects::default());
    Ok(Some(Box::new(move |workload, peer, times| {
        let file = format!("--callgrind-out-file={}", profile.display());
        let options = [&file, "--dump-instr=yes", "--compress-pos=no", "--compress-strings=no"];
        callgrind.run(workload, peer, times, &options)?;
        let text = fs::read_to_string(&profile).map_err(|error| format!("no profile: {error}"))?;
        let _ = fs::remove_file(&profile);
        let sum = locked(&text, |object| objects.borrow_mut().of(object))?;
        Ok(Tally::from([(String::new(), sum)]))
    })))
}

impl Objects {
    fn of(&mut self, object: &str) -> Result<HashSet<u64>, String> {
        if let Some(known) = self.0.get(object) {
            return Ok(known.clone());
        }
        let found = match Path::new(object).is_file() {
            // Code that belongs to no file (the kernel's page of calls, say) locks nothing.
            false => HashSet::new(),
            true => addresses(&sh::read(Command::new("objdump").args([
                "--disassemble",
                "--no-show-raw-insn",
                object,
            ]))?),
        };
        self.0.insert(object.to_owned(), found.clone());
        Ok(found)
    }
}

/// The addresses of the locked instructions in a disassembly.
fn addresses(disassembly: &str) -> HashSet<u64> {
    let address = |line: &str| {
        let (address, instruction) = line.trim_start().split_once(":\t")?;
        let locks =
            instruction.starts_with("lock ") || instruction.starts_with("xchg ") && instruction.contains('(');
        if locks { u64::from_str_radix(address, 16).ok() } else { None }
    };
    disassembly.lines().filter_map(address).collect()
}

/// How often the locked instructions of each object were executed, by a profile with a line for each instruction.
fn locked(profile: &str, mut of: impl FnMut(&str) -> Result<HashSet<u64>, String>) -> Result<u64, String> {
    let (mut addresses, mut sum, mut is_call) = (HashSet::new(), 0, false);
    for line in profile.lines() {
        if let Some(object) = line.strip_prefix("ob=") {
            addresses = of(object)?;
        }
        if line.starts_with("calls=") {
            // The line after it is the cost of what is called, which stands at its own place too.
            is_call = true;
        } else if let Some(cost) = line.strip_prefix("0x") {
            let mut words = cost.split_whitespace();
            let address = words.next().and_then(|word| u64::from_str_radix(word, 16).ok());
            let times: Option<u64> = words.nth(1).and_then(|word| word.parse().ok());
            if let (Some(address), Some(times), false) = (address, times, is_call) {
                sum += if addresses.contains(&address) { times } else { 0 };
            }
            is_call = false;
        }
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DISASSEMBLY: &str = "0000000000001000 <add>:\n    \
        1000:\tlock xadd %rax,(%rdi)\n    \
        1004:\txchg   %ax,%ax\n    \
        1006:\txchg   %rax,0x8(%rbx)\n    \
        100a:\tmov    (%rax),%rax\n";

    #[test]
    fn memory_is_locked_and_registers_are_not() {
        let mut found: Vec<_> = addresses(DISASSEMBLY).into_iter().collect();
        found.sort_unstable();
        assert_eq!(found, [0x1000, 0x1006]);
    }

    #[test]
    fn each_execution_counts_once_in_its_own_object() {
        let profile = "ob=program\nfn=add\n0x1000 7 40\n0x100a 7 40\ncalls=3 0x1000 0\n0x1006 8 500\n\
            ob=library\n0x1000 0 9\n";
        let of = |object: &str| Ok(if object == "program" { addresses(DISASSEMBLY) } else { HashSet::new() });
        assert_eq!(locked(profile, of), Ok(40));
    }
}

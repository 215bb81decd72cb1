//! The types that can be named from outside of our crates, and the paths that name them: what `pub mod` and `pub use` lead to.
//!
//! It reads sources, and understands as much of them as ours need. What it cannot follow and looks like a type's name counts as
//! one: a list that is too long is noticed, one that is too short is not.

mod module;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::tree;
use module::Module;

/// Re-exports of re-exports are followed this far; ours need three.
const DEPTH: usize = 12;

/// The crates of ours, by the names that sources have for them.
pub(crate) struct Crates(BTreeMap<String, Module>);

/// Where something was declared: the module's path, with its crate's name in front, and the name.
type Origin = (Vec<String>, String);

/// Types, by where they were declared, and the paths that name each.
#[derive(Debug, Default)]
pub(crate) struct Types(BTreeMap<Origin, BTreeSet<String>>);

impl Types {
    fn add(&mut self, origin: &Origin, shown: &str, name: &str) {
        self.0.entry(origin.clone()).or_default().insert(format!("{shown}::{name}"));
    }

    /// The paths of each.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &BTreeSet<String>> {
        self.0.values()
    }
}

/// What a path leads to.
enum Target {
    Type(Origin),
    Module(Vec<String>),
    /// A trait or an alias.
    Other,
}

impl Crates {
    /// Reads them all.
    pub(crate) fn read() -> Result<Self, String> {
        let mut crates = BTreeMap::new();
        for name in tree::crates()? {
            let root: PathBuf = ["crates", &name, "src", "lib.rs"].iter().collect();
            let name = if name == "heist" { name } else { format!("heist_{name}") };
            crates.insert(name, Module::of_file(Path::new(&root))?);
        }
        Ok(Self(crates))
    }

    /// Every type that can be named by a path through this crate.
    pub(crate) fn types_of(&self, krate: &str) -> Types {
        let mut found = Types::default();
        self.walk(&[krate.to_owned()], krate, 0, &mut found);
        found
    }

    fn module(&self, path: &[String]) -> Option<&Module> {
        let (krate, rest) = path.split_first()?;
        rest.iter().try_fold(self.0.get(krate)?, |module, name| Some(&module.modules.get(name)?.1))
    }

    /// What this module shows, under the path `shown`.
    fn walk(&self, at: &[String], shown: &str, depth: usize, found: &mut Types) {
        let Some(module) = self.module(at).filter(|_| depth < DEPTH) else { return };
        for (name, _) in module.declared.iter().filter(|(_, is_type)| **is_type) {
            found.add(&(at.to_vec(), name.clone()), shown, name);
        }
        // What begins with `__` is for macros.
        let public = |name: &str| !name.starts_with("__");
        for used in module.uses.iter().filter(|used| used.public && public(&used.name)) {
            let below = format!("{shown}::{}", used.name);
            match self.follow(at, &used.path, 0) {
                Some(Target::Type(origin)) => found.add(&origin, shown, &used.name),
                Some(Target::Module(place)) if used.name == "*" => self.walk(&place, shown, depth + 1, found),
                Some(Target::Module(place)) => self.walk(&place, &below, depth + 1, found),
                Some(Target::Other) => {}
                None if is_like_a_type(&used.name) => {
                    found.add(&(used.path.clone(), used.name.clone()), shown, &used.name);
                }
                None => {}
            }
        }
        for (name, _) in module.modules.iter().filter(|(name, (is_public, _))| *is_public && public(name)) {
            let below: Vec<String> = at.iter().chain([name]).cloned().collect();
            self.walk(&below, &format!("{shown}::{name}"), depth + 1, found);
        }
    }

    /// What a path that is written in the module `at` leads to.
    fn follow(&self, at: &[String], path: &[String], depth: usize) -> Option<Target> {
        let (first, mut rest) = path.split_first().filter(|_| depth < DEPTH)?;
        let mut place = match first.as_str() {
            "crate" => at[..1].to_vec(),
            "self" => at.to_vec(),
            "super" => at[..at.len() - 1].to_vec(),
            krate if self.0.contains_key(krate) && krate != "heist" => vec![krate.to_owned()],
            _ => {
                rest = path;
                at.to_vec()
            }
        };
        while let Some((name, behind)) = rest.split_first() {
            match self.look_up(&place, name, depth)? {
                Target::Module(next) => place = next,
                target => return behind.is_empty().then_some(target),
            }
            rest = behind;
        }
        Some(Target::Module(place))
    }

    /// What a name stands for in a module.
    fn look_up(&self, at: &[String], name: &str, depth: usize) -> Option<Target> {
        let module = self.module(at)?;
        if module.modules.contains_key(name) {
            return Some(Target::Module(at.iter().cloned().chain([name.to_owned()]).collect()));
        }
        if let Some(is_type) = module.declared.get(name) {
            return Some(if *is_type { Target::Type((at.to_vec(), name.to_owned())) } else { Target::Other });
        }
        let named = module.uses.iter().find(|used| used.name == name);
        if let Some(used) = named.filter(|used| !(used.path.len() == 1 && used.path[0] == name)) {
            return self.follow(at, &used.path, depth + 1);
        }
        module.uses.iter().filter(|used| used.name == "*").find_map(|used| {
            match self.follow(at, &used.path, depth + 1)? {
                Target::Module(place) => self.look_up(&place, name, depth + 1),
                _ => None,
            }
        })
    }
}

/// `LikeThis`, and neither `like_this` nor `LIKE_THIS`.
fn is_like_a_type(name: &str) -> bool {
    name.starts_with(char::is_uppercase) && name.contains(char::is_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::tokens;

    fn crates(sources: &[(&str, &str)]) -> Crates {
        let module = |source| Module::of_tokens(&tokens(source), Path::new("nowhere")).unwrap();
        Crates(sources.iter().map(|(name, source)| ((*name).to_owned(), module(source))).collect())
    }

    fn shown(crates: &Crates) -> Vec<String> {
        let types = crates.types_of("heist");
        types.paths().map(|paths| paths.iter().cloned().collect::<Vec<_>>().join(" ")).collect()
    }

    #[test]
    fn what_is_re_exported_is_shown_once_with_all_its_paths() {
        let below = "pub mod sync { pub struct Lock; pub trait Order {} } mod hidden { pub struct No; pub struct Yes; }
                     pub use sync::Lock; pub use hidden::Yes as Renamed;";
        let above = "pub use heist_low::{Lock, sync, Renamed}; pub mod net { pub use heist_low::sync::*; }
                     pub use heist_low::sync::Order; mod own { pub struct Own; pub struct Unseen; } pub use own::Own;
                     pub mod __private { pub struct Macros; }";
        let crates = crates(&[("heist", above), ("heist_low", below)]);
        let expected = ["heist::Own", "heist::Renamed", "heist::Lock heist::net::Lock heist::sync::Lock"];
        assert_eq!(shown(&crates), expected);
    }

    #[test]
    fn a_name_of_unknown_origin_counts_if_it_looks_like_a_type() {
        let crates = crates(&[("heist", "pub use made_by::{Macro, function, A_CONSTANT};")]);
        assert_eq!(shown(&crates), ["heist::Macro"]);
    }

    #[test]
    fn circles_end() {
        let crates = crates(&[("heist", "pub mod a { pub use super::*; pub struct B; } pub use a::*;")]);
        assert!(shown(&crates).iter().any(|paths| paths.split(' ').any(|path| path == "heist::B")));
    }
}

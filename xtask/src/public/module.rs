//! What a module declares and re-exports, read from its source.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::tokens::{Token, group, tokens};
use crate::tree;

/// A module: a file, or a block of one.
#[derive(Debug, Default)]
pub(super) struct Module {
    /// The items that are `pub`, and whether each is a struct, enum or union.
    pub(super) declared: BTreeMap<String, bool>,
    /// The modules below, and whether each is `pub`.
    pub(super) modules: BTreeMap<String, (bool, Module)>,
    pub(super) uses: Vec<Use>,
}

/// One name of a `use`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Use {
    pub(super) public: bool,
    pub(super) path: Vec<String>,
    /// What it is called here; `*`: everything behind the path.
    pub(super) name: String,
}

impl Module {
    /// The crate whose root this file is (a path from the root of the workspace).
    pub(super) fn of_file(path: &Path) -> Result<Self, String> {
        let directory = match path.file_stem().and_then(|stem| stem.to_str()) {
            Some("lib" | "mod") | None => path.with_file_name(""),
            Some(_) => path.with_extension(""),
        };
        Self::of_tokens(&tokens(&tree::read(path)?), &directory)
    }

    /// From the tokens of a file or block, whose modules' files are in `directory`.
    pub(super) fn of_tokens(tokens: &[Token], directory: &Path) -> Result<Self, String> {
        let (mut module, mut at, mut public) = (Self::default(), 0, false);
        while let Some(token) = tokens.get(at) {
            let rest = &tokens[at..];
            let after = &rest[1..];
            at += 1;
            match (token.word(), after.first().and_then(Token::word)) {
                (Some("pub"), _) => {
                    // `pub(crate)` and its like are not public.
                    public = !after.first().is_some_and(|token| token.is('('));
                    continue;
                }
                (Some("struct" | "enum" | "union"), Some(name)) if public => {
                    module.declared.insert(name.to_owned(), true);
                }
                (Some("trait" | "type"), Some(name)) if public => {
                    module.declared.insert(name.to_owned(), false);
                }
                (Some("mod"), Some(name)) => {
                    at += module.add_module(name, public, &after[1..], directory)?;
                }
                (Some("use"), _) => at += module.add_uses(public, after),
                _ if token.is('{') && is_called(&tokens[..at - 1]) => {}
                _ if token.is('{') || token.is('(') || token.is('[') => {
                    at += group(rest).unwrap_or(1) - 1;
                    // What `pub(crate)` is said of comes behind it.
                    public &= !token.is('(');
                    continue;
                }
                // `pub unsafe trait`, `pub async fn`.
                (Some("unsafe" | "async" | "const"), _) => continue,
                _ => {}
            }
            public = false;
        }
        Ok(module)
    }

    /// The module of that name, which is in a file if `;` comes next, or a block; returns how many tokens that were.
    fn add_module(
        &mut self,
        name: &str,
        public: bool,
        behind: &[Token],
        directory: &Path,
    ) -> Result<usize, String> {
        let below = directory.join(name);
        let (module, length) = match behind.first() {
            Some(token) if token.is('{') => {
                let length = group(behind).unwrap_or(behind.len());
                (Self::of_tokens(behind.get(1..length - 1).unwrap_or_default(), &below)?, length)
            }
            _ => match file(&below) {
                Some(path) => (Self::of_file(&path)?, 0),
                // With a path of its own, or not in a module's usual place: nothing is known of it.
                None => (Self::default(), 0),
            },
        };
        self.modules.insert(name.to_owned(), (public, module));
        Ok(1 + length)
    }

    /// The names of the `use` whose tree stands at the front; returns its length.
    fn add_uses(&mut self, public: bool, tree: &[Token]) -> usize {
        let length = tree.iter().position(|token| token.is(';')).unwrap_or(tree.len());
        self.add_branch(public, &[], &tree[..length]);
        length
    }

    /// A path, or a path and a list of what is behind it.
    fn add_branch(&mut self, public: bool, front: &[String], tree: &[Token]) {
        let mut path = front.to_vec();
        let mut rest = tree;
        while let Some(token) = rest.first() {
            match token.word() {
                Some("as") => {
                    let name = rest.get(1).and_then(Token::word).unwrap_or("_").to_owned();
                    self.uses.push(Use { public, path, name });
                    return;
                }
                Some(word) => path.push(word.to_owned()),
                None if token.is('{') => {
                    for branch in branches(&rest[1..rest.len() - 1]) {
                        self.add_branch(public, &path, branch);
                    }
                    return;
                }
                None if token.is('*') => {
                    self.uses.push(Use { public, path, name: "*".to_owned() });
                    return;
                }
                // `::` at the front names a crate that is not ours.
                None if path.is_empty() => return,
                None => {}
            }
            rest = &rest[1..];
        }
        if path.last().is_some_and(|word| word == "self") {
            path.pop();
        }
        if let Some(name) = path.last().cloned() {
            self.uses.push(Use { public, path, name });
        }
    }
}

/// Whether a macro is called with what comes behind these tokens. What stands in a `macro_rules!` is nothing yet.
fn is_called(before: &[Token]) -> bool {
    matches!(before, [.., Token::Word(_), Token::Sign('!')])
}

/// The file of a module.
fn file(below: &Path) -> Option<PathBuf> {
    let candidates = [below.with_extension("rs"), below.join("mod.rs")];
    candidates.into_iter().find(|path| tree::root().join(path).exists())
}

/// The parts of a list between its commas.
fn branches(list: &[Token]) -> Vec<&[Token]> {
    let (mut found, mut from, mut depth) = (Vec::new(), 0, 0);
    for (index, token) in list.iter().enumerate() {
        match token {
            Token::Sign('{') => depth += 1,
            Token::Sign('}') => depth -= 1,
            Token::Sign(',') if depth == 0 => {
                found.push(&list[from..index]);
                from = index + 1;
            }
            _ => {}
        }
    }
    found.push(&list[from..]);
    // There is nothing behind a last comma.
    found.retain(|branch| !branch.is_empty());
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(source: &str) -> Module {
        Module::of_tokens(&tokens(source), Path::new("nowhere")).unwrap()
    }

    fn types(module: &Module) -> Vec<&str> {
        module.declared.iter().filter_map(|(name, is_type)| is_type.then_some(name.as_str())).collect()
    }

    #[test]
    fn public_types_are_found_and_others_are_not() {
        let source = "
            pub struct A<T>(pub T); struct B; pub(crate) struct C { pub d: u8 } #[derive(Debug)] pub enum E { F }
            pub fn g() { pub struct H; } impl A { pub fn i() {} } pub trait J { } pub unsafe trait K {}
            pin_project! { pub struct L { m: u8 } } macro_rules! n { () => { pub struct O; } } pub const P: u8 = 1;
            struct Q; pub(super) enum R { S } pub union T { u: u8 }";
        let module = module(source);
        assert_eq!(types(&module), ["A", "E", "L", "T"]);
        assert!(module.declared.contains_key("J") && module.declared.contains_key("K"));
    }

    #[test]
    fn modules_are_entered() {
        let module = module("pub mod a { pub struct B; mod c { pub enum D {} } } pub struct E;");
        let (public, a) = &module.modules["a"];
        assert!(*public && types(a) == ["B"]);
        let (public, c) = &a.modules["c"];
        assert!(!*public && types(c) == ["D"]);
        assert_eq!(types(&module), ["E"]);
    }

    #[test]
    fn each_name_of_a_use_is_found() {
        let module = module("pub use a::{b::{C, D as E}, self, f,}; use g::*; pub use ::h::I;");
        let shown: Vec<_> =
            module.uses.iter().map(|used| (used.path.join("::"), used.name.as_str())).collect();
        let expected = [("a::b::C", "C"), ("a::b::D", "E"), ("a", "a"), ("a::f", "f"), ("g", "*")];
        assert_eq!(shown, expected.map(|(path, name)| (path.to_owned(), name)));
        assert!(module.uses[0].public && !module.uses[4].public);
    }
}

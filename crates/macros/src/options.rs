//! The options in the brackets of an attribute.

use proc_macro::{Span, TokenStream, TokenTree};

use crate::expand::{Entry, Error};

/// What the brackets said.
#[derive(Debug, Default)]
pub(crate) struct Options {
    /// `workers = N`.
    pub(crate) workers: Option<usize>,
    /// `current_thread`.
    pub(crate) current_thread: bool,
    /// `virtual_time`.
    pub(crate) virtual_time: bool,
    /// `tokio_compat`.
    pub(crate) tokio_compat: bool,
}

impl Options {
    /// Reads `NAME` and `NAME = VALUE`, separated by commas.
    pub(crate) fn parse(entry: Entry, tokens: TokenStream) -> Result<Self, Error> {
        let mut options = Self::default();
        let mut seen: Vec<String> = Vec::new();
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            let span = token.span();
            let name = token.to_string();
            if seen.contains(&name) {
                return Err(Error::new(span, format!("`{name}` stands here twice: leave one out")));
            }
            match name.as_str() {
                "workers" => options.workers = Some(workers(span, &mut tokens)?),
                "current_thread" => options.current_thread = true,
                "tokio_compat" => options.tokio_compat = true,
                "virtual_time" if entry == Entry::Test => options.virtual_time = true,
                "virtual_time" => {
                    return Err(Error::new(span, "`virtual_time` is an option of `#[heist::test]` only"));
                }
                _ => return Err(unknown(entry, span, &name)),
            }
            if options.current_thread && options.workers.is_some() {
                let message =
                    "`current_thread` runs everything on one thread: leave out `workers` or `current_thread`";
                return Err(Error::new(span, message));
            }
            seen.push(name);
            match tokens.next() {
                None => break,
                Some(TokenTree::Punct(comma)) if comma.as_char() == ',' => {}
                Some(other) => {
                    return Err(Error::new(other.span(), "a comma should stand between two options"));
                }
            }
        }
        Ok(options)
    }
}

fn unknown(entry: Entry, span: Span, name: &str) -> Error {
    let known = match entry {
        Entry::Main => "`workers = N`, `current_thread` and `tokio_compat`",
        Entry::Test => "`workers = N`, `current_thread`, `tokio_compat` and `virtual_time`",
    };
    Error::new(span, format!("there is no option `{name}`; the options of `{entry}` are {known}"))
}

/// The `= N` after `workers`.
fn workers(name: Span, tokens: &mut impl Iterator<Item = TokenTree>) -> Result<usize, Error> {
    const HINT: &str = "`workers` wants a number of at least 1: write `workers = 4`";
    match tokens.next() {
        Some(TokenTree::Punct(equals)) if equals.as_char() == '=' => {}
        other => return Err(Error::new(other.map_or(name, |token| token.span()), HINT)),
    }
    let value = tokens.next().ok_or_else(|| Error::new(name, HINT))?;
    let digits = value.to_string().replace('_', "");
    let digits = digits.strip_suffix("usize").unwrap_or(&digits);
    digits.parse().ok().filter(|count| *count > 0).ok_or_else(|| Error::new(value.span(), HINT))
}

//! From the attribute and its function to the code that runs.

use std::fmt;

use proc_macro::{Delimiter, Group, Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};

use crate::function::Function;
use crate::options::Options;

/// Which attribute it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// `#[heist::main]`.
    Main,
    /// `#[heist::test]`.
    Test,
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Main => "#[heist::main]",
            Self::Test => "#[heist::test]",
        })
    }
}

/// What is wrong, and where.
#[derive(Debug)]
pub(crate) struct Error {
    span: Span,
    message: String,
}

impl Error {
    /// An error at a place in the source.
    pub(crate) fn new(span: Span, message: impl Into<String>) -> Self {
        Self { span, message: message.into() }
    }

    /// `::core::compile_error! { "..." }`, each token of it at the place that is wrong.
    fn into_tokens(self) -> TokenStream {
        let mut message = Literal::string(&self.message);
        message.set_span(self.span);
        let mut tokens = spanned("::core::compile_error!", self.span);
        let mut braces = Group::new(Delimiter::Brace, TokenTree::from(message).into());
        braces.set_span(self.span);
        tokens.push(braces.into());
        tokens.into_iter().collect()
    }
}

/// Rust text as tokens at one place: words, `::` and single signs are all that it understands.
fn spanned(text: &str, span: Span) -> Vec<TokenTree> {
    let mut tokens = Vec::new();
    let mut characters = text.chars().peekable();
    while let Some(first) = characters.next() {
        if first.is_alphanumeric() || first == '_' {
            let mut word = first.to_string();
            while let Some(next) = characters.next_if(|next| next.is_alphanumeric() || *next == '_') {
                word.push(next);
            }
            tokens.push(Ident::new(&word, span).into());
        } else {
            let joint = first == ':' && characters.peek() == Some(&':');
            let mut sign = Punct::new(first, if joint { Spacing::Joint } else { Spacing::Alone });
            sign.set_span(span);
            tokens.push(sign.into());
        }
    }
    tokens
}

/// The whole expansion; what is wrong becomes a compile error at its place.
pub(crate) fn expand(entry: Entry, options: TokenStream, item: TokenStream) -> TokenStream {
    let parsed = Options::parse(entry, options)
        .and_then(|options| Function::parse(entry, item.clone()).map(|function| (options, function)));
    match parsed {
        Ok((options, function)) => function_of(entry, &options, function),
        Err(error) => {
            // The function itself stays, so that one mistake in the brackets does not make a program without `main`:
            // as a plain one, because an `async fn main` would be one more error.
            let mut tokens = error.into_tokens();
            match Function::parse(entry, item.clone()) {
                Ok(function) => tokens.extend(placeholder(function)),
                Err(_) if is_main(item) => tokens.extend(code("fn main() {}")),
                Err(_) => {}
            }
            tokens
        }
    }
}

/// Whether the item is a function of the name `main`, whatever else is wrong with it.
fn is_main(item: TokenStream) -> bool {
    let mut tokens = item.into_iter().skip_while(|token| token.to_string() != "fn");
    tokens.nth(1).is_some_and(|name| name.to_string() == "main")
}

/// `front fn name() -> returned { unreachable!() }`.
fn placeholder(function: Function) -> TokenStream {
    let body = code("::core::unreachable!()");
    signature(function.front, "fn", &function.name, function.returned, Group::new(Delimiter::Brace, body))
}

/// `[#[test]] front fn name() -> returned { async fn name() -> returned body  run(config, name()) }`.
fn function_of(entry: Entry, options: &Options, function: Function) -> TokenStream {
    let Function { front, name, returned, body } = function;
    let mut inner = signature(Vec::new(), "async fn", &name, returned.clone(), body);
    let run = match entry {
        Entry::Main => "run_main",
        Entry::Test => "run_test",
    };
    let workers = match options.workers {
        Some(count) => format!("::core::option::Option::Some({count}usize)"),
        None => "::core::option::Option::None".to_owned(),
    };
    let Options { current_thread, virtual_time, tokio_compat, .. } = options;
    let mut config = format!(
        "::heist::__private::MainConfig {{ workers: {workers}, current_thread: {current_thread}, \
         virtual_time: {virtual_time} }}"
    );
    if *tokio_compat {
        // A macro, so that the facade can say which feature is missing.
        config = format!("::heist::__private::tokio_compat!({config})");
    }
    inner.extend(code(&format!("::heist::__private::{run}({config}, {name}())")));
    let mut outer = match entry {
        Entry::Main => TokenStream::new(),
        Entry::Test => code("#[::core::prelude::v1::test]"),
    };
    outer.extend(signature(front, "fn", &name, returned, Group::new(Delimiter::Brace, inner)));
    outer
}

/// `front KEYWORDS name() -> returned body`.
fn signature(
    front: Vec<TokenTree>,
    keywords: &str,
    name: &Ident,
    returned: Vec<TokenTree>,
    body: Group,
) -> TokenStream {
    let mut tokens: TokenStream = front.into_iter().collect();
    tokens.extend(code(keywords));
    tokens.extend([
        TokenTree::from(name.clone()),
        TokenTree::from(Group::new(Delimiter::Parenthesis, TokenStream::new())),
    ]);
    tokens.extend(returned);
    tokens.extend([TokenTree::from(body)]);
    tokens
}

/// Fixed text of ours as tokens.
fn code(text: &str) -> TokenStream {
    text.parse().expect("the macro's own text is Rust")
}

//! The function under an attribute, taken apart no further than the expansion needs.

use proc_macro::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};

use crate::expand::{Entry, Error};

/// `#[attributes] visibility async fn name() -> returned { body }`.
#[derive(Debug)]
pub(crate) struct Function {
    /// Attributes and visibility.
    pub(crate) front: Vec<TokenTree>,
    /// The name.
    pub(crate) name: Ident,
    /// The arrow and the type, if any.
    pub(crate) returned: Vec<TokenTree>,
    /// The body, in its braces.
    pub(crate) body: Group,
}

impl Function {
    /// Takes an async function without parameters apart, or says what stands in the way.
    pub(crate) fn parse(entry: Entry, item: TokenStream) -> Result<Self, Error> {
        let mut tokens = item.into_iter();
        let (mut front, mut is_async) = (Vec::new(), false);
        let keyword = loop {
            let Some(token) = tokens.next() else {
                return Err(Error::new(Span::call_site(), format!("`{entry}` stands before an `async fn`")));
            };
            match &token {
                TokenTree::Ident(word) => match word.to_string().as_str() {
                    "fn" => break word.span(),
                    "async" => is_async = true,
                    "pub" => front.push(token),
                    "const" | "unsafe" | "extern" => {
                        return Err(Error::new(
                            word.span(),
                            format!("a `{word}` function cannot be `{entry}`"),
                        ));
                    }
                    _ => {
                        return Err(Error::new(
                            word.span(),
                            format!("`{entry}` stands before an `async fn`"),
                        ));
                    }
                },
                TokenTree::Group(group) => {
                    if entry == Entry::Test && is_plain_test(group) {
                        let message = "`#[heist::test]` is enough: leave out `#[test]`";
                        return Err(Error::new(group.span(), message));
                    }
                    front.push(token);
                }
                _ => front.push(token),
            }
        };
        let Some(TokenTree::Ident(name)) = tokens.next() else {
            return Err(Error::new(keyword, "a name should follow `fn`"));
        };
        if !is_async {
            return Err(Error::new(
                keyword,
                format!("`{entry}` wants an async function: write `async fn {name}()`"),
            ));
        }
        match tokens.next() {
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis => {
                if let Some(parameter) = group.stream().into_iter().next() {
                    let hint =
                        "nobody could pass a parameter: take what the function needs from its environment";
                    return Err(Error::new(
                        parameter.span(),
                        format!("{hint} (`std::env::args()`, a static)"),
                    ));
                }
            }
            other => {
                let span = other.map_or(name.span(), |token| token.span());
                return Err(Error::new(
                    span,
                    format!("`{entry}` cannot be generic: nobody could choose the types"),
                ));
            }
        }
        let mut returned: Vec<TokenTree> = tokens.collect();
        match returned.pop() {
            Some(TokenTree::Group(body)) if body.delimiter() == Delimiter::Brace => {
                Ok(Self { front, name, returned, body })
            }
            _ => Err(Error::new(name.span(), "the function has no body")),
        }
    }
}

/// Whether these are the brackets of `#[test]`.
fn is_plain_test(group: &Group) -> bool {
    group.delimiter() == Delimiter::Bracket && group.stream().to_string() == "test"
}

//! As much of Rust's tokens as it takes to tell a function from a text about one.

/// A token. Comments are none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// A keyword, a name or a number.
    Word(String),
    /// A text, a character or a lifetime, whatever is in it.
    Literal,
    /// Anything else, character by character.
    Sign(char),
}

impl Token {
    pub(crate) fn is(&self, sign: char) -> bool {
        *self == Self::Sign(sign)
    }

    pub(crate) fn word(&self) -> Option<&str> {
        match self {
            Self::Word(word) => Some(word),
            _ => None,
        }
    }
}

/// The tokens of a source that compiles. Of one that does not, something.
pub(crate) fn tokens(source: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let (token, length) = if rest.starts_with("//") {
            (None, rest.find('\n').unwrap_or(rest.len()))
        } else if rest.starts_with("/*") {
            (None, block_comment(rest))
        } else if first.is_whitespace() {
            (None, first.len_utf8())
        } else if let Some(length) = text(rest) {
            (Some(Token::Literal), length)
        } else if first == '\'' {
            (Some(Token::Literal), quoted_or_lifetime(rest))
        } else if first.is_alphanumeric() || first == '_' {
            let length = word(rest);
            // The raw name of a keyword is a name.
            match rest[length..].strip_prefix('#').map(word) {
                Some(more) if &rest[..length] == "r" && more > 0 => {
                    let all = length + 1 + more;
                    (Some(Token::Word(rest[..all].to_owned())), all)
                }
                _ => (Some(Token::Word(rest[..length].to_owned())), length),
            }
        } else {
            (Some(Token::Sign(first)), first.len_utf8())
        };
        found.extend(token);
        rest = &rest[length..];
    }
    found
}

/// The length of the bracketed group at the front.
pub(crate) fn group(tokens: &[Token]) -> Option<usize> {
    let mut depth = 0;
    for (index, token) in tokens.iter().enumerate() {
        match token {
            Token::Sign('(' | '[' | '{') => depth += 1,
            Token::Sign(')' | ']' | '}') => depth -= 1,
            _ => {}
        }
        if depth <= 0 {
            return (index > 0).then_some(index + 1);
        }
    }
    None
}

fn word(source: &str) -> usize {
    source.find(|character: char| !character.is_alphanumeric() && character != '_').unwrap_or(source.len())
}

/// Comments nest.
fn block_comment(source: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < source.len() {
        if source[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if source[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                break;
            }
        } else {
            at += source[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    at
}

/// `"..."`, with `b` or `c` before it; `r"..."` and `r#"..."#`, with `b` or `c` before them.
fn text(source: &str) -> Option<usize> {
    let letters = source.find(|character| !matches!(character, 'b' | 'c' | 'r'))?;
    if letters > 2 {
        return None;
    }
    let raw = source[..letters].ends_with('r');
    let hashes = source[letters..].bytes().take_while(|byte| *byte == b'#').count();
    let start = letters + hashes + 1;
    if !source[letters + hashes..].starts_with('"') || (hashes > 0 && !raw) {
        return None;
    }
    if raw {
        let end = format!("\"{}", "#".repeat(hashes));
        return Some(source[start..].find(&end).map_or(source.len(), |index| start + index + end.len()));
    }
    Some(after_quote(source, start, '"'))
}

/// `'x'`, `'\n'`, or `'name`.
fn quoted_or_lifetime(source: &str) -> usize {
    let mut characters = source[1..].chars();
    match (characters.next(), characters.next()) {
        (Some('\\'), _) => after_quote(source, 1, '\''),
        (Some(one), Some('\'')) => 2 + one.len_utf8(),
        _ => 1 + word(&source[1..]),
    }
}

/// Behind the next quote that no backslash escapes.
fn after_quote(source: &str, start: usize, quote: char) -> usize {
    let mut escaped = false;
    for (index, character) in source[start..].char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            other if other == quote => return start + index + 1,
            _ => {}
        }
    }
    source.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words as they are, `"` for literals, signs as they are.
    fn shown(source: &str) -> String {
        let tokens = tokens(source);
        let shown = tokens.iter().map(|token| match token {
            Token::Word(word) => word.clone(),
            Token::Literal => "\"".to_owned(),
            Token::Sign(sign) => sign.to_string(),
        });
        shown.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn comments_are_nothing() {
        assert_eq!(shown("a // fn b\nc /* d /* e */ f */ g /// h\n/* i"), "a c g");
    }

    #[test]
    fn texts_are_literals() {
        assert_eq!(shown(r#"a "fn \" b" c b"x" c"y" br"\" d"#), "a \" c \" \" \" d");
        assert_eq!(shown("r#\"a \" b\"# c r##\"\"#\"## d"), "\" c \" d");
        assert_eq!(shown("\"ä\" b"), "\" b");
    }

    #[test]
    fn characters_and_lifetimes_are_told_apart() {
        assert_eq!(shown(r"'a' b 'c, '\'' d '\u{7f}' e 'ä' f '"), "\" b \" , \" d \" e \" f \"");
        assert_eq!(
            shown("fn f<'a>(x: &'a str, c: char) { c == '\"' }"),
            "fn f < \" > ( x : & \" str , c : char ) { c = = \" }"
        );
    }

    #[test]
    fn names_may_be_raw_and_begin_with_the_letters_of_texts() {
        assert_eq!(shown("r#fn rb b034_x br c#"), "r#fn rb b034_x br c #");
        assert_eq!(shown("b034_x(r)"), "b034_x ( r )");
    }
}

//! Keys as `tsig-keygen` writes them and BIND reads them.

use super::variables::KeyText;

/// Reads the first key statement of a text; `None` where there is none that is complete.
///
/// <https://bind9.readthedocs.io/en/stable/reference.html#key-block-grammar>
pub(super) fn parse(text: &str) -> Option<KeyText<'_>> {
    let mut tokens = Tokens(text);
    tokens.find(|token| *token == "key")?;
    let name = tokens.next()?;
    let (mut algorithm, mut secret) = (None, None);
    if tokens.next()? != "{" {
        return None;
    }
    loop {
        match tokens.next()? {
            "}" => return Some(KeyText { name, algorithm: algorithm?, secret: secret? }),
            "algorithm" => algorithm = Some(tokens.next()?),
            "secret" => secret = Some(tokens.next()?),
            _ => {}
        }
    }
}

/// Words, texts in quotes (without them), and the marks `{`, `}` and `;`.
struct Tokens<'a>(&'a str);

impl<'a> Iterator for Tokens<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        self.skip_comments();
        if let Some(quoted) = self.0.strip_prefix('"') {
            let (text, rest) = quoted.split_once('"')?;
            self.0 = rest;
            return Some(text);
        }
        let is_end = |c: char| c.is_whitespace() || MARKS.contains(&c) || c == '"';
        let length = match self.0.find(is_end) {
            Some(0) => 1,
            Some(length) => length,
            None => self.0.len(),
        };
        let (token, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        (!token.is_empty()).then_some(token)
    }
}

impl Tokens<'_> {
    /// White space and the three sorts of comments.
    fn skip_comments(&mut self) {
        loop {
            self.0 = self.0.trim_start();
            let end = if self.0.starts_with('#') || self.0.starts_with("//") {
                "\n"
            } else if self.0.starts_with("/*") {
                "*/"
            } else {
                return;
            };
            self.0 = self.0.split_once(end).map_or("", |(_, rest)| rest);
        }
    }
}

const MARKS: [char; 3] = ['{', '}', ';'];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_as_tools_write_them() {
        let generated = "key \"acme\" {\n\talgorithm hmac-sha256;\n\tsecret \"c2VjcmV0\";\n};\n";
        let tight =
            "/* key x { */ options{a b;};# key y {\nkey acme{secret c2VjcmV0;algorithm \"hmac-sha256\";};";
        for text in [generated, tight] {
            let key = parse(text).unwrap();
            assert_eq!((key.name, key.algorithm, key.secret), ("acme", "hmac-sha256", "c2VjcmV0"));
        }
    }

    #[test]
    fn what_is_no_key_is_none() {
        for text in
            ["", "key", "key acme", "key acme { secret x; };", "key acme { algorithm a; secret", "\"", "/*"]
        {
            assert!(parse(text).is_none(), "{text}");
        }
    }
}

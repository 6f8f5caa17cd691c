//! Requests, read as far as an answer needs.

/// What the bytes of a connection are, so far.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Request<'a> {
    /// A request without its end.
    Incomplete,
    /// Not HTTP/1.
    Malformed,
    /// A method other than GET and HEAD.
    OtherMethod,
    /// A request for a path.
    Path {
        /// The path, as it came.
        path: &'a str,
        /// Whether it is HEAD, which gets no body.
        is_head: bool,
    },
}

impl<'a> Request<'a> {
    /// Reads what has come; the last `fresh` bytes were not there the last time.
    ///
    /// Headers are not looked at: whatever they say, the answer is the same.
    pub(super) fn read(bytes: &'a [u8], fresh: usize) -> Self {
        if bytes.first().is_some_and(|first| !first.is_ascii_uppercase()) {
            return Self::Malformed; // TLS at the wrong port, most likely: it need not wait
        }
        let seen = bytes.len().saturating_sub(fresh + END.len() - 1);
        if !bytes[seen..].windows(END.len()).any(|window| window == END) {
            return Self::Incomplete;
        }
        let line = bytes.split(|b| *b == b'\r').next().unwrap_or_default();
        let Ok(line) = str::from_utf8(line) else { return Self::Malformed };
        let mut words = line.split(' ');
        let (Some(method), Some(target), Some(version), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Self::Malformed;
        };
        if !version.starts_with("HTTP/1.") || !target.starts_with(['/', 'h', '*']) {
            return Self::Malformed;
        }
        match method {
            "GET" => Self::Path { path: path_of(target), is_head: false },
            "HEAD" => Self::Path { path: path_of(target), is_head: true },
            _ => Self::OtherMethod,
        }
    }
}

/// The path of a target, which is a whole URL where the sender takes us for a proxy.
///
/// <https://www.rfc-editor.org/rfc/rfc9112#section-3.2.2>
fn path_of(target: &str) -> &str {
    match target.strip_prefix("http://") {
        Some(rest) => rest.find('/').map_or("/", |slash| &rest[slash..]),
        None => target,
    }
}

const END: &[u8] = b"\r\n\r\n";

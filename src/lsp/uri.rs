//! `file:///a/b%20c.dflow` is the file `/a/b c.dflow`.
//!
//! Inside the server a document is known by its path, because imports are relative to paths. What is no file (an
//! unsaved buffer, `untitled:1`) keeps its address for a path: it can be checked, but imports nothing.

/// The path of an address.
#[must_use]
pub fn to_path(uri: &str) -> String {
    let Some(rest) = uri.strip_prefix("file://") else {
        return uri.to_owned();
    };
    // What stands before the path is a host; `localhost` and nothing are this machine.
    let path = rest.find('/').map_or("", |at| rest.get(at..).unwrap_or(""));
    let path = decode(path);
    match path.as_bytes() {
        // `/c:/x` on Windows.
        [b'/', drive, b':', ..] if drive.is_ascii_alphabetic() => {
            path.get(1..).unwrap_or("").to_owned()
        }
        _ => path,
    }
}

/// The address of a path that [`to_path`] or the compiler made.
#[must_use]
pub fn from_path(path: &str) -> String {
    let is_drive =
        matches!(path.as_bytes(), [drive, b':', b'/', ..] if drive.is_ascii_alphabetic());
    if is_drive {
        return format!("file:///{}", encode(path));
    }
    if path.starts_with('/') {
        return format!("file://{}", encode(path));
    }
    path.to_owned()
}

/// What is not UTF-8 after decoding becomes U+FFFD: such a file is not found, and that is reported.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = match (first, tail) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)),
            _ => None,
        };
        match escaped {
            Some((high, low)) => {
                bytes.push(high * 16 + low);
                rest = tail.get(2..).unwrap_or(&[]);
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

fn encode(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        for (uri, path) in [
            ("file:///a/b.dflow", "/a/b.dflow"),
            ("file:///a/b%20c%C3%A4.dflow", "/a/b cä.dflow"),
            ("file:///c%3A/x.dflow", "c:/x.dflow"),
            ("untitled:Untitled-1", "untitled:Untitled-1"),
        ] {
            assert_eq!(to_path(uri), path);
            assert_eq!(from_path(path), uri);
        }
        assert_eq!(to_path("file://localhost/a%2"), "/a%2");
    }
}

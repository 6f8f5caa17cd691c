//! As much XML as Route 53 writes: elements without attributes that hold elements or text.

/// What is in each element of a name, in order. An element does not hold one of its own name.
pub(super) fn elements<'a>(xml: &'a str, name: &str) -> Vec<&'a str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let mut found = Vec::new();
    let mut rest = xml;
    while let Some((_, after)) = rest.split_once(&open) {
        let Some((inside, next)) = after.split_once(&close) else { break };
        found.push(inside);
        rest = next;
    }
    found
}

/// The text of the first element of a name.
pub(super) fn text(xml: &str, name: &str) -> Option<String> {
    elements(xml, name).first().map(|text| unescaped(text))
}

/// A text without entities. What is no entity of XML's own stays as it is.
pub(super) fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        match after.split_once(';').and_then(|(entity, next)| Some((character(entity)?, next))) {
            Some((character, next)) => {
                plain.push(character);
                rest = next;
            }
            None => {
                plain.push('&');
                rest = after;
            }
        }
    }
    plain.push_str(rest);
    plain
}

/// A text as it stands between tags.
pub(super) fn escaped(text: &str) -> String {
    let pairs = [('&', "&amp;"), ('<', "&lt;"), ('>', "&gt;"), ('"', "&quot;"), ('\'', "&apos;")];
    let one = |c: char| {
        pairs.iter().find(|(plain, _)| *plain == c).map_or_else(|| c.to_string(), |(_, e)| (*e).into())
    };
    text.chars().map(one).collect()
}

/// <https://www.w3.org/TR/xml/#sec-predefined-ent>
fn character(entity: &str) -> Option<char> {
    match entity {
        "amp" => Some('&'),
        "apos" => Some('\''),
        "gt" => Some('>'),
        "lt" => Some('<'),
        "quot" => Some('"'),
        _ => {
            let number = entity.strip_prefix('#')?;
            let code = match number.strip_prefix('x') {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_told_apart_by_whole_names() {
        let xml = "<Zones><Zone><Id>1</Id></Zone><ZoneId>x</ZoneId><Zone><Id>2</Id></Zone></Zones><Zone>";
        assert_eq!(elements(xml, "Zone"), ["<Id>1</Id>", "<Id>2</Id>"]);
        assert_eq!(text(xml, "Id").as_deref(), Some("1"));
        assert_eq!(text(xml, "Name"), None);
    }

    #[test]
    fn entities_go_and_come() {
        let plain = "a<b>&\"c' é";
        assert_eq!(unescaped(&escaped(plain)), plain);
        assert_eq!(unescaped("&#34;&#x41;&unknown;&&#xFFFFFFFF;"), "\"A&unknown;&&#xFFFFFFFF;");
    }
}
